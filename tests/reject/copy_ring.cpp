// rejected: a ring stays where its threads know it
#include <kew/mpmc_ring.hpp>

int main() {
  kew::mpmc_ring<int> ring(1);
#ifndef KEW_ACCEPT
  kew::mpmc_ring<int> copied = ring;
#endif
}
