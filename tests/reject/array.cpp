// rejected: wrap an array in std::array
#include <array>

#include <kew/spsc_ring.hpp>

#ifdef KEW_ACCEPT
using element = std::array<int, 3>;
#else
using element = int[3];
#endif

int main() { kew::spsc_ring<element> ring(1); }
