// Orders, cancels and a timer: one thread serves two queues of different types and a clock, and sleeps in between.
#include <kew/channel.hpp>
#include <kew/select.hpp>

#include <chrono>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>

using namespace std::chrono_literals;
using std::chrono::steady_clock;

struct order {
  int number;
  std::string what;
};

/// Takes orders and cancels until there will be none any more, and ships what is open every two milliseconds.
void serve(kew::consumer<order> orders, kew::consumer<int> cancels) {
  std::map<int, std::string> open;
  std::set<int> cancelled;
  std::size_t shipped = 0;
  const auto ship = [&] {
    for (const int number : cancelled) open.erase(number);
    shipped += open.size();
    open.clear();
  };
  for (auto tick = steady_clock::now() + 2ms;;) {
    const auto chosen = kew::try_select_until(tick, kew::on_pop(orders, [&](order o) { open[o.number] = o.what; }),
                                              kew::on_pop(cancels, [&](int number) { cancelled.insert(number); }));
    if (chosen.status() == kew::status::closed) break;  // both are, and drained
    // Asked after each message, too: where they come without a pause, time never runs out.
    if (steady_clock::now() < tick) continue;
    ship();
    tick += 2ms;
  }
  ship();
  std::cout << "shipped at least 90 of 100 orders: " << std::boolalpha << (shipped >= 90) << '\n';
  std::cout << "cancels taken: " << cancelled.size() << '\n';
}

int main() {
  std::jthread desk;
  auto [order_tx, orders] = kew::make_channel<order>(8);
  auto [cancel_tx, cancels] = kew::make_channel<int>(8);
  desk = std::jthread(serve, std::move(orders), std::move(cancels));

  for (int number = 1; number <= 100; ++number) {
    static_cast<void>(order_tx.push({number, "tea"}));
    if (number % 10 == 0) static_cast<void>(cancel_tx.push(number));  // in time, if it comes before the next shipment
  }
}  // first the producers leave, then the desk ends
