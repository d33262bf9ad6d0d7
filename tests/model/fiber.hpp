// A stack of one's own and a switch between stacks: what the explorer runs its threads on.
// All of them live on one thread of the operating system, so nothing here is ever concurrent.
#pragma once

#include <cstddef>

namespace explorer {

class fiber {
 public:
  using entry = void (*)();

  /// A fiber that has no stack of its own yet; the first switch away from it fills it in.
  fiber() = default;
  fiber(const fiber&) = delete;
  fiber& operator=(const fiber&) = delete;
  ~fiber();

  /// The next switch to this fiber starts `begin` on an empty stack; whatever the stack held is
  /// forgotten without running a destructor. `begin` must not return.
  void restart(entry begin);

  /// Leaves `from` and goes on in `to`; comes back when somebody switches to `from`.
  static void change(fiber& from, fiber& to);

 private:
  static constexpr std::size_t stack_size = std::size_t{256} * 1024;

  void* context_ = nullptr;
  std::byte* stack_ = nullptr;
  // The exceptions in flight belong to the stack, yet the language's run time keeps them per thread of
  // the operating system.
  void* caught_exceptions_ = nullptr;
  unsigned uncaught_exceptions_ = 0;
};

}  // namespace explorer
