// Boost.Lockfree by T. Blechmann.
#pragma once

#include "../harness.hpp"

#ifdef KEW_PEER_BOOST
#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>

namespace bench {

/// With its own calls for batches.
template <class T>
class boost_spsc_queue {
 public:
  using value_type = T;
  static constexpr auto name = "boost::lockfree::spsc_queue";

  boost_spsc_queue(std::size_t capacity, shape) : queue_(capacity) {}

  bool try_push(T& item) { return queue_.push(item); }
  bool try_pop(T& item) { return queue_.pop(item); }
  std::size_t try_push_n(T* items, std::size_t n) { return queue_.push(items, n); }
  std::size_t try_pop_n(T* items, std::size_t n) { return queue_.pop(items, n); }

 private:
  boost::lockfree::spsc_queue<T> queue_;
};

/// All nodes are made by the constructor, and bounded_push takes no others. Not fixed_sized: that ends at 65534.
template <class T>
class boost_queue {
 public:
  using value_type = T;
  static constexpr auto name = "boost::lockfree::queue";

  boost_queue(std::size_t capacity, shape) : queue_(capacity) {}

  bool try_push(T& item) { return queue_.bounded_push(item); }
  bool try_pop(T& item) { return queue_.pop(item); }

 private:
  boost::lockfree::queue<T> queue_;
};

template <class T>
using boost_spsc = contenders<boost_spsc_queue<T>>;
/// It holds only what can be copied as bytes.
template <class T>
using boost_mpmc = std::conditional_t<std::is_trivially_copyable_v<T>, contenders<boost_queue<T>>, contenders<>>;

}  // namespace bench
#endif
