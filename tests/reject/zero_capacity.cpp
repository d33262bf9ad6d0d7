// rejected: capacity 0
#include <kew/spsc_ring.hpp>

#ifdef KEW_ACCEPT
constexpr std::size_t capacity = 1;
#else
constexpr std::size_t capacity = 0;
#endif

int main() { kew::spsc_ring<int, capacity> ring; }
