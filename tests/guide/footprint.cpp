// Prints what a queue takes of memory, as the rows of the tables in docs/guide.md. With the path of the guide as an
// argument, fails unless each row stands there.
#include <kew/kew.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>

namespace {

std::size_t allocated = 0;

template <class T>
struct counting : std::allocator<T> {
  counting() = default;
  template <class U>
  counting(const counting<U>&) {}
  template <class U>
  struct rebind {
    using other = counting<U>;
  };
  T* allocate(std::size_t n) {
    allocated += n * sizeof(T);
    return std::allocator<T>::allocate(n);
  }
};

template <class Ring>
std::size_t bytes_of(std::size_t capacity) {
  allocated = 0;
  const auto ring = std::make_unique<Ring>(capacity);
  return allocated;
}

std::string text(double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.4g", value);
  return digits;
}

/// How many bytes a slot takes of the heap, in a ring that is long enough for its ends not to matter.
template <class Ring>
std::string slot() {
  constexpr std::size_t slots = 64 * 1024;
  return text(static_cast<double>(bytes_of<Ring>(2 * slots) - bytes_of<Ring>(slots)) / slots);
}

template <template <class> class Ring>
std::string row(const char* name) {
  return std::string("| `") + name + "` | " + std::to_string(sizeof(Ring<int>)) + " | " + slot<Ring<int>>() + " | " +
         slot<Ring<void*>>() + " | " + slot<Ring<std::string>>() + " | " + slot<Ring<std::array<char, 64>>>() + " | " +
         slot<Ring<std::array<char, 100>>>() + " |";
}

template <class T>
using spsc = kew::spsc_ring<T, kew::dynamic_capacity, counting<T>>;
template <class T>
using mpsc = kew::mpsc_ring<T, kew::dynamic_capacity, counting<T>>;
template <class T>
using spmc = kew::spmc_ring<T, kew::dynamic_capacity, counting<T>>;
template <class T>
using mpmc = kew::mpmc_ring<T, kew::dynamic_capacity, counting<T>>;
template <class T>
using metered_spsc = kew::metered_ring<T, kew::spsc_ring, kew::dynamic_capacity, counting<T>>;
template <class T>
using metered_mpmc = kew::metered_ring<T, kew::mpmc_ring, kew::dynamic_capacity, counting<T>>;

template <class Ring>
std::string queue_row(const char* name) {
  using T = typename Ring::value_type;
  return std::string("| ") + name + " | " + std::to_string(sizeof(kew::blocking_queue<T, Ring>) - sizeof(Ring)) +
         " | " + std::to_string(sizeof(kew::detail::channel_state<T, Ring, kew::adaptive_wait>) - sizeof(Ring)) +
         " | " + std::to_string(sizeof(kew::producer<T, Ring>)) + " |";
}

}  // namespace

int main(int count, char** arguments) {
  const std::string rows[] = {
      row<spsc>("spsc_ring"),
      row<mpsc>("mpsc_ring"),
      row<spmc>("spmc_ring"),
      row<mpmc>("mpmc_ring"),
      row<metered_spsc>("metered_ring` over `spsc_ring"),
      row<metered_mpmc>("metered_ring` over `mpmc_ring"),
      queue_row<kew::spsc_ring<int>>("over `spsc_ring`"),
      queue_row<kew::mpsc_ring<int>>("over `mpsc_ring`"),
      queue_row<kew::spmc_ring<int>>("over `spmc_ring`"),
      queue_row<kew::mpmc_ring<int>>("over `mpmc_ring`"),
  };
  std::string guide;
  if (count > 1) {
    std::ifstream file(arguments[1]);
    guide.assign(std::istreambuf_iterator<char>(file), {});
  }
  bool same = true;
  for (const std::string& line : rows) {
    const bool there = count == 1 || guide.find('\n' + line + '\n') != std::string::npos;
    std::cout << line << (there ? "\n" : "   <- not in the guide\n");
    same &= there;
  }
  return same ? EXIT_SUCCESS : EXIT_FAILURE;
}
