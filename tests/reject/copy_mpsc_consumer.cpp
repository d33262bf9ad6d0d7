// rejected: the ring allows one consumer
#include <kew/channel.hpp>

int main() {
  auto [tx, rx] = kew::make_mpsc_channel<int>(1);
  auto copied_producer = tx;
#ifndef KEW_ACCEPT
  auto copied = rx;
#endif
}
