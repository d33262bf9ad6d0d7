// What is below a metered_ring: the ring of the same kind whose messages carry stamps, and a meter beside it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <kew/concepts.hpp>
#include <kew/config.hpp>
#include <kew/detail/meter/meter.hpp>
#include <kew/metrics.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// The ring of the same kind for other elements: `typename R::template rebind<U>` where R says so.
template <class R, class U>
struct rebound_ring {};
template <class R, class U>
  requires requires { typename R::template rebind<U>; }
struct rebound_ring<R, U> {
  using type = typename R::template rebind<U>;
};
template <template <class, std::size_t, class> class Ring, class T, std::size_t Capacity, class Allocator, class U>
struct rebound_ring<Ring<T, Capacity, Allocator>, U> {
  using type = Ring<U, Capacity, typename std::allocator_traits<Allocator>::template rebind_alloc<U>>;
};
template <template <class, class> class Ring, class T, class Allocator, class U>
struct rebound_ring<Ring<T, Allocator>, U> {
  using type = Ring<U, typename std::allocator_traits<Allocator>::template rebind_alloc<U>>;
};
template <template <class> class Ring, class T, class U>
struct rebound_ring<Ring<T>, U> {
  using type = Ring<U>;
};

/// An element and its stamp.
template <class T>
struct stamped {
  template <class... A>
  explicit stamped(std::uint64_t its_stamp, A&&... arguments) noexcept(std::is_nothrow_constructible_v<T, A...>)
      : word(its_stamp), value(std::forward<A>(arguments)...) {}
  template <class Source>
  explicit stamped(const Source& source) noexcept(noexcept(T(source.take())))
    requires requires { source.take(); }
      : word(source.meter->next_stamp()), value(source.take()) {}

  std::uint64_t word;
  T value;
};

/// A ring R whose messages carry stamps, and a meter. It leaves counting refusals to the queue above it.
template <class R>
class stamped_ring {
  using T = typename R::value_type;
  using message = stamped<T>;
  using inner_ring = typename rebound_ring<R, message>::type;

 public:
  using value_type = T;  ///< What is passed on.
  /// How many threads may push at the same time.
  static constexpr cardinality producers = many_producers<inner_ring> ? cardinality::many : cardinality::one;
  /// How many threads may pop at the same time.
  static constexpr cardinality consumers = many_consumers<inner_ring> ? cardinality::many : cardinality::one;

  /// As the ring's of a fixed capacity.
  stamped_ring()
    requires std::is_default_constructible_v<inner_ring>
  = default;
  /// As the ring's: `capacity` elements at most, exactly; `more` is what its constructor takes beside that.
  template <class... A>
    requires std::is_constructible_v<inner_ring, std::size_t, A...>
  explicit stamped_ring(std::size_t capacity, A&&... more) : ring_(capacity, std::forward<A>(more)...) {}

  stamped_ring(const stamped_ring&) = delete;  // a ring stays where its threads know it: share a pointer to it
  stamped_ring& operator=(const stamped_ring&) = delete;

  /// As the ring's.
  /// @{
  status try_push(const T& value) noexcept(std::is_nothrow_copy_constructible_v<T>)
    requires std::is_copy_constructible_v<T>
  {
    return try_emplace(value);
  }
  status try_push(const T&)  // this element type cannot be copied: pass it on by std::move
    requires(!std::is_copy_constructible_v<T>)
  = delete;
  status try_push(T&& value) noexcept(std::is_nothrow_move_constructible_v<T>) { return try_emplace(std::move(value)); }

  template <class... A>
  status try_emplace(A&&... arguments) noexcept(std::is_nothrow_constructible_v<T, A...>) {
    typename meter_type::push call(meter_);
    const status outcome = ring_.try_emplace(call.next_stamp(), std::forward<A>(arguments)...);
    if (outcome) [[likely]]
      call.success(1, ring_);
    else if (outcome == status::full)
      meter_.full(capacity());
    return outcome;
  }

  template <std::input_iterator It>
  std::size_t try_push_n(It first, std::size_t n) {
    typename meter_type::push call(meter_);
    const std::size_t count = ring_.try_push_n(source<It>{std::move(first), &call}, n);
    if (count > 0) call.success(count, ring_);
    return count;
  }
  /// @}

  /// As the ring's. The time in the queue ends when the element is found, before it is moved or shown.
  /// @{
  result<T> try_pop() noexcept(std::is_nothrow_move_constructible_v<T>) {
    std::optional<result<T>> popped;
    const status outcome = try_consume([&popped](T& value) noexcept(std::is_nothrow_move_constructible_v<T>) {
      popped.emplace(std::in_place, std::move(value));
    });
    return outcome ? *std::move(popped) : result<T>(outcome);
  }
  status try_pop(T& out) noexcept(std::is_nothrow_move_assignable_v<T>) {
    return try_consume([&out](T& value) noexcept(std::is_nothrow_move_assignable_v<T>) { out = std::move(value); });
  }

  template <class F>
  status try_consume(F&& f) noexcept(std::is_nothrow_invocable_v<F, T&>) {
    typename meter_type::pop call(meter_);
    const status outcome = ring_.try_consume([&](message& taken) noexcept(std::is_nothrow_invocable_v<F, T&>) {
      call.success(taken.word);
      std::forward<F>(f)(taken.value);
    });
    if (!outcome) call.none();
    return outcome;
  }

  /// A pop in two steps, as the ring's, where it has that; timed by the first.
  class pop_claim : public claim_of<inner_ring>::type {
   public:
    using ring_type = stamped_ring;  ///< What it is a claim on.
  };
  status claim_pop(pop_claim& claim) noexcept
    requires pops_in_two_steps<inner_ring>
  {
    typename meter_type::pop call(meter_);
    const status outcome = ring_.claim_pop(claim);
    if (outcome) [[likely]]
      call.success(ring_.claimed(claim).word);
    else
      call.none();
    return outcome;
  }
  T& claimed(const pop_claim& claim) noexcept { return ring_.claimed(claim).value; }
  void end_pop(const pop_claim& claim) noexcept { ring_.end_pop(claim); }

  template <class Out>
  std::size_t try_pop_n(Out out, std::size_t n) {
    typename meter_type::pop call(meter_);
    const std::size_t count = ring_.try_pop_n(sink<Out>{&call, std::move(out)}, n);
    if (count == 0) call.none();
    return count;
  }
  /// @}

  /// As the ring's, where it has them: for a blocking_queue or a channel to close it.
  /// @{
  void seal() noexcept
    requires sealable_ring<inner_ring>
  {
    ring_.seal();
  }
  bool is_sealed() const noexcept
    requires sealable_ring<inner_ring>
  {
    return ring_.is_sealed();
  }
  /// @}

  /// How many elements fit. Any thread.
  std::size_t capacity() const noexcept { return ring_.capacity(); }
  /// How many elements are inside, as far as another thread can know: from 0 to the capacity, always. Any thread.
  std::size_t size_approx() const noexcept { return ring_.size_approx(); }

  /// As the ring's, where it has it.
  std::size_t popped_approx() const noexcept
    requires counts_pops<inner_ring>
  {
    return ring_.popped_approx();
  }

  /// `n` messages of a caller's were refused. Any thread that may push.
  void note_refused(std::size_t n) noexcept { meter_.refused(n); }
  /// The figures now; see kew::metrics. Any thread.
  kew::metrics metrics() const noexcept { return meter_.metrics(ring_); }

 private:
  using meter_type = meter<producers, consumers>;

  /// `first`, with a stamp beside each element.
  template <class It>
  struct source {
    using iterator_concept = std::input_iterator_tag;
    using difference_type = std::ptrdiff_t;
    struct value_type {
      It* from;
      typename meter_type::push* meter;
      decltype(auto) take() const noexcept(noexcept(**from)) { return **from; }
    };

    value_type operator*() const noexcept { return {std::addressof(first), call}; }
    source& operator++() noexcept(noexcept(++std::declval<It&>())) {
      ++first;
      return *this;
    }
    void operator++(int) { ++first; }

    mutable It first;
    typename meter_type::push* call;
  };

  /// `out`, which notes each message that goes through it.
  template <class Out>
  struct sink {
    struct place {
      sink& to;
      void operator=(message&& taken) const noexcept(noexcept(*to.out = std::move(taken.value))) {
        to.call->success(taken.word);
        *to.out = std::move(taken.value);
      }
    };
    place operator*() noexcept { return {*this}; }
    sink& operator++() noexcept(noexcept(++std::declval<Out&>())) {
      ++out;
      return *this;
    }

    typename meter_type::pop* call;
    Out out;
  };

  meter_type meter_{};
  inner_ring ring_;
};

/// The same, and counts refusals itself.
template <class R>
class counting_ring : public stamped_ring<R> {
  using base = stamped_ring<R>;
  using T = typename R::value_type;

 public:
  using base::base;
  using uncounted = base;  ///< See kew::uncounted.

  /// As the ring's; what is not a success counts as refused, and has left its argument untouched.
  /// @{
  status try_push(const T& value) noexcept(std::is_nothrow_copy_constructible_v<T>)
    requires std::is_copy_constructible_v<T>
  {
    return try_emplace(value);
  }
  status try_push(const T&)  // this element type cannot be copied: pass it on by std::move
    requires(!std::is_copy_constructible_v<T>)
  = delete;
  status try_push(T&& value) noexcept(std::is_nothrow_move_constructible_v<T>) { return try_emplace(std::move(value)); }

  template <class... A>
  status try_emplace(A&&... arguments) noexcept(std::is_nothrow_constructible_v<T, A...>) {
    const status outcome = base::try_emplace(std::forward<A>(arguments)...);
    if (!outcome) this->note_refused(1);
    return outcome;
  }

  template <std::input_iterator It>
  std::size_t try_push_n(It first, std::size_t n) {
    const std::size_t count = base::try_push_n(std::move(first), n);
    if (count < n) this->note_refused(n - count);
    return count;
  }
  /// @}
};

}}}  // namespace kew::KEW_NAMESPACE::detail
