// Jobs go out to many workers, and their results come back in the order in which they are done.
#include <kew/channel.hpp>

#include <array>
#include <iostream>
#include <thread>
#include <utility>
#include <vector>

constexpr int workers = 4;
constexpr int limit = 10'000;

struct verdict {
  int number;
  bool prime;
  int worker;
};

bool is_prime(int n) {
  for (int d = 2; d * d <= n; ++d)
    if (n % d == 0) return false;
  return n >= 2;
}

// Every worker gets a copy of both handles. The pool's own two go when this returns, so that the results
// end with the last worker.
std::vector<std::jthread> start_pool(auto jobs, auto results) {
  auto work = [](int worker, auto in, auto out) {
    for (int number : in)
      if (!out.push(verdict{number, is_prime(number), worker})) return;
  };
  std::vector<std::jthread> pool;
  for (int worker = 0; worker < workers; ++worker) pool.emplace_back(work, worker, jobs, results);
  return pool;
}

int main() {
  auto [jobs_in, jobs_out] = kew::make_spmc_channel<int>(64);            // one giver, many takers
  auto [results_in, results_out] = kew::make_mpsc_channel<verdict>(64);  // many givers, one taker

  auto pool = start_pool(std::move(jobs_out), std::move(results_in));
  auto give = [](auto jobs) {
    for (int number = 0; number < limit; ++number)
      if (!jobs.push(number)) return;
  };
  std::jthread giver(give, std::move(jobs_in));

  int primes = 0;
  std::array<int, workers> done{};
  for (const verdict& result : results_out) {
    primes += result.prime;
    ++done[static_cast<std::size_t>(result.worker)];
  }

  for (int worker = 0; int jobs : done) std::cout << "worker " << worker++ << " did " << jobs << " jobs\n";
  std::cout << "together they found " << primes << " primes below " << limit << '\n';
}
