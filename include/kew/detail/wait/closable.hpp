// A ring that can be closed: by its own seal or, where it has none, by a gate before it.
#pragma once

#include <type_traits>
#include <utility>

#include <kew/concepts.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/wait/push_gate.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

inline status status_of(status outcome) noexcept { return outcome; }
template <class T>
status status_of(const result<T>& outcome) noexcept {
  return outcome.status();
}

template <ring Ring>
class closable {
  static constexpr bool sealable = sealable_ring<Ring>;
  static constexpr cardinality gate_side = many_producers<Ring> ? cardinality::many : cardinality::one;
  struct no_gate {};

 public:
  template <class... A>
  explicit closable(A&&... arguments) : ring_(std::forward<A>(arguments)...) {}

  /// `attempt(ring)`, or `refusal` if that came too late.
  template <class Attempt, class Outcome>
  Outcome push(Attempt&& attempt, Outcome refusal) {
    if constexpr (sealable) {
      return attempt(ring_);
    } else {
      const typename push_gate<gate_side>::passage passage(gate_);
      return passage.open() ? attempt(ring_) : refusal;
    }
  }

  /// `attempt(ring)`, where `closed` instead of `empty` says that nothing can come any more.
  template <class Attempt>
  auto pop(Attempt&& attempt) -> decltype(attempt(std::declval<Ring&>())) {
    auto outcome = attempt(ring_);
    if constexpr (!sealable)
      if (status_of(outcome) == status::empty && gate_.is_shut()) [[unlikely]] {
        if (!gate_.is_clear()) return status::busy;
        auto last = attempt(ring_);
        if (status_of(last) == status::empty) return status::closed;
        return last;
      }
    return outcome;
  }

  void close() noexcept {
    if constexpr (sealable)
      ring_.seal();
    else
      gate_.shut();
  }
  bool is_closed() const noexcept {
    if constexpr (sealable)
      return ring_.is_sealed();
    else
      return gate_.is_shut();
  }

  Ring& ring() noexcept { return ring_; }
  const Ring& ring() const noexcept { return ring_; }

 private:
  Ring ring_;
  [[no_unique_address]] std::conditional_t<sealable, no_gate, push_gate<gate_side>> gate_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
