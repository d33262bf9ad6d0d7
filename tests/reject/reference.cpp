// rejected: holds objects, not references
#include <kew/spmc_ring.hpp>

#ifdef KEW_ACCEPT
using element = int*;
#else
using element = int&;
#endif

int main() { kew::spmc_ring<element> ring(1); }
