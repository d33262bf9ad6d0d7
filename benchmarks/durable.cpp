// What it costs to keep messages on disk: durable_queue beside the bare system calls, and beside what is used as a queue
// on disk in one program today. All work in a folder below the current one, which should be on the disk that is meant.
//
//   publish/producers:N    so many threads publish messages of 100 bytes, each on disk before the next. `a_sync` is how
//                          many of them one sync was for; the bare contender writes as many at a time
//   interval/…             the same without a wait for the disk, one by one or 100 at a time, into a queue of 100,000 at
//                          most that has held as many before: what grows measures how fast the system finds memory
//   through                published 100 at a time; then each of them is received, and acknowledged, before the next. The
//                          peers read and delete it in one transaction; durable_queue also keeps that it was handed over
//   open/N bytes, …        a folder with a million messages of 1000 bytes, or 2.5 million of 100 bytes, beside reading its
//                          files: into memory that is used again, or to be kept. `warm`: the system has them in memory.
//                          `cold`: from the disk
//
// In the last three durable_queue syncs each 100 ms, the bare contender and the peers never.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <kew/durable_queue.hpp>

#ifdef KEW_PEER_SQLITE
#include <sqlite3.h>
#endif
#ifdef KEW_PEER_LMDB
#include <lmdb.h>
#endif
#ifdef KEW_PEER_ROCKSDB
#include <rocksdb/db.h>
#endif

#include "session.hpp"

namespace bench { namespace {

using clock = std::chrono::steady_clock;
using message = std::array<char, 100>;
constexpr std::size_t on_disk = 128;  // what durable_queue makes of it

class folder {
 public:
  folder() {
    std::string name = (std::filesystem::current_path() / "durable-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder can be made here");
    path_ = name;
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string at(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

void require(bool well, const char* what) {
  if (!well) throw std::runtime_error(what);
}

// ---- Contenders: publish(message), from any thread; publish_n where there is one ------------------------------------

/// pwrite and fdatasync into a file that was reserved before; `group` messages at a time.
class bare {
 public:
  static constexpr auto name = "limit: pwrite and fdatasync";

  explicit bare(bool sync, std::size_t group) : sync_(sync), bytes_(group * on_disk, 'x') {
    require(file_ >= 0 && posix_fallocate(file_, 0, room) == 0, "no file");
  }
  ~bare() { close(file_); }

  void publish(const message&) {
    const off_t end = end_.fetch_add(static_cast<off_t>(bytes_.size())) % (room - static_cast<off_t>(bytes_.size()));
    require(pwrite(file_, bytes_.data(), bytes_.size(), end) == static_cast<ssize_t>(bytes_.size()), "pwrite");
    if (sync_) require(fdatasync(file_) == 0, "fdatasync");
  }
  void publish_n(const std::vector<message>& some) {
    bytes_.resize(some.size() * on_disk);
    publish(some[0]);
  }
  void take(std::size_t n) {
    bytes_.resize(on_disk);
    for (std::size_t i = 0; i < 2 * n; ++i) publish({});
  }
  std::size_t group() const { return bytes_.size() / on_disk; }

 private:
  static constexpr off_t room = off_t{64} << 20;

  folder folder_;
  const bool sync_;
  std::string bytes_;
  const int file_ = open(folder_.at("file").c_str(), O_RDWR | O_CREAT, 0666);
  std::atomic<off_t> end_{0};
};

class durable {
 public:
  static constexpr auto name = "kew::durable_queue";

  explicit durable(bool sync) : queue_(folder_.at("queue"), options(sync)) {}

  void publish(const message& one) { require(static_cast<bool>(queue_.publish(one)), "publish"); }
  void publish_n(std::vector<message>& some) { require(queue_.publish_n(some) == some.size(), "publish_n"); }
  void take(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) require(queue_.receive()->ack(), "ack");
  }
  kew::durable_queue<message>& queue() { return queue_; }

 private:
  static kew::durable_options options(bool sync) {
    kew::durable_options how;
    how.capacity = SIZE_MAX;
    how.sync = sync ? kew::sync::each : kew::sync::interval(std::chrono::milliseconds(100));
    return how;
  }

  folder folder_;
  kew::durable_queue<message> queue_;
};

#ifdef KEW_PEER_SQLITE
/// A table; write-ahead log, synchronous=FULL. One connection, one transaction a message or a batch.
class sqlite {
 public:
  static constexpr auto name = "SQLite (WAL, FULL)";

  explicit sqlite(bool sync) {
    require(sqlite3_open(folder_.at("queue.db").c_str(), &base_) == SQLITE_OK, "sqlite3_open");
    run("PRAGMA journal_mode=WAL");
    run(sync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    run("CREATE TABLE queue (id INTEGER PRIMARY KEY, body BLOB)");
    sqlite3_prepare_v2(base_, "INSERT INTO queue (body) VALUES (?)", -1, &insert_, nullptr);
    sqlite3_prepare_v2(base_, "DELETE FROM queue WHERE id = (SELECT min(id) FROM queue) RETURNING body", -1, &take_,
                       nullptr);
  }
  ~sqlite() {
    sqlite3_finalize(insert_);
    sqlite3_finalize(take_);
    sqlite3_close(base_);
  }
  void publish(const message& one) {
    const std::lock_guard locked(mutex_);
    add(one);
  }
  void publish_n(std::vector<message>& some) {
    const std::lock_guard locked(mutex_);
    run("BEGIN");
    for (const message& one : some) add(one);
    run("COMMIT");
  }
  void take(std::size_t n) {
    const std::lock_guard locked(mutex_);
    if (n > 1) run("BEGIN");
    for (std::size_t i = 0; i < n; ++i) {
      require(sqlite3_step(take_) == SQLITE_ROW && sqlite3_column_bytes(take_, 0) == sizeof(message), "DELETE");
      require(sqlite3_step(take_) == SQLITE_DONE, "DELETE");
      sqlite3_reset(take_);
    }
    if (n > 1) run("COMMIT");
  }

 private:
  void add(const message& one) {
    sqlite3_bind_blob(insert_, 1, one.data(), static_cast<int>(one.size()), SQLITE_STATIC);
    require(sqlite3_step(insert_) == SQLITE_DONE, "INSERT");
    sqlite3_reset(insert_);
  }
  void run(const char* sql) { require(sqlite3_exec(base_, sql, nullptr, nullptr, nullptr) == SQLITE_OK, sql); }

  folder folder_;
  sqlite3* base_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* take_ = nullptr;
  std::mutex mutex_;
};
#endif

#ifdef KEW_PEER_LMDB
/// A key that counts up; one transaction a message or a batch.
class lmdb {
 public:
  static constexpr auto name = "LMDB";

  explicit lmdb(bool sync) {
    mdb_env_create(&environment_);
    mdb_env_set_mapsize(environment_, std::size_t{1} << 31);
    require(
        mdb_env_open(environment_, folder_.at("queue.mdb").c_str(), MDB_NOSUBDIR | (sync ? 0 : MDB_NOSYNC), 0666) == 0,
        "mdb_env_open");
    MDB_txn* first = nullptr;
    mdb_txn_begin(environment_, nullptr, 0, &first);
    require(mdb_dbi_open(first, nullptr, MDB_INTEGERKEY, &base_) == 0, "mdb_dbi_open");
    mdb_txn_commit(first);
  }
  ~lmdb() { mdb_env_close(environment_); }

  void publish(const message& one) { publish_some(&one, 1); }
  void publish_n(std::vector<message>& some) { publish_some(some.data(), some.size()); }
  void take(std::size_t n) {
    const std::lock_guard locked(mutex_);
    MDB_txn* transaction = nullptr;
    require(mdb_txn_begin(environment_, nullptr, 0, &transaction) == 0, "mdb_txn_begin");
    MDB_cursor* cursor = nullptr;
    require(mdb_cursor_open(transaction, base_, &cursor) == 0, "mdb_cursor_open");
    for (std::size_t i = 0; i < n; ++i) {
      MDB_val key{};
      MDB_val value{};
      require(mdb_cursor_get(cursor, &key, &value, MDB_FIRST) == 0, "mdb_cursor_get");
      std::memcpy(taken_.data(), value.mv_data, sizeof(message));
      require(mdb_cursor_del(cursor, 0) == 0, "mdb_cursor_del");
    }
    mdb_cursor_close(cursor);
    require(mdb_txn_commit(transaction) == 0, "mdb_txn_commit");
  }

 private:
  void publish_some(const message* some, std::size_t n) {
    const std::lock_guard locked(mutex_);
    MDB_txn* transaction = nullptr;
    require(mdb_txn_begin(environment_, nullptr, 0, &transaction) == 0, "mdb_txn_begin");
    for (std::size_t i = 0; i < n; ++i) {
      std::size_t number = next_++;
      MDB_val key{sizeof(number), &number};
      MDB_val value{sizeof(message), const_cast<char*>(some[i].data())};
      require(mdb_put(transaction, base_, &key, &value, MDB_APPEND) == 0, "mdb_put");
    }
    require(mdb_txn_commit(transaction) == 0, "mdb_txn_commit");
  }

  folder folder_;
  MDB_env* environment_ = nullptr;
  MDB_dbi base_ = 0;
  std::size_t next_ = 0;
  message taken_{};
  std::mutex mutex_;
};
#endif

#ifdef KEW_PEER_ROCKSDB
/// A key that counts up; a synced write, or one that is not.
class rocks {
 public:
  static constexpr auto name = "RocksDB";

  explicit rocks(bool sync) {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* made = nullptr;
    require(rocksdb::DB::Open(options, folder_.at("queue"), &made).ok(), "DB::Open");
    base_.reset(made);
    how_.sync = sync;
  }

  void publish(const message& one) {
    const std::uint64_t number = __builtin_bswap64(next_++);
    require(base_->Put(how_, {reinterpret_cast<const char*>(&number), sizeof(number)}, {one.data(), one.size()}).ok(),
            "Put");
  }
  void publish_n(std::vector<message>& some) {
    rocksdb::WriteBatch batch;
    for (const message& one : some) {
      const std::uint64_t number = __builtin_bswap64(next_++);
      batch.Put({reinterpret_cast<const char*>(&number), sizeof(number)}, {one.data(), one.size()});
    }
    require(base_->Write(how_, &batch).ok(), "Write");
  }
  void take(std::size_t n) {
    rocksdb::WriteBatch batch;
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t number = __builtin_bswap64(taken_++);
      const rocksdb::Slice key(reinterpret_cast<const char*>(&number), sizeof(number));
      require(base_->Get({}, key, &body_).ok(), "Get");
      batch.Delete(key);
    }
    require(base_->Write(how_, &batch).ok(), "Write");
  }

 private:
  folder folder_;
  std::unique_ptr<rocksdb::DB> base_;
  rocksdb::WriteOptions how_;
  std::atomic<std::uint64_t> next_{0};
  std::uint64_t taken_ = 0;
  std::string body_;
};
#endif

// ---- Rows ----------------------------------------------------------------------------------------------------------

std::atomic<std::size_t> last_group[65];  // how many messages one sync was for, the last time, by producers

template <class Contender>
auto make(bool sync, [[maybe_unused]] int producers) {
  if constexpr (std::is_same_v<Contender, bare>)
    return std::make_unique<bare>(sync, std::max<std::size_t>(1, last_group[producers]));
  else
    return std::make_unique<Contender>(sync);
}

double seconds(clock::duration time) { return std::chrono::duration<double>(time).count(); }

template <class Contender>
void measure_publish(benchmark::State& state, int producers) {
  for ([[maybe_unused]] auto _ : state) {
    const auto to = make<Contender>(true, producers);
    const bool alone = std::is_same_v<Contender, bare>;
    std::uint64_t syncs = 0;
    if constexpr (std::is_same_v<Contender, durable>) syncs = to->queue().sizes().syncs;
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> count{0};
    std::vector<double> times;
    const auto begin = clock::now();
    std::vector<std::thread> threads;
    for (int i = 0; i < (alone ? 1 : producers); ++i)
      threads.emplace_back([&, i] {
        std::uint64_t mine = 0;
        for (message one{}; !stop; ++mine) {
          const auto before = clock::now();
          to->publish(one);
          if (i == 0) times.push_back(seconds(clock::now() - before));
        }
        count += mine;
      });
    std::this_thread::sleep_for(session.round * 5);
    stop = true;
    for (std::thread& each : threads) each.join();
    const double took = seconds(clock::now() - begin);
    std::uint64_t messages = count;
    if constexpr (std::is_same_v<Contender, bare>) messages *= to->group();
    if constexpr (std::is_same_v<Contender, durable>) {
      syncs = to->queue().sizes().syncs - syncs;
      if (syncs > 0) {
        last_group[producers] = (messages + syncs / 2) / syncs;
        state.counters["a_sync"] = static_cast<double>(messages) / static_cast<double>(syncs);
      }
    }
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
    state.counters["p50_us"] = times[times.size() / 2] * 1e6;
    state.SetIterationTime(took);
    state.SetItemsProcessed(static_cast<std::int64_t>(messages));
  }
}

constexpr std::size_t batch_size = 100;
constexpr std::size_t lap = 100'000;

template <class Contender>
void measure_interval(benchmark::State& state, std::size_t at_a_time) {
  for ([[maybe_unused]] auto _ : state) {
    std::size_t count = 0;
    clock::duration took{};
    while (took < session.round * 5) {
      const auto to = make<Contender>(false, 0);
      std::vector<message> batch(batch_size);
      for (std::size_t i = 0; i < lap; i += batch_size) to->publish_n(batch);
      for (std::size_t i = 0; i < lap; i += batch_size) to->take(batch_size);
      const auto begin = clock::now();
      for (std::size_t i = 0; i < lap; i += at_a_time) {
        if (at_a_time == 1)
          to->publish(batch[0]);
        else
          to->publish_n(batch);
      }
      took += clock::now() - begin;
      count += lap;
    }
    state.SetIterationTime(seconds(took));
    state.SetItemsProcessed(static_cast<std::int64_t>(count));
  }
}

template <class Contender>
void measure_through(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    const auto through = make<Contender>(false, 0);
    std::int64_t count = 0;
    std::vector<message> batch(batch_size);
    const auto begin = clock::now();
    while (clock::now() - begin < session.round * 5) {
      through->publish_n(batch);
      for (std::size_t i = 0; i < batch_size; ++i, ++count) through->take(1);
    }
    state.SetIterationTime(seconds(clock::now() - begin));
    state.SetItemsProcessed(count);
  }
}

/// A folder with messages of that size; one folder at a time.
const std::string& full_folder(std::size_t size) {
  static std::size_t made_for = 0;
  static std::unique_ptr<folder> place;
  static std::string path;
  if (made_for == size) return path;
  place = std::make_unique<folder>();
  path = place->at("queue");
  kew::durable_options how;
  how.capacity = SIZE_MAX;
  how.sync = kew::sync::interval(std::chrono::seconds(1));
  kew::durable_queue<std::string> queue(path, how);
  std::vector<std::string> batch;
  for (std::size_t left = size < 1000 ? 2'500'000 : 1'000'000; left > 0; left -= batch.size()) {
    batch.assign(1000, std::string(size, 'x'));
    require(queue.publish_n(batch) == batch.size(), "publish_n");
  }
  made_for = size;
  return path;
}

/// The system forgets what is in the files.
void make_cold(const std::string& path) {
  for (const auto& each : std::filesystem::directory_iterator(path)) {
    const int file = open(each.path().c_str(), O_RDONLY);
    require(file >= 0 && fdatasync(file) == 0 && posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0, "DONTNEED");
    close(file);
  }
}

enum class opening { reading, keeping, opening };

void measure_open(benchmark::State& state, std::size_t size, bool warm, opening how_far) {
  for ([[maybe_unused]] auto _ : state) {
    const std::string& path = full_folder(size);
    std::int64_t bytes = 0;
    if (!warm) make_cold(path);
    const auto begin = clock::now();
    if (how_far == opening::opening) {
      kew::durable_options how;
      how.capacity = SIZE_MAX;
      kew::durable_queue<std::string> queue(path, how);
      bytes = static_cast<std::int64_t>(queue.sizes().bytes);
      state.SetIterationTime(seconds(clock::now() - begin));
    } else {
      constexpr std::size_t piece = 1 << 20;
      std::vector<std::unique_ptr<char[]>> into;
      for (const auto& each : std::filesystem::directory_iterator(path)) {
        if (each.path().extension() != ".kew") continue;
        const int file = open(each.path().c_str(), O_RDONLY);
        for (ssize_t got = 1; got > 0; bytes += got) {
          if (into.empty() || how_far == opening::keeping)
            into.push_back(std::make_unique_for_overwrite<char[]>(piece));
          got = read(file, into.back().get(), piece);
        }
        close(file);
      }
      state.SetIterationTime(seconds(clock::now() - begin));
    }
    state.SetBytesProcessed(bytes);
  }
}

template <class... Contenders>
void add_rows() {
  const auto add = [](const std::string& row, const char* name, auto run) {
    entries().push_back({row, name,
                         [run](benchmark::State& state) {
                           try {
                             run(state);
                           } catch (const std::exception& failure) {
                             refuse(state, failure.what());
                           }
                         },
                         6});
  };
  for (const int producers : {1, 8, 64})
    (add("publish/producers:" + std::to_string(producers), Contenders::name,
         [producers](benchmark::State& state) { measure_publish<Contenders>(state, producers); }),
     ...);
  (add("interval/one by one", Contenders::name,
       [](benchmark::State& state) { measure_interval<Contenders>(state, 1); }),
   ...);
  (add("interval/100 at a time", Contenders::name,
       [](benchmark::State& state) { measure_interval<Contenders>(state, batch_size); }),
   ...);
  (add("through", Contenders::name, [](benchmark::State& state) { measure_through<Contenders>(state); }), ...);
  for (const std::size_t size : {std::size_t{1000}, std::size_t{100}})
    for (const bool warm : {true, false}) {
      const auto row = [&](const char* name, opening how_far) {
        add("open/" + std::to_string(size) + (warm ? " bytes, warm" : " bytes, cold"), name,
            [=](benchmark::State& state) { measure_open(state, size, warm, how_far); });
      };
      row("limit: read", opening::reading);
      row("limit: read and keep", opening::keeping);
      row(durable::name, opening::opening);
    }
}

const bool added = [] {
  add_rows<durable, bare
#ifdef KEW_PEER_SQLITE
           ,
           sqlite
#endif
#ifdef KEW_PEER_LMDB
           ,
           lmdb
#endif
#ifdef KEW_PEER_ROCKSDB
           ,
           rocks
#endif
           >();
  return true;
}();

}}  // namespace bench
