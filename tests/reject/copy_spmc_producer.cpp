// rejected: the ring allows one producer
#include <kew/channel.hpp>

int main() {
  auto [tx, rx] = kew::make_spmc_channel<int>(1);
  auto copied_consumer = rx;
#ifndef KEW_ACCEPT
  auto copied = tx;
#endif
}
