// concurrentqueue by C. Desrochers: many producers, many consumers, a sub-queue for each producer.
#pragma once

#include "../harness.hpp"

#ifdef KEW_PEER_CONCURRENTQUEUE
#include <concurrentqueue/blockingconcurrentqueue.h>

namespace bench {

/// As its README recommends: a token for each thread, the constructor that is told the number of producers, bulk calls
/// for batches. The bound is kept by a look at the approximate size before each enqueue, and not by try_enqueue: version
/// 1.0.3 changes messages or crashes, every few hundred runs, where try_enqueue finds no block left. There is room for
/// about the capacity, more where several producers look at once, and FIFO holds for each producer: less than others
/// promise.
template <class T, class Queue>
class concurrent_queue_base {
 public:
  using value_type = T;

  concurrent_queue_base(std::size_t capacity, shape s)
      : queue_(capacity, static_cast<std::size_t>(s.producers), 0), capacity_(capacity) {}

 protected:
  struct try_producer {
    Queue& queue;
    std::size_t capacity;
    typename Queue::producer_token_t token{queue};

    bool try_push(T& item) { return has_room(1) && queue.enqueue(token, std::move(item)); }
    std::size_t try_push_n(T* items, std::size_t n) {
      return has_room(n) && queue.enqueue_bulk(token, std::move_iterator(items), n) ? n : 0;
    }
    bool has_room(std::size_t n) const { return queue.size_approx() + n <= capacity; }
  };
  struct try_consumer {
    Queue& queue;
    typename Queue::consumer_token_t token{queue};

    bool try_pop(T& item) { return queue.try_dequeue(token, item); }
    std::size_t try_pop_n(T* items, std::size_t n) { return queue.try_dequeue_bulk(token, items, n); }
  };

  Queue queue_;
  std::size_t capacity_;
};

template <class T>
class concurrent_queue : public concurrent_queue_base<T, moodycamel::ConcurrentQueue<T>> {
  using base = concurrent_queue_base<T, moodycamel::ConcurrentQueue<T>>;

 public:
  static constexpr auto name = "ConcurrentQueue";
  using base::base;

  auto producer() { return typename base::try_producer{this->queue_, this->capacity_}; }
  auto consumer() { return typename base::try_consumer{this->queue_}; }
};

/// It has no waiting push, so producers wait as everybody does who has none.
template <class T>
class blocking_concurrent_queue : public concurrent_queue_base<T, moodycamel::BlockingConcurrentQueue<T>> {
  using base = concurrent_queue_base<T, moodycamel::BlockingConcurrentQueue<T>>;

 public:
  static constexpr auto name = "BlockingConcurrentQueue";
  using base::base;

  struct waiting_producer : base::try_producer {
    void push(T& item) {
      poll([&] { return this->try_push(item); });
    }
    void push_n(T* items, std::size_t n) {
      poll([&] { return this->try_push_n(items, n) > 0; });
    }
  };
  struct waiting_consumer : base::try_consumer {
    bool pop(T& item) { return this->queue.wait_dequeue(this->token, item), true; }
    std::size_t pop_n(T* items, std::size_t n) { return this->queue.wait_dequeue_bulk(this->token, items, n); }
  };
  auto producer() { return waiting_producer{{this->queue_, this->capacity_}}; }
  auto consumer() { return waiting_consumer{{this->queue_}}; }
};

template <class T>
using concurrentqueue_mpmc = contenders<concurrent_queue<T>>;
template <class T>
using concurrentqueue_mpmc_waiting = contenders<blocking_concurrent_queue<T>>;

}  // namespace bench
#endif
