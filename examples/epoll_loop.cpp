// A loop of events that waits in the kernel, for a socket and for a queue at the same time. Linux.
#include <kew/channel.hpp>
#include <kew/pop_event.hpp>

#include <array>
#include <iostream>
#include <string>
#include <thread>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

void watch(int loop, int descriptor) {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.fd = descriptor;
  epoll_ctl(loop, EPOLL_CTL_ADD, descriptor, &wanted);
}

}  // namespace

int main() {
  std::array<int, 2> sockets{};
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets.data()) != 0) return 1;
  auto [tx, rx] = kew::make_channel<std::string>(16);

  std::jthread worker([out = std::move(tx)]() mutable {
    for (int i = 0; i < 1000; ++i) static_cast<void>(out.push("result " + std::to_string(i)));
  });
  std::jthread client([socket = sockets[1]] {
    for (int i = 0; i < 1000; ++i) static_cast<void>(!write(socket, "?", 1));
    close(socket);
  });

  kew::pop_event results(rx);
  const int loop = epoll_create1(EPOLL_CLOEXEC);
  watch(loop, sockets[0]);
  watch(loop, results.native_handle());
  std::size_t bytes = 0;
  std::size_t messages = 0;
  for (int open = 2; open > 0;) {
    epoll_event ready{};
    if (epoll_wait(loop, &ready, 1, -1) < 1) continue;
    bool ended = false;
    if (ready.data.fd == results.native_handle()) {
      results.clear();  // before the pops: what comes after them makes it readable again
      kew::status answer = kew::status::success;
      while (answer || answer == kew::status::busy) {
        answer = rx.try_pop().status();
        if (answer) ++messages;
      }
      ended = answer == kew::status::closed;
    } else {
      std::array<char, 256> buffer;
      const auto count = read(sockets[0], buffer.data(), buffer.size());
      if (count > 0) bytes += static_cast<std::size_t>(count);
      ended = count == 0;
    }
    if (!ended) continue;
    epoll_ctl(loop, EPOLL_CTL_DEL, ready.data.fd, nullptr);
    --open;
  }
  std::cout << "the socket brought " << bytes << " bytes, the queue " << messages << " messages\n";
}
