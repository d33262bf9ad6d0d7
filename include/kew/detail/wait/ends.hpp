// What can be waited for besides by the calls of a queue: its ends, where there are messages to pop or room to push.
#pragma once

#include <type_traits>
#include <utility>

#include <kew/config.hpp>
#include <kew/detail/wait/queue_core.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// A blocking_queue or a consumer.
template <class Queue>
concept pop_source = requires(Queue& queue) {
  typename Queue::ring_type;
  queue.try_pop();
};

/// A blocking_queue or a producer.
template <class Queue>
concept push_sink = requires(Queue& queue) {
  typename Queue::ring_type;
  queue.try_push(std::declval<typename Queue::value_type>());
};

/// The queue_core behind either.
template <class Queue>
using core_of = std::remove_pointer_t<decltype(core_access::of(std::declval<Queue&>()))>;

}}}  // namespace kew::KEW_NAMESPACE::detail
