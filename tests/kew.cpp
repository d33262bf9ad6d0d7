// The public contract, name by name and signature by signature, as a user finds it through kew.hpp: what is
// compiled here is what programs outside this repository are compiled against.
#include <kew/kew.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include "support/catch.hpp"

namespace kew_test {
namespace {

using namespace std::chrono_literals;
using kew::result;
using kew::status;

template <class A, class B>
constexpr bool same = std::is_same_v<A, B>;

template <class In, class T>
constexpr bool pushes_without_waiting() {
  static_assert(requires(In& in, const T& lvalue, T&& rvalue, const T* it, std::istream_iterator<int> input) {
    { in.try_push(lvalue) } -> std::same_as<status>;
    { in.try_push(std::move(rvalue)) } -> std::same_as<status>;
    { in.try_emplace() } -> std::same_as<status>;
    { in.try_emplace(lvalue) } -> std::same_as<status>;
    { in.try_push_n(it, std::size_t{1}) } -> std::same_as<std::size_t>;
  });
  return true;
}

template <class Out, class T>
constexpr bool pops_without_waiting() {
  static_assert(requires(Out& out, T& into, T* it) {
    { out.try_pop() } -> std::same_as<result<T>>;
    { out.try_pop(into) } -> std::same_as<status>;
    { out.try_pop_n(it, std::size_t{1}) } -> std::same_as<std::size_t>;
  });
  return true;
}

template <class Queue>
constexpr bool tells_its_size() {
  static_assert(requires(const Queue& queue) {
    { queue.capacity() } noexcept -> std::same_as<std::size_t>;
    { queue.size_approx() } noexcept -> std::same_as<std::size_t>;
  });
  return true;
}

template <class Queue>
constexpr bool closes() {
  static_assert(requires(Queue& queue, const Queue& fixed) {
    { queue.close() } noexcept -> std::same_as<void>;
    { fixed.is_closed() } noexcept -> std::same_as<bool>;
  });
  return true;
}

template <class In, class T>
constexpr bool pushes_and_waits() {
  static_assert(requires(In& in, const T& lvalue, T&& rvalue, const T* it, std::stop_token stop) {
    { in.push(lvalue) } -> std::same_as<status>;
    { in.push(std::move(rvalue)) } -> std::same_as<status>;
    { in.emplace() } -> std::same_as<status>;
    { in.emplace(lvalue) } -> std::same_as<status>;
    { in.push(lvalue, stop) } -> std::same_as<status>;
    { in.push(std::move(rvalue), stop) } -> std::same_as<status>;
    { in.try_push_for(lvalue, 1ms) } -> std::same_as<status>;
    { in.try_push_for(std::move(rvalue), std::chrono::duration<float>(1)) } -> std::same_as<status>;
    { in.try_push_until(lvalue, std::chrono::steady_clock::now()) } -> std::same_as<status>;
    { in.try_push_until(std::move(rvalue), std::chrono::system_clock::now()) } -> std::same_as<status>;
    { in.push_n(it, std::size_t{1}) } -> std::same_as<std::size_t>;
    { in.emplace(stop) } -> std::same_as<status>;
    { in.emplace(stop, lvalue) } -> std::same_as<status>;
    { in.try_emplace_for(1ms, lvalue) } -> std::same_as<status>;
    { in.try_emplace_until(std::chrono::steady_clock::now()) } -> std::same_as<status>;
    { in.try_push_for(lvalue, 1ms, stop) } -> std::same_as<status>;
    { in.try_push_for(std::move(rvalue), 1ms, stop) } -> std::same_as<status>;
    { in.try_push_until(lvalue, std::chrono::steady_clock::now(), stop) } -> std::same_as<status>;
    { in.try_push_until(std::move(rvalue), std::chrono::steady_clock::now(), stop) } -> std::same_as<status>;
  });
  return pushes_without_waiting<In, T>() && closes<In>() && tells_its_size<In>();
}

template <class Out, class T>
constexpr bool pops_and_waits() {
  static_assert(requires(Out& out, T* it, std::stop_token stop) {
    { out.pop() } -> std::same_as<result<T>>;
    { out.pop(stop) } -> std::same_as<result<T>>;
    { out.try_pop_for(1ms) } -> std::same_as<result<T>>;
    { out.try_pop_for(std::chrono::duration<double, std::milli>(1)) } -> std::same_as<result<T>>;
    { out.try_pop_until(std::chrono::steady_clock::now()) } -> std::same_as<result<T>>;
    { out.try_pop_until(std::chrono::system_clock::now()) } -> std::same_as<result<T>>;
    { out.pop_n(it, std::size_t{1}) } -> std::same_as<std::size_t>;
    { out.try_pop_for(1ms, stop) } -> std::same_as<result<T>>;
    { out.try_pop_until(std::chrono::steady_clock::now(), stop) } -> std::same_as<result<T>>;
  });
  return pops_without_waiting<Out, T>() && closes<Out>() && tells_its_size<Out>();
}

template <template <class, std::size_t, class> class Ring>
constexpr bool is_a_ring_as_promised() {
  using text = Ring<std::string, kew::dynamic_capacity, std::allocator<std::string>>;
  using fixed = Ring<int, 8, std::allocator<int>>;
  static_assert(std::is_constructible_v<text, std::size_t> &&
                std::is_constructible_v<text, std::size_t, std::allocator<std::string>>);
  static_assert(std::is_default_constructible_v<fixed>);
  static_assert(requires(text& ring) {
    {
      ring.try_consume([](std::string&) {})
    } -> std::same_as<status>;
  });
  static_assert(pushes_without_waiting<text, std::string>() && pops_without_waiting<text, std::string>() &&
                tells_its_size<text>());
  static_assert(pushes_without_waiting<fixed, int>() && pops_without_waiting<fixed, int>() && tells_its_size<fixed>());
  static_assert(sizeof(fixed) >= 8 * sizeof(int), "the storage is inside the object");
  return true;
}
static_assert(is_a_ring_as_promised<kew::spsc_ring>() && is_a_ring_as_promised<kew::mpsc_ring>());
static_assert(is_a_ring_as_promised<kew::spmc_ring>() && is_a_ring_as_promised<kew::mpmc_ring>());

// The defaults of the template parameters.
static_assert(same<kew::mpmc_ring<int>, kew::mpmc_ring<int, kew::dynamic_capacity, std::allocator<int>>>);
static_assert(same<kew::blocking_queue<int>, kew::blocking_queue<int, kew::mpmc_ring<int>, kew::adaptive_wait>>);
static_assert(same<kew::producer<int>, kew::producer<int, kew::mpmc_ring<int>, kew::adaptive_wait>>);
static_assert(same<kew::consumer<int>, kew::consumer<int, kew::mpmc_ring<int>, kew::adaptive_wait>>);

static_assert(pushes_and_waits<kew::blocking_queue<std::string>, std::string>());
static_assert(pops_and_waits<kew::blocking_queue<std::string>, std::string>());
static_assert(pushes_and_waits<kew::blocking_queue<int, kew::spsc_ring<int>, kew::park_wait>, int>());
static_assert(pops_and_waits<kew::blocking_queue<int, kew::spmc_ring<int>, kew::spin_wait>, int>());
static_assert(pushes_and_waits<kew::producer<std::string>, std::string>());
static_assert(pops_and_waits<kew::consumer<std::string>, std::string>());

// A handle that watches: of every channel, from every handle.
template <class Handle>
constexpr bool is_observed() {
  static_assert(requires(const Handle& handle) {
    { handle.observe() } -> std::same_as<kew::observer<int>>;
  });
  return true;
}
static_assert(is_observed<kew::producer<int>>() && is_observed<kew::consumer<int>>() &&
              is_observed<kew::observer<int>>());
static_assert(std::is_copy_constructible_v<kew::observer<int>> && std::is_copy_assignable_v<kew::observer<int>>);
static_assert(closes<kew::observer<int>>() && tells_its_size<kew::observer<int>>());

// What cannot be copied is not offered to be.
template <class T>
concept can_be_pushed_as_a_copy = requires(kew::blocking_queue<T>& queue, const T& value) { queue.push(value); };
static_assert(can_be_pushed_as_a_copy<std::string> && !can_be_pushed_as_a_copy<std::unique_ptr<int>>);
static_assert(std::is_default_constructible_v<status> && status() == status::success);

static_assert(requires(kew::spsc_ring<float>& ring) {
  { ring.try_claim(1).first() } -> std::same_as<std::span<float>>;
  { ring.try_claim(1).second() } -> std::same_as<std::span<float>>;
  ring.try_claim(1).commit(0);
  { ring.try_peek(1).first() } -> std::same_as<std::span<float>>;
  { ring.try_peek(1).second() } -> std::same_as<std::span<float>>;
  ring.try_peek(1).release(0);
});

static_assert(requires(result<int>& some, const result<int>& fixed) {
  { some.has_value() } noexcept -> std::same_as<bool>;
  { *some } -> std::same_as<int&>;
  { *fixed } -> std::same_as<const int&>;
  { some.value() } -> std::same_as<int&>;
  { std::move(some).value() } -> std::same_as<int&&>;
  { fixed.value_or(1) } -> std::same_as<int>;
  { fixed.status() } noexcept -> std::same_as<status>;
});

}  // namespace

TEST_CASE("a first program", "[kew]") {
  auto [tx, rx] = kew::make_channel<std::string>(4);
  CHECK((tx.push("hello") == status::success));
  {
    auto gone = std::move(tx);
  }
  int messages = 0;
  for (std::string& message : rx) {
    CHECK(message == "hello");
    ++messages;
  }
  CHECK(messages == 1);
}

}  // namespace kew_test
