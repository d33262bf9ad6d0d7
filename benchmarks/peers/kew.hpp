// kew itself, used as its README says: rings by their try_ calls, queues and channels by the waiting ones.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <kew/kew.hpp>

#include "../harness.hpp"

#if __has_include(<kew/metered_ring.hpp>)
#include <kew/metered_ring.hpp>
#endif

namespace bench {

template <class Ring, text Name>
class ring_port {
 public:
  using value_type = typename Ring::value_type;
  static constexpr auto name = Name.value;
  static constexpr std::size_t object_size = sizeof(Ring);
  static bool fits(shape s) {
    return (kew::many_producers<Ring> || s.producers == 1) && (kew::many_consumers<Ring> || s.consumers == 1);
  }

  ring_port(std::size_t capacity, shape) : ring_(capacity) {}

  bool try_push(value_type& item) { return static_cast<bool>(ring_.try_push(std::move(item))); }
  bool try_pop(value_type& item) { return static_cast<bool>(ring_.try_pop(item)); }
  std::size_t try_push_n(value_type* items, std::size_t n) { return ring_.try_push_n(std::move_iterator(items), n); }
  std::size_t try_pop_n(value_type* items, std::size_t n) { return ring_.try_pop_n(items, n); }
  std::size_t size() const { return ring_.size_approx(); }

 private:
  Ring ring_;
};

/// The calls of a blocking_queue, or of a channel's handles, which are held by value where they can be copied.
template <class Queue, class T>
struct waiting_calls {
  Queue queue;

  void push(T& item) { static_cast<void>(queue.push(std::move(item))); }
  void push_n(T* items, std::size_t n) { queue.push_n(std::move_iterator(items), n); }
  bool pop(T& item) {
    auto popped = queue.pop();
    if (popped) item = *std::move(popped);
    return popped.has_value();
  }
  std::size_t pop_n(T* items, std::size_t n) { return queue.pop_n(items, n); }
  bool try_push(T& item) { return static_cast<bool>(queue.try_push(std::move(item))); }
  bool try_pop(T& item) { return static_cast<bool>(queue.try_pop(item)); }
};

template <class Ring, class Wait, text Name>
class queue_port {
 public:
  using value_type = typename Ring::value_type;
  static constexpr auto name = Name.value;
  static bool fits(shape s) { return ring_port<Ring, Name>::fits(s); }

  queue_port(std::size_t capacity, shape) : queue_(capacity) {}

  auto producer() { return waiting_calls<queue&, value_type>{queue_}; }
  auto consumer() { return waiting_calls<queue&, value_type>{queue_}; }
  void close() { queue_.close(); }
  std::size_t size() const { return queue_.size_approx(); }

 private:
  using queue = kew::blocking_queue<value_type, Ring, Wait>;
  queue queue_;
};

template <class Ring, class Wait, text Name>
class channel_port {
 public:
  using value_type = typename Ring::value_type;
  static constexpr auto name = Name.value;
  static bool fits(shape s) { return ring_port<Ring, Name>::fits(s); }

  channel_port(std::size_t capacity, shape) : ends_(kew::make_channel_over<Ring, Wait>(capacity)) {}

  auto producer() { return waiting_calls<held<kew::producer<value_type, Ring, Wait>>, value_type>{ends_.first}; }
  auto consumer() { return waiting_calls<held<kew::consumer<value_type, Ring, Wait>>, value_type>{ends_.second}; }
  void close() { ends_.first.close(); }
  std::size_t size() const { return ends_.first.size_approx(); }

 private:
  template <class Handle>
  using held = std::conditional_t<std::is_copy_constructible_v<Handle>, Handle, Handle&>;

  decltype(kew::make_channel_over<Ring, Wait>(std::size_t{1})) ends_;
};

template <class T>
using kew_spsc = contenders<ring_port<kew::spsc_ring<T>, "kew::spsc_ring">>;

template <class T>
using kew_mpmc =
    contenders<ring_port<kew::mpmc_ring<T>, "kew::mpmc_ring">, ring_port<kew::mpsc_ring<T>, "kew::mpsc_ring">,
               ring_port<kew::spmc_ring<T>, "kew::spmc_ring">>;

template <class T>
using kew_spsc_waiting = contenders<channel_port<kew::spsc_ring<T>, kew::adaptive_wait, "kew::spsc_channel">,
                                    queue_port<kew::spsc_ring<T>, kew::adaptive_wait, "kew::blocking_queue+spsc_ring">>;

template <class T>
using kew_mpmc_waiting =
    contenders<channel_port<kew::mpmc_ring<T>, kew::adaptive_wait, "kew::channel">,
               channel_port<kew::mpsc_ring<T>, kew::adaptive_wait, "kew::mpsc_channel">,
               channel_port<kew::spmc_ring<T>, kew::adaptive_wait, "kew::spmc_channel">,
#if __has_include(<kew/metered_ring.hpp>)
               queue_port<kew::metered_ring<T, kew::mpmc_ring>, kew::adaptive_wait, "kew::blocking_queue+metered_ring">,
#endif
               queue_port<kew::mpmc_ring<T>, kew::adaptive_wait, "kew::blocking_queue">>;

template <class T>
using kew_parked = contenders<channel_port<kew::spsc_ring<T>, kew::park_wait, "kew::spsc_channel+park_wait">,
                              channel_port<kew::mpmc_ring<T>, kew::park_wait, "kew::channel+park_wait">>;

}  // namespace bench
