// Calls to be counted in instructions: a try_pop, and an await, of a message that is there. KEW_TEST_ENDS makes the two
// ends of a queue of T. Prints of which elements there are three parts, and how many rounds each has; part_ends is called in
// between.
#include <coroutine>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>

#include <kew/async.hpp>
#include <kew/blocking_queue.hpp>
#include <kew/channel.hpp>
#include <kew/spsc_ring.hpp>

namespace {

constexpr int rounds = 2000;

template <class Queue>
class both_ends {
 public:
  explicit both_ends(std::size_t capacity) : queue_(capacity) {}
  Queue& in() noexcept { return queue_; }
  Queue& out() noexcept { return queue_; }

 private:
  Queue queue_;
};
template <auto Make>
class handles {
 public:
  explicit handles(std::size_t capacity) : handles_(Make(capacity)) {}
  auto& in() noexcept { return handles_.first; }
  auto& out() noexcept { return handles_.second; }

 private:
  decltype(Make(std::size_t{1})) handles_;
};

/// Runs at once, and is gone when it has ended.
struct coroutine {
  struct promise_type {
    coroutine get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};

std::uint64_t sum = 0;
void use(std::uint64_t number) { sum += number; }
void use(const std::string& text) { sum += text.size(); }

// All three are coroutines, whose variables are in memory, and push by a call.

template <class T, class Sink>
[[gnu::noinline]] void push(Sink& in) {
  static_cast<void>(in.try_push(T()));
}
template <class T, class Ends>
[[gnu::noinline]] coroutine pushes(Ends& ends) {
  for (int i = 0; i < rounds; ++i) push<T>(ends.in());
  co_return;
}
template <class T, class Ends>
[[gnu::noinline]] coroutine tries(Ends& ends) {
  for (int i = 0; i < rounds; ++i) {
    push<T>(ends.in());
    const auto popped = ends.out().try_pop();
    if (popped) use(*popped);
  }
  co_return;
}
template <class T, class Ends>
[[gnu::noinline]] coroutine awaits(Ends& ends) {
  for (int i = 0; i < rounds; ++i) {
    push<T>(ends.in());
    const auto popped = co_await kew::async_pop(ends.out());
    if (popped) use(*popped);
  }
}

extern "C" [[gnu::noinline]] void part_ends() { asm volatile(""); }

template <class T>
void count(const char* element) {
  KEW_TEST_ENDS ends(rounds);
  part_ends();
  tries<T>(ends);
  part_ends();
  awaits<T>(ends);
  part_ends();
  pushes<T>(ends);
  part_ends();
  std::printf("%s %d\n", element, rounds);
}

}  // namespace

int main() {
  count<std::uint64_t>("std::uint64_t");
  count<std::string>("std::string");
  return sum == 0 ? 0 : 1;
}
