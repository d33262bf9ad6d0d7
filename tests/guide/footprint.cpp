// Prints what a queue takes of memory, as the rows of the tables in docs/guide.md and as the lines at the tops of the
// headers. With the path of the project as an argument, fails unless each stands in its file.
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

/// What is said of a ring, and in which file.
struct statement {
  std::string file;
  std::string line;
};

template <template <class> class Ring>
statement row(const char* name) {
  return {"docs/guide.md", std::string("| `") + name + "` | " + std::to_string(sizeof(Ring<int>)) + " | " +
                               slot<Ring<int>>() + " | " + slot<Ring<void*>>() + " | " + slot<Ring<std::string>>() +
                               " | " + slot<Ring<std::array<char, 64>>>() + " | " +
                               slot<Ring<std::array<char, 100>>>() + " |"};
}

template <template <class> class Ring>
statement header(const char* name) {
  return {std::string("include/kew/") + name + ".hpp",
          "// Memory     " + std::to_string(sizeof(Ring<int>)) + " bytes and, for each element, " + slot<Ring<int>>() +
              " (int), " + slot<Ring<void*>>() + " (void*), " + slot<Ring<std::string>>() + " (std::string), " +
              slot<Ring<std::array<char, 64>>>() + " (64 bytes)."};
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
std::size_t of_queue() {
  return sizeof(kew::blocking_queue<typename Ring::value_type, Ring>) - sizeof(Ring);
}
template <class Ring>
std::size_t of_channel() {
  return sizeof(kew::detail::channel_state<typename Ring::value_type, Ring, kew::adaptive_wait>) - sizeof(Ring);
}

template <class Ring>
statement queue_row(const char* name) {
  return {"docs/guide.md", std::string("| ") + name + " | " + std::to_string(of_queue<Ring>()) + " | " +
                               std::to_string(of_channel<Ring>()) + " | " +
                               std::to_string(sizeof(kew::producer<typename Ring::value_type, Ring>)) + " |"};
}

/// The least and the most of the numbers, and what they are about.
statement header(const char* name, std::size_t least, std::size_t most, const char* rest) {
  return {std::string("include/kew/") + name + ".hpp",
          "// Memory       the ring's and " + std::to_string(least) + " to " + std::to_string(most) + " bytes" + rest};
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

int main(int count, char** arguments) {
  using spsc_of_int = kew::spsc_ring<int>;
  using mpmc_of_int = kew::mpmc_ring<int>;
  const statement statements[] = {
      row<spsc>("spsc_ring"),
      row<mpsc>("mpsc_ring"),
      row<spmc>("spmc_ring"),
      row<mpmc>("mpmc_ring"),
      row<metered_spsc>("metered_ring` over `spsc_ring"),
      row<metered_mpmc>("metered_ring` over `mpmc_ring"),
      queue_row<spsc_of_int>("over `spsc_ring`"),
      queue_row<kew::mpsc_ring<int>>("over `mpsc_ring`"),
      queue_row<kew::spmc_ring<int>>("over `spmc_ring`"),
      queue_row<mpmc_of_int>("over `mpmc_ring`"),
      header<spsc>("spsc_ring"),
      header<mpsc>("mpsc_ring"),
      header<spmc>("spmc_ring"),
      header<mpmc>("mpmc_ring"),
      header("blocking_queue", of_queue<mpmc_of_int>(), of_queue<spsc_of_int>(),
             "; none is allocated after the construction."),
      header("channel", of_channel<mpmc_of_int>(), of_channel<spsc_of_int>(), " on the heap; a handle is a pointer."),
  };
  bool same = true;
  for (const auto& [file, line] : statements) {
    const bool there =
        count == 1 || text_of(std::string(arguments[1]) + '/' + file).find('\n' + line) != std::string::npos;
    std::cout << line << (there ? "\n" : "   <- not in ") << (there ? "" : file + '\n');
    same &= there;
  }
  return same ? EXIT_SUCCESS : EXIT_FAILURE;
}
