// oneTBB's concurrent_bounded_queue: its try_ calls among the rings, its waiting ones among the queues that wait.
#pragma once

#include "../harness.hpp"

#ifdef KEW_PEER_TBB
#include <tbb/concurrent_queue.h>

namespace bench {

template <class T>
class tbb_try {
 public:
  using value_type = T;
  static constexpr auto name = "tbb::concurrent_bounded_queue try";

  tbb_try(std::size_t capacity, shape) { queue_.set_capacity(static_cast<std::ptrdiff_t>(capacity)); }

  bool try_push(T& item) { return queue_.try_push(std::move(item)); }
  bool try_pop(T& item) { return queue_.try_pop(item); }

 protected:
  tbb::concurrent_bounded_queue<T> queue_;
};

template <class T>
class tbb_waiting : public tbb_try<T> {
 public:
  static constexpr auto name = "tbb::concurrent_bounded_queue";
  using tbb_try<T>::tbb_try;

  void push(T& item) { this->queue_.push(std::move(item)); }
  bool pop(T& item) { return this->queue_.pop(item), true; }
};

template <class T>
using tbb_mpmc = contenders<tbb_try<T>>;
template <class T>
using tbb_mpmc_waiting = contenders<tbb_waiting<T>>;

}  // namespace bench
#endif
