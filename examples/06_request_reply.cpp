// Each request brings the producer of a channel of its own for the reply. A server that drops a request, or dies, drops
// that producer too: the client is told `closed` instead of waiting for ever.
#include <kew/channel.hpp>

#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <utility>

using reply_producer = kew::producer<int, kew::spsc_ring<int>>;

struct request {
  int number;
  reply_producer reply;
};

/// The answer, or none when the server has gone, has dropped the request, or takes too long.
std::optional<int> ask(auto& server, int number) {
  using namespace std::chrono_literals;
  auto [reply_in, reply_out] = kew::make_spsc_channel<int>(1);
  if (!server.push(request{number, std::move(reply_in)})) return std::nullopt;
  if (auto answer = reply_out.try_pop_for(60s)) return *answer;
  return std::nullopt;
}

int main() {
  auto [requests_in, requests_out] = kew::make_mpsc_channel<request>(16);

  auto serve = [](auto requests) {
    while (auto next = requests.pop())  // a range-for would keep each request until the following one comes
      if (next->number != 13) static_cast<void>(next->reply.push(next->number * next->number));
  };
  std::jthread server(serve, std::move(requests_out));

  for (int number : {2, 12, 13, 14}) {
    auto answer = ask(requests_in, number);
    std::cout << number << " squared is " << (answer ? std::to_string(*answer) : "not answered") << '\n';
  }
  requests_in.close();  // the server answers what is inside, and ends
}
