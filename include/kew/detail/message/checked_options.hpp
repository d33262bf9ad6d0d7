// What a queue of messages refuses to be made with.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

#include <kew/config.hpp>
#include <kew/error.hpp>
#include <kew/queue_options.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// The options, if they make sense. Throws std::invalid_argument, which names what does not.
inline const queue_options& checked(const queue_options& options) {
  if (options.capacity == 0) raise_error(std::invalid_argument("kew: a queue of messages with capacity 0"));
  if (options.max_attempts == 0) raise_error(std::invalid_argument("kew: a queue of messages with max_attempts 0"));
  if (options.visibility_timeout <= std::chrono::nanoseconds::zero())
    raise_error(std::invalid_argument("kew: a queue of messages with visibility_timeout " +
                                      std::to_string(options.visibility_timeout.count()) + " ns"));
  return options;
}

}}}  // namespace kew::KEW_NAMESPACE::detail
