// rejected: a ring stays where its threads know it
#include <kew/spsc_ring.hpp>

#include <utility>

int main() {
  kew::spsc_ring<int> ring(1);
#ifndef KEW_ACCEPT
  kew::spsc_ring<int> moved = std::move(ring);
#endif
}
