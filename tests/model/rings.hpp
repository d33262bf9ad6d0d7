// The rings over which queues and channels are explored: with counters of 8 bits that overflow soon.
#pragma once

#include "probe.hpp"

#include <kew/mpmc_ring.hpp>
#include <kew/mpsc_ring.hpp>
#include <kew/spmc_ring.hpp>
#include <kew/spsc_ring.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace scenarios {

template <class Ring>
class overflowing : public Ring {
 public:
  explicit overflowing(std::size_t capacity)
      : Ring(kew::detail::before_overflow{1}, capacity, std::allocator<explorer::probe>{}) {}
};

template <kew::cardinality Producers, kew::cardinality Consumers>
using slot_ring = overflowing<kew::detail::slot_ring<explorer::probe, Producers, Consumers, kew::dynamic_capacity,
                                                     std::allocator<explorer::probe>, std::uint8_t>>;

using spsc = overflowing<kew::detail::basic_spsc_ring<explorer::probe, kew::dynamic_capacity,
                                                      std::allocator<explorer::probe>, std::uint8_t>>;
using mpsc = slot_ring<kew::cardinality::many, kew::cardinality::one>;
using spmc = slot_ring<kew::cardinality::one, kew::cardinality::many>;
using mpmc = slot_ring<kew::cardinality::many, kew::cardinality::many>;

/// A user's ring: many on each side, and nothing that would help to close it.
template <class Ring>
class unsealed {
 public:
  using value_type = typename Ring::value_type;
  static constexpr auto producers = Ring::producers;
  static constexpr auto consumers = Ring::consumers;

  explicit unsealed(std::size_t capacity) : ring_(capacity) {}

  template <class U>
  kew::status try_push(U&& value) {
    return ring_.try_push(std::forward<U>(value));
  }
  template <class... A>
  kew::status try_emplace(A&&... arguments) {
    return ring_.try_emplace(std::forward<A>(arguments)...);
  }
  template <class It>
  std::size_t try_push_n(It first, std::size_t n) {
    return ring_.try_push_n(first, n);
  }
  auto try_pop() { return ring_.try_pop(); }
  kew::status try_pop(value_type& out) { return ring_.try_pop(out); }
  template <class F>
  kew::status try_consume(F&& f) {
    return ring_.try_consume(std::forward<F>(f));
  }
  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t n) {
    return ring_.try_pop_n(out, n);
  }
  std::size_t capacity() const noexcept { return ring_.capacity(); }
  std::size_t size_approx() const noexcept { return ring_.size_approx(); }

 private:
  Ring ring_;
};

}  // namespace scenarios
