#include "scenario.hpp"

#include "rings.hpp"

#include <kew/channel.hpp>

#include <optional>

namespace scenarios {
namespace {

using kew::park_wait;
using kew::status;

/// A channel with a handle for each thread: the first threads are producers, the others consumers.
template <class Ring>
class ends {
  using producer = kew::producer<probe, Ring, park_wait>;
  using consumer = kew::consumer<probe, Ring, park_wait>;

 public:
  ends(std::size_t capacity, int producers, int consumers) : producers_(producers) {
    auto [tx, rx] = kew::make_channel_over<Ring, park_wait>(capacity);
    if constexpr (kew::many_producers<Ring>)
      for (int i = 1; i < producers; ++i) tx_[i].emplace(tx);
    tx_[0].emplace(std::move(tx));
    if constexpr (kew::many_consumers<Ring>)
      for (int i = 1; i < consumers; ++i) rx_[i].emplace(rx);
    rx_[0].emplace(std::move(rx));
    expect(tx.push(probe(1)) == status::closed, "a moved-from handle answers closed");
    expect(rx.try_pop().status() == status::closed, "a moved-from handle answers closed");
  }

  auto push(probe&& element) { return tx().push(std::move(element)); }
  auto try_push(probe&& element) { return tx().try_push(std::move(element)); }
  auto try_push_for(probe&& element, auto limit) { return tx().try_push_for(std::move(element), limit); }
  auto pop() { return rx().pop(); }
  auto try_pop() { return rx().try_pop(); }
  auto try_pop_for(auto limit) { return rx().try_pop_for(limit); }
  auto begin() { return rx().begin(); }
  auto end() { return rx().end(); }
  void close() { is_producer() ? tx().close() : rx().close(); }
  bool is_closed() { return is_producer() ? tx().is_closed() : rx().is_closed(); }
  void producer_leaves() { tx_[explorer::this_thread() - 1].reset(); }
  void consumer_leaves() { rx_[explorer::this_thread() - 1 - producers_].reset(); }

  producer& tx() { return *tx_[explorer::this_thread() - 1]; }
  consumer& rx() { return *rx_[explorer::this_thread() - 1 - producers_]; }

 private:
  bool is_producer() const { return explorer::this_thread() <= producers_; }

  int producers_;
  std::optional<producer> tx_[4];
  std::optional<consumer> rx_[4];
};

/// `for (T& message : rx)`, each message recorded as what a pop has brought.
struct range_for {
  static void run(auto& queue) {
    auto& handles = queue.queue();
    std::optional<decltype(handles.begin())> at;
    for (;;) {
      const status done = queue.pop([&](auto&, int& value) {
        if (at)
          ++*at;
        else
          at.emplace(handles.begin());
        if (*at == handles.end()) return status::closed;
        value = (**at).value();
        return status::success;
      });
      if (!done) return;
    }
  }
};

template <class Ring, int Producers, int Consumers, int Capacity, class... Thread>
void threads() {
  static_assert(Producers + Consumers == sizeof...(Thread));
  watched<ends<Ring>> channel(precedence::happens_before, Capacity, std::size_t{Capacity}, Producers, Consumers);
  channel.log().sides(Producers, Consumers);
  if (!kew::sealable_ring<Ring>) channel.log().closes_softly();
  together([&] { Thread::run(channel); }...);
  // All handles are gone, and the channel with them: nothing can be drained, and nothing may have leaked.
  channel.log().judge();
}

template <class Ring>
struct adder {
  std::vector<scenario>& all;
  std::string name;

  template <int Producers, int Consumers, int Capacity, class... Thread>
  void add(const char* what) {
    all.push_back({name + ": " + what, threads<Ring, Producers, Consumers, Capacity, Thread...>,
                   static_cast<int>(sizeof...(Thread))});
  }
};

template <class Ring>
void add_pairs(std::vector<scenario>& all, const char* name) {
  adder<Ring> to{all, name};
  to.template add<1, 1, 1, does<times<3, wait_push>, producer_leaves>, does<pop_all, consumer_leaves>>(
      "the producer leaves, the consumer drains");
  to.template add<1, 1, 1, does<times<3, wait_push>, producer_leaves>, does<range_for, consumer_leaves>>(
      "the consumer iterates until the producer has left");
  to.template add<1, 1, 1, does<push_until_closed, producer_leaves>, does<wait_pop, wait_pop, consumer_leaves>>(
      "the consumer leaves, the producer hears of it");
  to.template add<1, 1, 2, does<times<3, push_move>, producer_leaves>, does<pop_value, pop_value, consumer_leaves>>(
      "both leave with elements inside");
  to.template add<1, 1, 1, does<wait_push, wait_push, producer_leaves>, consumer_leaves>("the consumer leaves at once");
  to.template add<1, 1, 1, producer_leaves, does<wait_pop, consumer_leaves>>("the producer leaves at once");
  to.template add<1, 1, 1, does<wait_push, close, producer_leaves>, does<pop_all, consumer_leaves>>(
      "the producer closes and leaves");
  to.template add<1, 1, 1, does<push_until_closed, producer_leaves>, does<wait_pop, close, pop_all, consumer_leaves>>(
      "the consumer closes, drains and leaves");
  to.template add<1, 1, 1, does<timed_push, timed_push, producer_leaves>, does<timed_pop, timed_pop, consumer_leaves>>(
      "timed push and pop, and leaving");
  to.template add<1, 1, 1, does<push_move, look_closed, producer_leaves>, does<look_closed, consumer_leaves>>(
      "looks whether the other side has left");
}

template <class Ring>
void add_many_producers(std::vector<scenario>& all, const char* name) {
  adder<Ring> to{all, name};
  to.template add<2, 1, 1, does<wait_push, wait_push, producer_leaves>, does<wait_push, producer_leaves>,
                  does<pop_all, consumer_leaves>>("two producers leave, the consumer drains");
  to.template add<2, 1, 1, does<push_until_closed, producer_leaves>, does<wait_push, producer_leaves>,
                  does<wait_pop, consumer_leaves>>("the consumer leaves, two producers hear of it");
  to.template add<2, 1, 2, does<push_move, push_move, producer_leaves>, does<push_move, producer_leaves>,
                  consumer_leaves>("two producers and the consumer leave");
}

template <class Ring>
void add_many_consumers(std::vector<scenario>& all, const char* name) {
  adder<Ring> to{all, name};
  to.template add<1, 2, 1, does<times<3, wait_push>, producer_leaves>, does<pop_all, consumer_leaves>,
                  does<pop_all, consumer_leaves>>("the producer leaves, two consumers drain");
  to.template add<1, 2, 1, does<push_until_closed, producer_leaves>, does<wait_pop, consumer_leaves>,
                  does<wait_pop, consumer_leaves>>("two consumers leave, the producer hears of it");
  to.template add<1, 2, 2, does<times<3, push_move>, producer_leaves>, does<pop_value, consumer_leaves>,
                  does<pop_value, consumer_leaves>>("two consumers and the producer leave");
}

/// A handle that is copied while others of its side leave keeps the channel open.
void copies_among_leaving() {
  auto [tx, rx] = kew::make_channel_over<mpmc, park_wait>(std::size_t{1});
  std::optional<kew::producer<probe, mpmc, park_wait>> first(tx), second(std::move(tx));
  std::optional<kew::consumer<probe, mpmc, park_wait>> only(std::move(rx));
  int received = 0;
  together(
      [&] {
        auto copy = *first;
        first.reset();
        expect(static_cast<bool>(copy.push(probe(1))), "a copy keeps the channel open");
      },
      [&] {
        auto copy = std::move(*second);
        second.reset();
        expect(static_cast<bool>(copy.push(probe(2))), "a moved handle keeps the channel open");
      },
      [&] {
        for (probe& message : *only) received += message.value();
        only.reset();
      });
  expect(received == 3, "everything that was pushed is received");
}

/// Assignment drops the handle that was there.
void assignment_drops() {
  auto [tx, rx] = kew::make_channel_over<mpsc, park_wait>(std::size_t{1});
  auto other = kew::make_channel_over<mpsc, park_wait>(std::size_t{1});
  std::optional<decltype(rx)> reader(std::move(rx));
  std::optional<decltype(tx)> writer(std::move(tx));
  together(
      [&] {
        static_cast<void>(writer->push(probe(1)));
        *writer = other.first;
        writer.reset();
      },
      [&] {
        expect(reader->pop().value().value() == 1, "what was pushed before is received");
        expect(reader->pop().status() == status::closed, "the last producer was assigned over");
        reader.reset();
      });
}

/// Also what a push that was under way has put in: not when the last handle goes, but when the last consumer does.
template <class Ring>
void leaves_nothing_inside() {
  auto [writer, reader] = kew::make_channel_over<Ring, park_wait>(std::size_t{2});
  auto& tx = writer;
  std::optional rx(std::move(reader));
  together([&] { static_cast<void>(tx.try_push(probe(1))); }, [&] { rx.reset(); });
  expect(explorer::engine::elements_alive() == 0, "the last consumer destroys what is inside at once");
}
/// An observer keeps what can be seen, and nothing else.
template <class Ring>
void observed() {
  auto [writer, reader] = kew::make_channel_over<Ring, park_wait>(std::size_t{1});
  auto watch = writer.observe();
  std::optional tx(std::move(writer));
  std::optional rx(std::move(reader));
  together(
      [&] {
        static_cast<void>(tx->try_push(probe(1)));
        tx.reset();
      },
      [&] { rx.reset(); },
      [&] {
        auto other = watch;
        if (other.is_closed()) expect(watch.is_closed(), "once closed, always closed");
        watch = std::move(other);
      });
  expect(watch.is_closed() && watch.size_approx() == 0, "a channel without handles is closed and empty");
}

}  // namespace

std::vector<scenario> of_channel() {
  std::vector<scenario> all;
  add_pairs<spsc>(all, "spsc_channel");
  add_pairs<mpsc>(all, "mpsc_channel");
  add_pairs<spmc>(all, "spmc_channel");
  add_pairs<mpmc>(all, "channel");
  add_many_producers<mpsc>(all, "mpsc_channel");
  add_many_producers<mpmc>(all, "channel");
  add_many_consumers<spmc>(all, "spmc_channel");
  add_many_consumers<mpmc>(all, "channel");
  adder<mpmc>{all, "channel"}
      .add<2, 2, 1, does<wait_push, producer_leaves>, does<wait_push, producer_leaves>, does<pop_all, consumer_leaves>,
           does<wait_pop, consumer_leaves>>("two producers and two consumers come to an end");
  all.push_back({"channel: copies among leaving handles", copies_among_leaving, 3});
  all.push_back({"mpsc_channel: assignment drops a handle", assignment_drops, 2});
  // Their executions are long: two surprises at once are for the random searches, and for going deep.
  for (scenario& each : all) each.wide = {.preemptions = 2, .stale_reads = 1, .surprises = 0};
  all.push_back({"spsc_channel: the last consumer leaves nothing inside", leaves_nothing_inside<spsc>, 2});
  all.push_back({"channel: the last consumer leaves nothing inside", leaves_nothing_inside<mpmc>, 2});
  all.push_back({"spsc_channel: an observer", observed<spsc>, 3});
  all.push_back({"channel: an observer", observed<mpmc>, 3});
  return all;
}

}  // namespace scenarios
