// readerwriterqueue by C. Desrochers: one producer, one consumer.
#pragma once

#include "../harness.hpp"

#ifdef KEW_PEER_READERWRITERQUEUE
#include <readerwriterqueue/readerwritercircularbuffer.h>
#include <readerwriterqueue/readerwriterqueue.h>

namespace bench {

/// try_enqueue, which never allocates, and not enqueue: the job is a bounded queue. Its blocks have the default
/// size; it takes up to a block more than it was asked for.
template <class T>
class reader_writer_queue {
 public:
  using value_type = T;
  static constexpr auto name = "ReaderWriterQueue";

  reader_writer_queue(std::size_t capacity, shape) : queue_(capacity) {}

  bool try_push(T& item) { return queue_.try_enqueue(std::move(item)); }
  bool try_pop(T& item) { return queue_.try_dequeue(item); }

 private:
  moodycamel::ReaderWriterQueue<T> queue_;
};

/// wait_dequeue on the popping side. It has no waiting push, so the producer waits as everybody does who has none.
template <class T>
class blocking_reader_writer_queue {
 public:
  using value_type = T;
  static constexpr auto name = "BlockingReaderWriterQueue";

  blocking_reader_writer_queue(std::size_t capacity, shape) : queue_(capacity) {}

  void push(T& item) {
    poll([&] { return try_push(item); });
  }
  bool pop(T& item) { return queue_.wait_dequeue(item), true; }
  bool try_push(T& item) { return queue_.try_enqueue(std::move(item)); }
  bool try_pop(T& item) { return queue_.try_dequeue(item); }

 private:
  moodycamel::BlockingReaderWriterQueue<T> queue_;
};

/// The same author's queue that is bounded exactly and waits on both sides.
template <class T>
class blocking_circular_buffer {
 public:
  using value_type = T;
  static constexpr auto name = "BlockingReaderWriterCircularBuffer";

  blocking_circular_buffer(std::size_t capacity, shape) : queue_(capacity) {}

  void push(T& item) { queue_.wait_enqueue(std::move(item)); }
  bool pop(T& item) { return queue_.wait_dequeue(item), true; }
  bool try_push(T& item) { return queue_.try_enqueue(std::move(item)); }
  bool try_pop(T& item) { return queue_.try_dequeue(item); }

 private:
  moodycamel::BlockingReaderWriterCircularBuffer<T> queue_;
};

template <class T>
using readerwriterqueue_spsc = contenders<reader_writer_queue<T>>;
template <class T>
using readerwriterqueue_spsc_waiting = contenders<blocking_reader_writer_queue<T>, blocking_circular_buffer<T>>;

}  // namespace bench
#endif
