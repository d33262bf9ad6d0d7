// rejected: trivially default constructible
#include <kew/spsc_ring.hpp>

#include <string>

#ifdef KEW_ACCEPT
using element = char;
#else
using element = std::string;
#endif

int main() {
  kew::spsc_ring<element> ring(1);
  auto room = ring.try_claim(1);
  room.commit(0);
}
