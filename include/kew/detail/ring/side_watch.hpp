// Watches a side that is one thread (solo.hpp), and lets one that is many pass.
#pragma once

#include <type_traits>

#include <kew/concepts.hpp>
#include <kew/config.hpp>
#include <kew/detail/ring/solo.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

template <int Side>
struct anybody {
  struct turn {
    turn(anybody&, const char*) noexcept {}
    void stay() noexcept {}
  };
  void leave() noexcept {}
};

/// `Side` tells the two of a ring apart: two members of one empty type would take two bytes, and a line.
template <cardinality Threads, int Side>
using side_watch = std::conditional_t<Threads == cardinality::one, solo, anybody<Side>>;

}}}  // namespace kew::KEW_NAMESPACE::detail
