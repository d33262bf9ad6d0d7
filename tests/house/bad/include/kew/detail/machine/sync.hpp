#include <atomic>
using clock = std::chrono::steady_clock;
inline void fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
