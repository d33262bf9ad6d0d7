// durable_queue keeps the contract of every message_queue, also when it is opened again in the middle, and what it
// promises beyond that.
#include <kew/durable_queue.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "contract/messages.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace kew_test {
/// A message that can only be moved.
struct sealed {
  explicit sealed(int n) : number(n) {}
  sealed(sealed&&) noexcept = default;
  sealed& operator=(sealed&&) noexcept = default;
  int number;
};
template <>
inline sealed make<sealed>(int n) {
  return sealed(n);
}
inline int read(const sealed& value) { return value.number; }
}  // namespace kew_test

template <>
struct kew::codec<kew_test::sealed> {
  static constexpr std::string_view name = "sealed";
  static void encode(const kew_test::sealed& value, std::string& bytes) { bytes += std::to_string(value.number); }
  static kew_test::sealed decode(std::string_view bytes) { return kew_test::sealed(std::stoi(std::string(bytes))); }
};

namespace kew_test { namespace {

using kew::durable_error;
using kew::durable_options;
using kew::durable_queue;
using kew::recovery;

durable_options options_like(const kew::queue_options& options) {
  durable_options how;
  how.capacity = options.capacity;
  how.max_attempts = options.max_attempts;
  how.visibility_timeout = options.visibility_timeout;
  how.segment_size = 16384;
  return how;
}

/// In a folder of its own.
template <class T>
struct in_a_folder : temporary_folder, durable_queue<T> {
  explicit in_a_folder(const durable_options& how) : durable_queue<T>(this->path() / "queue", how) {}
};

template <class T>
struct durable_subject {
  using value_type = T;
  static std::unique_ptr<kew::message_queue<T>> make(const kew::queue_options& options) {
    return std::make_unique<in_a_folder<T>>(options_like(options));
  }
};

/// Opens its folder again before a call, whenever nothing is outstanding and no other call is under way.
template <class T>
class reopened final : public kew::message_queue<T> {
 public:
  explicit reopened(const durable_options& how) : how_(how) { open(); }

  void close() override {
    const std::unique_lock alone(mutex_, std::try_to_lock);
    closed_ = true;
    queue_->close();
  }
  kew::message_queue<T>& dead_letters() override { return dead_; }
  kew::queue_counts counts() override { return all(false); }
  kew::queue_traits traits() override { return queue_->traits(); }

 private:
  using limit = kew::detail::any_limit;

  /// Calls what message_queue keeps for those that derive from it.
  struct face : kew::message_queue<T> {
    static status publish(kew::message_queue<T>& to, T& message, const limit& within) {
      return (to.*(&face::do_publish))(message, within);
    }
    static kew::result<kew::delivery<T>> receive(kew::message_queue<T>& from, const limit& within) {
      return (from.*(&face::do_receive))(within);
    }
  };

  class dead_letter_queue final : public kew::message_queue<T> {
   public:
    explicit dead_letter_queue(reopened& of) : of_(of) {}
    void close() override {
      of_.closed_ = true;
      of_.queue_->dead_letters().close();
    }
    kew::message_queue<T>& dead_letters() override { return *this; }
    kew::queue_counts counts() override { return of_.all(true); }
    kew::queue_traits traits() override { return of_.traits(); }

   private:
    status do_publish(T& message, const limit& within) override {
      return of_.call([&] { return face::publish(of_.queue_->dead_letters(), message, within); });
    }
    kew::result<kew::delivery<T>> do_receive(const limit& within) override {
      return of_.call([&] { return face::receive(of_.queue_->dead_letters(), within); });
    }

    reopened& of_;
  };

  status do_publish(T& message, const limit& within) override {
    return call([&] { return face::publish(*queue_, message, within); });
  }
  kew::result<kew::delivery<T>> do_receive(const limit& within) override {
    return call([&] { return face::receive(*queue_, within); });
  }
  std::size_t do_publish_n(std::span<T> messages) override {
    return call([&] { return queue_->publish_n(messages); });
  }

  template <class F>
  auto call(F f) {
    if (std::unique_lock alone(mutex_, std::try_to_lock); alone.owns_lock() && !closed_) {
      const kew::queue_counts live = queue_->counts();
      const kew::queue_counts dead = queue_->dead_letters().counts();
      if (live.outstanding + dead.outstanding == 0) {
        queue_.reset();
        before_[0] = sum(before_[0], live);
        before_[1] = sum(before_[1], dead);
        open();
      }
    }
    const std::shared_lock beside_others(mutex_);
    return f();
  }
  void open() { queue_.emplace(folder_.path() / "queue", how_); }

  /// What is gone for good; the others are counted again.
  static kew::queue_counts sum(kew::queue_counts before, const kew::queue_counts& now) {
    before.published += now.published - now.ready - now.delayed;
    before.acked += now.acked;
    before.dead += now.dead;
    before.redelivered += now.redelivered;
    return before;
  }
  kew::queue_counts all(bool dead) {
    const std::shared_lock beside_others(mutex_);
    kew::queue_counts now = dead ? queue_->dead_letters().counts() : queue_->counts();
    const kew::queue_counts& before = before_[dead ? 1 : 0];
    now.published += before.published;
    now.acked += before.acked;
    now.dead += before.dead;
    now.redelivered += before.redelivered;
    return now;
  }

  temporary_folder folder_;
  const durable_options how_;
  std::shared_mutex mutex_;
  bool closed_ = false;
  std::optional<durable_queue<T>> queue_;
  kew::queue_counts before_[2];
  dead_letter_queue dead_{*this};
};

template <class T>
struct reopened_subject {
  using value_type = T;
  static std::unique_ptr<kew::message_queue<T>> make(const kew::queue_options& options) {
    return std::make_unique<reopened<T>>(options_like(options));
  }
};

using messages_of_all_kinds = std::tuple<int, std::string, sealed>;

TEMPLATE_LIST_TEST_CASE("durable_queue keeps the contract of a message_queue", "[durable_queue][contract]",
                        messages_of_all_kinds) {
  message_contract<durable_subject<TestType>>();
}

TEMPLATE_LIST_TEST_CASE("durable_queue keeps the contract when it is opened again between the calls",
                        "[durable_queue][contract]", messages_of_all_kinds) {
  message_contract<reopened_subject<TestType>>();
}

}}  // namespace kew_test::
