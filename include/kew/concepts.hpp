// The words that rings, queues and channels share: how many threads stand on a side, what a ring is, and
// what it may offer beyond that.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

/// How many threads may be on a side of a ring at the same time.
enum class cardinality : unsigned char { one, many };

/// The capacity is an argument of the constructor, and the slots are on the heap.
inline constexpr std::size_t dynamic_capacity = SIZE_MAX;

namespace detail {

/// Instantiated by every ring: what an element must be.
template <class T>
struct element_requirements {
  static_assert(!std::is_reference_v<T>,
                "kew: a ring holds objects, not references; use a pointer or std::reference_wrapper");
  static_assert(std::is_object_v<T> && !std::is_array_v<T>, "kew: a ring holds objects; wrap an array in std::array");
  static_assert(!std::is_const_v<T> && !std::is_volatile_v<T>,
                "kew: elements are moved out of a ring, so their type is not const or volatile");
  static_assert(std::is_destructible_v<T>,
                "kew: elements are destroyed by the ring, so their type needs a public destructor");
  static_assert(std::is_nothrow_destructible_v<T>, "kew: the destructor of an element must not throw");
  static constexpr bool met = true;
};

}  // namespace detail

/// What a blocking_queue and a channel need to know of a ring: non-waiting push and pop, and how full it
/// is. A push that is not a success leaves its argument untouched; a `busy` ends as soon as some other
/// thread finishes the call it is inside of.
template <class R>
concept ring = requires(R& r, const R& c, typename R::value_type&& value) {
  { r.try_push(std::move(value)) } -> std::same_as<status>;
  { r.try_pop() } -> std::same_as<result<typename R::value_type>>;
  { c.capacity() } -> std::convertible_to<std::size_t>;
  { c.size_approx() } -> std::convertible_to<std::size_t>;
};

/// Several threads may push. A ring that does not say so has one producer.
template <class R>
concept many_producers = requires { requires R::producers == cardinality::many; };

/// Several threads may pop. A ring that does not say so has one consumer.
template <class R>
concept many_consumers = requires { requires R::consumers == cardinality::many; };

/// After seal(), pushes answer `closed`, and so do pops once everything that was pushed has been popped.
template <class R>
concept sealable_ring = ring<R> && requires(R& r, const R& c) {
  r.seal();
  { c.is_sealed() } -> std::same_as<bool>;
};

/// Builds an element in its slot from these arguments, which a failed call leaves untouched.
template <class R, class... A>
concept constructs_in_place = requires(R& r, A&&... arguments) {
  { r.try_emplace(std::forward<A>(arguments)...) } -> std::same_as<status>;
};

/// Takes several elements at once, from an iterator of this type.
template <class R, class It>
concept pushes_batches = requires(R& r, It first, std::size_t n) {
  { r.try_push_n(first, n) } -> std::convertible_to<std::size_t>;
};
/// Hands several elements out at once, to an output iterator of this type.
template <class R, class Out>
concept pops_batches = requires(R& r, Out out, std::size_t n) {
  { r.try_pop_n(out, n) } -> std::convertible_to<std::size_t>;
};

/// Keeps figures about itself, which any thread may read: metered_ring does.
template <class R>
concept has_metrics = requires(const R& r) { r.metrics(); };

/// Counts the messages that its callers could not push: metered_ring does.
template <class R>
concept counts_refusals = requires(R& r, std::size_t n) { r.note_refused(n); };

/// Says how many elements have come out of it, as a number that wraps round. A queue of several producers or consumers
/// that has threads wait sees by it how fast a stream is.
template <class R>
concept counts_pops = requires(const R& r) {
  { r.popped_approx() } -> std::convertible_to<std::size_t>;
};

namespace detail {

/// Pops in two steps, for a coroutine, which has to know whether there is an element before it can say where that goes.
/// kew's rings do; but not one that is derived from them and has a try_pop of its own.
template <class R>
concept pops_in_two_steps =
    ring<R> && requires(R& r, typename R::pop_claim& claim,
                        result<typename R::value_type> (R::pop_claim::ring_type::*its_try_pop)()) {
      { r.claim_pop(claim) } -> std::same_as<status>;
      { r.claimed(claim) } -> std::same_as<typename R::value_type&>;
      r.end_pop(claim);
      its_try_pop = &R::try_pop;
    };

/// Makes the first step without a call where there is nothing else to do.
template <class R, class Claim>
concept claims_at_once = requires(R& r, Claim& claim) {
  { r.claim_ready(claim) } -> std::same_as<bool>;
};

/// What lies between the two steps.
template <class R>
struct claim_of {
  struct none {};
  using type = none;
};
template <pops_in_two_steps R>
struct claim_of<R> {
  using type = typename R::pop_claim;
};

template <class R>
struct uncounted_ring {
  using type = R;
};
template <class R>
  requires requires { typename R::uncounted; }
struct uncounted_ring<R> {
  using type = typename R::uncounted;
};

}  // namespace detail

/// What a queue puts in the place of an R: the same ring, whose try_ calls leave note_refused() to the queue. A queue
/// looks often before it refuses a message, which then counts once.
template <class R>
using uncounted = typename detail::uncounted_ring<R>::type;

/// Shows an element in its slot to an F, which is called with a T&.
template <class R, class F>
concept consumes_in_place = requires(R& r, F&& f) {
  { r.try_consume(std::forward<F>(f)) } -> std::same_as<status>;
};

}}  // namespace kew::KEW_NAMESPACE
