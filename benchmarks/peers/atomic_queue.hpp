// atomic_queue by M. Egorushkin: many producers, many consumers, or one and one by a template parameter.
#pragma once

#include "../harness.hpp"

#ifdef KEW_PEER_ATOMIC_QUEUE
#include <atomic_queue/atomic_queue.h>

namespace bench {

/// AtomicQueueB for what fits an atomic, AtomicQueueB2 for the rest: the capacity is known at run time only, as
/// everybody's here. SPSC and throughput are chosen by its own parameters; the order is its default, not total.
template <class T, bool OneToOne>
struct atomic_queue_for {
  using type = ::atomic_queue::AtomicQueueB2<T, std::allocator<T>, true, false, OneToOne>;
};
template <std::integral T, bool OneToOne>
struct atomic_queue_for<T, OneToOne> {
  using type = ::atomic_queue::AtomicQueueB<T, std::allocator<T>, T{}, true, false, OneToOne>;
};

template <class T, bool OneToOne>
class atomic_queue_port {
 public:
  using value_type = T;
  static constexpr auto name = OneToOne ? "atomic_queue SPSC" : "atomic_queue";

  atomic_queue_port(std::size_t capacity, shape) : queue_(static_cast<unsigned>(capacity)) {}

  bool try_push(T& item) { return queue_.try_push(std::move(item)); }
  bool try_pop(T& item) { return queue_.try_pop(item); }

 protected:
  typename atomic_queue_for<T, OneToOne>::type queue_;
};

/// push and pop, which its README calls optimistic: faster, but they wait by spinning for their own slot and never
/// yield, so they only take part where each thread has a core.
template <class T, bool OneToOne>
class optimistic_atomic_queue : public atomic_queue_port<T, OneToOne> {
 public:
  static constexpr auto name = OneToOne ? "atomic_queue SPSC push+pop" : "atomic_queue push+pop";
  static bool fits(shape s) { return has_core_for_each(s); }

  using atomic_queue_port<T, OneToOne>::atomic_queue_port;

  void push(T& item) { this->queue_.push(std::move(item)); }
  bool pop(T& item) { return item = this->queue_.pop(), true; }
};

template <class T>
using atomic_queue_spsc = contenders<atomic_queue_port<T, true>, optimistic_atomic_queue<T, true>>;
template <class T>
using atomic_queue_mpmc = contenders<atomic_queue_port<T, false>, optimistic_atomic_queue<T, false>>;

}  // namespace bench
#endif
