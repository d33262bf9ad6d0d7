// rejected: the ring below a blocking_queue<T> holds T
#include <kew/blocking_queue.hpp>

#ifdef KEW_ACCEPT
using element = int;
#else
using element = long;
#endif

int main() { kew::blocking_queue<int, kew::mpmc_ring<element>> queue(1); }
