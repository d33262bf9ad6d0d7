// Three stages and two queues with meters in them. The meters are read from outside, by observers, which keep no stage
// waiting and no channel open.
#include <kew/channel.hpp>
#include <kew/metered_ring.hpp>

#include <iostream>
#include <string>
#include <thread>
#include <utility>

constexpr int lines = 10'000;

template <class T>
using metered = kew::metered_ring<T, kew::spsc_ring>;

int main() {
  auto [text_in, text_out] = kew::make_channel_over<metered<std::string>>(64);
  auto [numbers_in, numbers_out] = kew::make_channel_over<metered<long>>(64);
  const auto text_watch = text_in.observe();
  const auto numbers_watch = numbers_in.observe();

  auto read = [](auto out) {
    for (int i = 1; i <= lines; ++i)
      if (!out.push(std::to_string(i))) return;
  };
  auto parse = [](auto in, auto out) {
    for (const std::string& line : in)
      if (!out.push(std::stol(line))) return;
  };
  std::jthread reader(read, std::move(text_in));
  std::jthread parser(parse, std::move(text_out), std::move(numbers_in));

  long sum = 0;
  for (long number : numbers_out) sum += number;

  std::cout << "the sum is " << sum << '\n'
            << "reader -> parser: " << to_string(text_watch.metrics())  // two lines for a person
            << "parser -> adder: " << to_string(numbers_watch.metrics());
  // to_prometheus(text_watch.metrics(), "text") is what a scraper wants to see.
}
