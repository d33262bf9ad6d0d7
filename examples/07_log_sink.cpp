// Threads that must not wait log through a queue to one thread that writes. Where the writer falls behind, lines are
// dropped and counted: a slow disk slows nobody down, and no reader takes the log for complete when it is not.
#include <kew/channel.hpp>

#include <atomic>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

constexpr int threads = 4;
constexpr int lines_each = 1000;

std::atomic<int> dropped{0};

void work(int worker, auto log) {
  for (int step = 0; step < lines_each; ++step)
    if (!log.try_push("worker " + std::to_string(worker) + " did step " + std::to_string(step) + '\n'))
      dropped.fetch_add(1, std::memory_order_relaxed);
}

/// Takes whatever is there in one go, so that the file is flushed as seldom as possible.
void write(auto lines, std::ostream& file, std::size_t& written) {
  std::vector<std::string> batch;
  while (lines.pop_n(std::back_inserter(batch), 64) > 0) {
    for (const std::string& line : batch) file << line;
    file.flush();
    written += batch.size();
    batch.clear();
  }
}

int main() {
  auto [log, lines] = kew::make_mpsc_channel<std::string>(256);
  std::ostringstream file;  // in place of a file
  std::size_t written = 0;
  std::jthread writer([&](auto from) { write(std::move(from), file, written); }, std::move(lines));
  {
    std::vector<std::jthread> workers;
    for (int worker = 0; worker < threads; ++worker)
      workers.emplace_back([worker](auto own) { work(worker, std::move(own)); }, log);
  }
  log.close();  // the writer drains the queue, and ends
  writer.join();

  const auto all = written + static_cast<std::size_t>(dropped.load());
  std::cout << all << " lines were written or counted as dropped\n";
  return all == threads * lines_each ? 0 : 1;
}
