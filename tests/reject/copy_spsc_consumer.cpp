// rejected: the ring allows one consumer
#include <kew/channel.hpp>

int main() {
  auto [tx, rx] = kew::make_spsc_channel<int>(1);
  auto moved = std::move(rx);
#ifndef KEW_ACCEPT
  auto copied = moved;
#endif
}
