#include <kew/detail/machine/sync.hpp>
#include <kew/spsc_ring.hpp>
#include <atomic>
// std::atomic in a comment is no harm.
std::atomic<int> count;
auto start = std::chrono::steady_clock::now();
const char* text = "std::mutex in a string neither";
