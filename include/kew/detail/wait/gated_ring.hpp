// Closing for a ring that cannot seal itself: a ring around it that can.
//
// A push announces itself before it looks whether the gate is shut. A pop that finds the gate shut and the ring empty
// looks for announced pushes before it believes that nothing more will come. At least one of the two sees the other, so
// no push succeeds behind the back of consumers that have gone.
//
// Source     the store-buffering (Dekker) pattern, with the expensive fence on the side that is rarely taken.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <kew/concepts.hpp>
#include <kew/config.hpp>
#include <kew/detail/wait/outcome.hpp>
#include <kew/detail/wait/push_gate.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

template <ring Ring>
class gated_ring {
  using gate = push_gate<many_producers<Ring> ? cardinality::many : cardinality::one>;
  using passage = typename gate::passage;

 public:
  using value_type = typename Ring::value_type;
  static constexpr cardinality producers = many_producers<Ring> ? cardinality::many : cardinality::one;
  static constexpr cardinality consumers = many_consumers<Ring> ? cardinality::many : cardinality::one;

  template <class... A>
    requires std::is_constructible_v<Ring, A...>
  explicit gated_ring(A&&... arguments) : ring_(std::forward<A>(arguments)...) {}

  // A refused push answers `closed`; the others are the ring's.

  template <class U>
  status try_push(U&& value) {
    const passage mine(gate_);
    return mine.open() ? ring_.try_push(std::forward<U>(value)) : status::closed;
  }
  template <class... A>
    requires constructs_in_place<Ring, A...>
  status try_emplace(A&&... arguments) {
    const passage mine(gate_);
    return mine.open() ? ring_.try_emplace(std::forward<A>(arguments)...) : status::closed;
  }
  template <class It>
    requires pushes_batches<Ring, It>
  std::size_t try_push_n(It first, std::size_t n) {
    const passage mine(gate_);
    return mine.open() ? ring_.try_push_n(std::move(first), n) : 0;
  }

  // `closed` instead of `empty` says that nothing can come any more; `busy`, that a push is under way.

  result<value_type> try_pop() {
    auto outcome = ring_.try_pop();
    if (may_be_drained(outcome)) [[unlikely]]
      replace(outcome, last_look([this] { return ring_.try_pop(); }));
    return outcome;
  }
  status try_pop(value_type& out)
    requires requires(Ring& r) { r.try_pop(out); }
  {
    auto outcome = ring_.try_pop(out);
    if (may_be_drained(outcome)) [[unlikely]]
      replace(outcome, last_look([this, &out] { return ring_.try_pop(out); }));
    return outcome;
  }
  template <class Claim>
  [[gnu::always_inline]] status claim_pop(Claim& claim) noexcept {
    status outcome = ring_.claim_pop(claim);
    if (may_be_drained(outcome)) [[unlikely]]
      outcome = last_look([this, &claim] { return ring_.claim_pop(claim); });
    return outcome;
  }
  template <class Claim>
  [[gnu::always_inline]] bool claim_ready(Claim& claim) noexcept
    requires claims_at_once<Ring, Claim>
  {
    return ring_.claim_ready(claim);
  }
  template <class Claim>
  value_type& claimed(const Claim& claim) noexcept {
    return ring_.claimed(claim);
  }
  template <class Claim>
  [[gnu::always_inline]] void end_pop(const Claim& claim) noexcept {
    ring_.end_pop(claim);
  }
  template <class F>
    requires consumes_in_place<Ring, F>
  status try_consume(F&& f) {
    const status outcome = ring_.try_consume(std::forward<F>(f));
    if (may_be_drained(outcome)) [[unlikely]]
      return last_look([this, &f] { return ring_.try_consume(std::forward<F>(f)); });
    return outcome;
  }
  template <class Out>
    requires pops_batches<Ring, Out>
  std::size_t try_pop_n(Out out, std::size_t n) {
    return ring_.try_pop_n(std::move(out), n);
  }

  void seal() noexcept { gate_.shut(); }
  bool is_sealed() const noexcept { return gate_.is_shut(); }

  std::size_t capacity() const noexcept { return ring_.capacity(); }
  std::size_t size_approx() const noexcept { return ring_.size_approx(); }
  std::size_t popped_approx() const noexcept
    requires counts_pops<Ring>
  {
    return ring_.popped_approx();
  }
  auto metrics() const noexcept
    requires has_metrics<Ring>
  {
    return ring_.metrics();
  }
  void note_refused(std::size_t n) noexcept
    requires counts_refusals<Ring>
  {
    ring_.note_refused(n);
  }

 private:
  template <class Outcome>
  bool may_be_drained(const Outcome& outcome) const noexcept {
    return status_of(outcome) == status::empty && gate_.is_shut();
  }

  template <class Attempt>
  auto last_look(Attempt attempt) -> decltype(attempt()) {
    if (!gate_.is_clear()) return status::busy;
    auto outcome = attempt();
    if (status_of(outcome) == status::empty) return status::closed;
    return outcome;
  }

  Ring ring_;
  gate gate_;
};

/// The ring itself where it can be sealed, else with a gate around it.
template <ring Ring>
using sealable = std::conditional_t<sealable_ring<Ring>, Ring, gated_ring<Ring>>;

}}}  // namespace kew::KEW_NAMESPACE::detail
