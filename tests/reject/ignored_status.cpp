// rejected: it says whether the call has done anything
#include <kew/spsc_ring.hpp>

int main() {
  kew::spsc_ring<int> ring(1);
#ifdef KEW_ACCEPT
  return ring.try_push(1) ? 0 : 1;
#else
  ring.try_push(1);
#endif
}
