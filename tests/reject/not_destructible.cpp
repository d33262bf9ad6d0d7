// rejected: public destructor
#include <kew/mpmc_ring.hpp>

#ifdef KEW_ACCEPT
#define KEW_ACCESS public
#else
#define KEW_ACCESS private
#endif

class element {
 KEW_ACCESS:
  ~element() {}
};

int main() { kew::mpmc_ring<element> ring(1); }
