// Runs one kind of figure alone, with Google Benchmark's own options and output.
#include "session.hpp"

int main(int argc, char** argv) {
  if (!bench::read_options(argc, argv)) return 2;
  const auto chosen = bench::matching(bench::session.filter);
  if (chosen.empty()) {
    std::cerr << "no benchmark is called anything like '" << bench::session.filter
              << "'; --benchmark_filter=. --benchmark_list_tests shows the names\n";
    return 2;
  }
  for (const bench::entry& one : chosen) bench::add_to_google_benchmark(one);
  for (const std::string& line : bench::describe_machine()) std::cerr << line << '\n';
  double seconds = 0;
  for (const bench::entry& one : chosen) seconds += bench::expected_seconds(one);
  std::cerr << chosen.size() << " benchmarks, about " << bench::duration_words(seconds) << '\n';
  benchmark::RunSpecifiedBenchmarks();
  return bench::any_fault ? 1 : 0;
}
