#include "fiber.hpp"

#include <cstdint>
#include <cstdlib>

#include <cxxabi.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define KEW_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEW_ASAN 1
#endif
#endif
#ifdef KEW_ASAN
#include <sanitizer/asan_interface.h>
#endif

// swapcontext(3) enters the kernel twice for the signal mask, which costs more than the rest of an
// execution; so the two machines at hand have a switch that saves what the calling convention keeps.
#if defined(__x86_64__)
asm(R"(
.text
.p2align 4
.globl explorer_switch
.type explorer_switch, @function
explorer_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size explorer_switch, . - explorer_switch
)");
#elif defined(__aarch64__)
asm(R"(
.text
.p2align 4
.globl explorer_switch
.type explorer_switch, %function
explorer_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size explorer_switch, . - explorer_switch
)");
#endif

#if defined(__x86_64__) || defined(__aarch64__)
extern "C" void explorer_switch(void** from, void* to);
#endif

namespace explorer {
namespace {

// The layout that the Itanium C++ ABI gives to what __cxa_get_globals returns.
struct exceptions_in_flight {
  void* caught;
  unsigned uncaught;
};

exceptions_in_flight& current_exceptions() {
  return *reinterpret_cast<exceptions_in_flight*>(abi::__cxa_get_globals());
}

}  // namespace

fiber::~fiber() {
  std::free(stack_);
#if !defined(__x86_64__) && !defined(__aarch64__)
  delete static_cast<ucontext_t*>(context_);
#endif
}

void fiber::restart(entry begin) {
  if (stack_ == nullptr) stack_ = static_cast<std::byte*>(std::aligned_alloc(64, stack_size));
  caught_exceptions_ = nullptr;
  uncaught_exceptions_ = 0;
#ifdef KEW_ASAN
  // The frames that are being forgotten left their red zones behind.
  __asan_unpoison_memory_region(stack_, stack_size);
#endif
#if defined(__x86_64__)
  auto* top = reinterpret_cast<std::uint64_t*>(stack_ + stack_size);
  // Popped from here upwards: six registers, the address to return to, and one word that makes the
  // stack look as after a call.
  *--top = 0;
  *--top = reinterpret_cast<std::uint64_t>(begin);
  for (int i = 0; i < 6; ++i) *--top = 0;
  context_ = top;
#elif defined(__aarch64__)
  auto* top = reinterpret_cast<std::uint64_t*>(stack_ + stack_size - 160);
  for (int i = 0; i < 20; ++i) top[i] = 0;
  top[11] = reinterpret_cast<std::uint64_t>(begin);
  context_ = top;
#else
  if (context_ == nullptr) context_ = new ucontext_t;
  auto* context = static_cast<ucontext_t*>(context_);
  getcontext(context);
  context->uc_stack.ss_sp = stack_;
  context->uc_stack.ss_size = stack_size;
  context->uc_link = nullptr;
  makecontext(context, begin, 0);
#endif
}

void fiber::change(fiber& from, fiber& to) {
  exceptions_in_flight& exceptions = current_exceptions();
  from.caught_exceptions_ = exceptions.caught;
  from.uncaught_exceptions_ = exceptions.uncaught;
  exceptions = {to.caught_exceptions_, to.uncaught_exceptions_};
#if defined(__x86_64__) || defined(__aarch64__)
  explorer_switch(&from.context_, to.context_);
#else
  if (from.context_ == nullptr) from.context_ = new ucontext_t;
  swapcontext(static_cast<ucontext_t*>(from.context_), static_cast<ucontext_t*>(to.context_));
#endif
}

}  // namespace explorer
