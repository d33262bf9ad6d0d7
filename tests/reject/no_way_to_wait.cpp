// rejected: says how to wait: see wait.hpp
#include <kew/blocking_queue.hpp>

#ifdef KEW_ACCEPT
using how = kew::park_wait;
#else
struct how {};
#endif

int main() { kew::blocking_queue<int, kew::mpmc_ring<int>, how> queue(1); }
