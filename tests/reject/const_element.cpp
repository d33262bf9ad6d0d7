// rejected: their type is not const
#include <kew/mpsc_ring.hpp>

#ifdef KEW_ACCEPT
using element = int;
#else
using element = const int;
#endif

int main() { kew::mpsc_ring<element> ring(1); }
