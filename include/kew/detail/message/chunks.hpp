// Objects that stay where they are, made by their default constructor, which does not throw, one after the other, and
// destroyed together.
//
// What       memory for many of them at a time, each time four times as much as before, so that a million of them are in a
//            few pieces of memory. It is touched when they are made: what is not needed costs no more than addresses.
// Throws     only grow().
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include <kew/config.hpp>
#include <kew/detail/machine/large_memory.hpp>
#include <kew/detail/machine/min_max.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

template <class T>
class chunks {
 public:
  chunks() = default;
  chunks(chunks&& other) noexcept { swap(other); }
  chunks& operator=(chunks&& other) noexcept {
    swap(other);
    return *this;
  }
  ~chunks() {
    for_each([](T& each) { std::destroy_at(&each); });
    for (const chunk& each : all_) free_memory(each.memory, each.size * sizeof(T), alignof(T));
  }
  void swap(chunks& other) noexcept {
    std::swap(all_, other.all_);
    std::swap(at_, other.at_);
    std::swap(made_, other.made_);
    std::swap(room_, other.room_);
  }

  /// How many more can be made.
  std::size_t room() const noexcept { return room_; }
  /// For how many room should be made the next time: four times as many as the last time, and at least so many.
  std::size_t next_size(std::size_t at_least) const noexcept {
    const std::size_t more = all_.empty() ? at_least : max(at_least, 4 * all_.back().size);
    return more;
  }
  /// Makes room for so many more. Throws std::bad_alloc; then nothing has changed.
  void grow(std::size_t more) {
    all_.reserve(all_.size() + 1);
    all_.push_back({allocate_memory(more * sizeof(T), alignof(T)), more});
    room_ += more;
  }
  /// The next one. There is room.
  T& make() noexcept {
    if (made_ == all_[at_].size) {
      ++at_;
      made_ = 0;
    }
    --room_;
    return *::new (all_[at_].place(made_++)) T;
  }

  /// In the order in which they were made.
  template <class F>
  void for_each(F look) noexcept {
    for (std::size_t i = 0; i < all_.size() && i <= at_; ++i)
      for (std::size_t n = 0; n < (i < at_ ? all_[i].size : made_); ++n)
        look(*std::launder(static_cast<T*>(all_[i].place(n))));
  }

 private:
  struct chunk {
    void* memory;
    std::size_t size;  ///< In objects.

    void* place(std::size_t n) const noexcept { return static_cast<std::byte*>(memory) + n * sizeof(T); }
  };

  std::vector<chunk> all_{};
  std::size_t at_ = 0;    ///< In which chunk the next one is made, or in the one behind it.
  std::size_t made_ = 0;  ///< How many there are in it.
  std::size_t room_ = 0;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
