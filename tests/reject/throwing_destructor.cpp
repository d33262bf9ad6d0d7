// rejected: destructor of an element must not throw
#include <kew/spsc_ring.hpp>

struct element {
#ifdef KEW_ACCEPT
  ~element() noexcept {}
#else
  ~element() noexcept(false) {}
#endif
};

int main() { kew::spsc_ring<element> ring(1); }
