// Raw room for the slots of a ring: inside the object where the capacity is fixed, else from an
// allocator. Knows nothing of what the slots hold.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include <kew/concepts.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/error.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// A bad_alloc that says for which capacity there was no memory, without needing any.
class no_room : public std::bad_alloc {
 public:
  explicit no_room(std::size_t capacity) noexcept {
    static constexpr char words[] = "kew: no memory for a ring of capacity ";
    std::memcpy(message_, words, sizeof(words) - 1);
    *std::to_chars(message_ + sizeof(words) - 1, message_ + sizeof(message_) - 1, capacity).ptr = '\0';
  }
  const char* what() const noexcept override { return message_; }

 private:
  char message_[64];
};

inline void check_capacity(std::size_t capacity, std::size_t most) {
  if (capacity == 0)
    raise_error(std::invalid_argument("kew: a ring of capacity 0 could hold nothing; ask for 1 or more"));
  if (capacity > most)
    raise_error(std::length_error("kew: a ring of capacity " + std::to_string(capacity) +
                                  " cannot be addressed; at most " + std::to_string(most) +
                                  " elements of this type can"));
}

/// `Most` is what the ring's indices can count. A `Slot` has room for `Elements` of the ring's elements.
template <class Slot, std::size_t Capacity, class Allocator, std::size_t Most, std::size_t Elements = 1>
class slots {
  static_assert(Capacity > 0, "kew: a ring of capacity 0 could hold nothing; ask for 1 or more");
  static_assert(Capacity <= Most && Capacity <= PTRDIFF_MAX / sizeof(Slot),
                "kew: a ring of this capacity cannot be addressed");

 public:
  slots() noexcept = default;
  slots(const slots&) = delete;
  slots& operator=(const slots&) = delete;

  Slot* data() noexcept { return reinterpret_cast<Slot*>(bytes_); }
  static constexpr std::size_t size() noexcept { return Capacity; }
  static constexpr std::size_t slot_count() noexcept { return (Capacity + Elements - 1) / Elements; }

 private:
  alignas(max(alignof(Slot), cache_line)) std::byte bytes_[slot_count() * sizeof(Slot)];
};

template <class Slot, class Allocator, std::size_t Most, std::size_t Elements>
class slots<Slot, dynamic_capacity, Allocator, Most, Elements> {
  // Whole blocks of lines: no stranger's data shares a line with the first slot or the last.
  static constexpr std::size_t alignment = max(alignof(Slot), cache_line);
  struct alignas(alignment) block {
    std::byte bytes[alignment];
  };
  using block_allocator = typename std::allocator_traits<Allocator>::template rebind_alloc<block>;
  using block_traits = std::allocator_traits<block_allocator>;

 public:
  /// For `spare` elements more than the `capacity`.
  slots(std::size_t capacity, const Allocator& allocator, std::size_t spare = 0) : allocator_(allocator) {
    const std::size_t addressable = (PTRDIFF_MAX - alignment) / sizeof(Slot);
    const auto most =
        min<std::size_t>(Most, addressable, block_traits::max_size(allocator_) / sizeof(Slot) * sizeof(block));
    check_capacity(capacity, most > spare ? most - spare : 0);
    size_ = capacity + spare;
#if defined(__cpp_exceptions)
    try {
      blocks_ = block_traits::allocate(allocator_, block_count());
    } catch (const std::bad_alloc&) {
      throw no_room(capacity);
    }
#else
    blocks_ = block_traits::allocate(allocator_, block_count());
#endif
  }
  ~slots() { block_traits::deallocate(allocator_, blocks_, block_count()); }
  slots(const slots&) = delete;
  slots& operator=(const slots&) = delete;

  Slot* data() noexcept { return reinterpret_cast<Slot*>(std::to_address(blocks_)); }
  std::size_t size() const noexcept { return size_; }
  std::size_t slot_count() const noexcept { return size_ / Elements + (size_ % Elements != 0 ? 1 : 0); }

 private:
  std::size_t block_count() const noexcept { return (slot_count() * sizeof(Slot) + sizeof(block) - 1) / sizeof(block); }

  typename block_traits::pointer blocks_{};
  std::size_t size_{};
  [[no_unique_address]] block_allocator allocator_;
};

/// An element that ends with the scope, whichever way that is left.
template <class T>
struct destroyed_on_exit {
  T& element;
  ~destroyed_on_exit() { std::destroy_at(std::addressof(element)); }
};

/// The elements of a batch while they are built, `place(i)` being the slot of the i-th: destroyed again
/// unless kept.
template <class Place>
class unfinished {
 public:
  explicit unfinished(Place place) : place_(place) {}
  unfinished(const unfinished&) = delete;
  unfinished& operator=(const unfinished&) = delete;
  ~unfinished() {
    for (std::size_t i = 0; i < built_; ++i) std::destroy_at(place_(i));
  }

  /// `more`: something else is taken from `first` afterwards. A single-pass iterator must not be moved
  /// beyond what was taken from it.
  template <class It>
  void build(It& first, std::size_t n, bool more = false) {
    while (built_ < n) {
      std::construct_at(place_(built_), *first);
      ++built_;
      if (more || built_ < n) ++first;
    }
  }
  void keep() noexcept { built_ = 0; }

 private:
  Place place_;
  std::size_t built_ = 0;
};
template <class Place>
unfinished(Place) -> unfinished<Place>;

}}}  // namespace kew::KEW_NAMESPACE::detail
