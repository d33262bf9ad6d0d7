// rejected: is a ring
#include <kew/blocking_queue.hpp>

#include <vector>

#ifdef KEW_ACCEPT
using below = kew::mpmc_ring<int>;
#else
using below = std::vector<int>;
#endif

int main() { kew::blocking_queue<int, below> queue(1); }
