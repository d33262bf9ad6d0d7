// The element types that every queue is tested with, and what the tests have to know about them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace kew_test {

/// What read() answers for an element that was moved from.
inline constexpr int moved_from = -1;
/// What read() answers for an element that is neither whole nor moved from.
inline constexpr int broken = -2;

/// Counts what is alive, and notices an object that is destroyed twice, used after its end, or moved
/// without its constructors knowing.
class tracked {
 public:
  explicit tracked(int value) noexcept : value_(value) { enter(); }
  tracked(const tracked& other) noexcept : value_(other.read()) { enter(); }
  tracked(tracked&& other) noexcept : value_(std::exchange(other.value_, moved_from)) {
    other.check();
    enter();
    ++moves;
  }
  tracked& operator=(const tracked& other) noexcept {
    check();
    value_ = other.read();
    return *this;
  }
  tracked& operator=(tracked&& other) noexcept {
    check();
    other.check();
    value_ = std::exchange(other.value_, moved_from);
    ++moves;
    return *this;
  }
  ~tracked() {
    check();
    self_ = nullptr;
    --alive;
  }

  int read() const noexcept {
    check();
    return value_;
  }

  static inline std::atomic<long> alive{0};
  static inline std::atomic<long> misuses{0};
  static inline std::atomic<long> moves{0};

 private:
  void enter() noexcept {
    self_ = this;
    ++alive;
  }
  void check() const noexcept {
    if (self_ != this) ++misuses;
  }

  int value_;
  // Volatile, because a compiler drops a destructor's ordinary stores to its own members.
  const tracked* volatile self_;
};

/// Has no default constructor, and can only be moved.
class no_default {
 public:
  explicit no_default(int value) noexcept : tracked_(value) {}
  no_default(no_default&&) noexcept = default;
  no_default& operator=(no_default&&) noexcept = default;
  int read() const noexcept { return tracked_.read(); }

 private:
  tracked tracked_;
};

/// Wants more alignment than operator new gives unasked, and notices where it did not get it.
class alignas(128) over_aligned {
 public:
  explicit over_aligned(int value) noexcept : tracked_(value) { check(); }
  over_aligned(const over_aligned& other) noexcept : tracked_(other.tracked_) { check(); }
  over_aligned(over_aligned&& other) noexcept : tracked_(std::move(other.tracked_)) { check(); }
  over_aligned& operator=(const over_aligned&) noexcept = default;
  over_aligned& operator=(over_aligned&&) noexcept = default;
  int read() const noexcept { return tracked_.read(); }

 private:
  void check() const noexcept {
    if (reinterpret_cast<std::uintptr_t>(this) % 128 != 0) ++tracked::misuses;
  }

  tracked tracked_;
};

/// 256 bytes that must stay together: a torn copy reads as broken.
struct large {
  std::array<int, 64> words;

  int read() const noexcept {
    for (const int word : words)
      if (word != words.front()) return broken;
    return words.front();
  }
};
static_assert(sizeof(large) == 256 && std::is_trivially_copyable_v<large>);

/// What a `throwing` throws.
struct fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws at the k-th of its constructions, copies, moves and assignments, counted from arm(k).
class throwing {
 public:
  explicit throwing(int value) : tracked_(counted(value)) {}
  throwing(const throwing& other) : tracked_(counted(other.read())) {}
  // A move that throws leaves its source whole, so that a test can tell who lost what.
  throwing(throwing&& other) : tracked_((step(), std::move(other.tracked_))) {}
  throwing& operator=(const throwing& other) {
    step();
    tracked_ = other.tracked_;
    return *this;
  }
  throwing& operator=(throwing&& other) {
    step();
    tracked_ = std::move(other.tracked_);
    return *this;
  }
  ~throwing() = default;
  int read() const noexcept { return tracked_.read(); }

  /// The k-th step from now throws, k from 1 up; 0 for none.
  static void arm(int k) noexcept { countdown_ = k; }
  /// Throws no more, and says how far it was.
  static int disarm() noexcept { return std::exchange(countdown_, 0); }

 private:
  static void step() {
    if (countdown_ > 0 && --countdown_ == 0) throw fault("a fault on demand");
  }
  static int counted(int value) {
    step();
    return value;
  }

  static inline thread_local int countdown_ = 0;

  tracked tracked_;
};

template <class T>
T make(int n) {
  if constexpr (std::is_same_v<T, std::string>) {
    return "message number " + std::to_string(n) + ", longer than any small-string buffer";
  } else if constexpr (std::is_same_v<T, std::unique_ptr<int>>) {
    return std::make_unique<int>(n);
  } else if constexpr (std::is_same_v<T, large>) {
    large made{};
    made.words.fill(n);
    return made;
  } else {
    return T(n);
  }
}

inline int read(int element) noexcept { return element; }
inline int read(const std::unique_ptr<int>& element) noexcept { return element ? *element : moved_from; }
inline int read(const std::string& element) {
  constexpr std::string_view before = "message number ";
  if (element.empty()) return moved_from;
  if (!element.starts_with(before) || !element.ends_with(", longer than any small-string buffer")) return broken;
  return std::stoi(element.substr(before.size()));
}
template <class T>
  requires requires(const T& element) { element.read(); }
int read(const T& element) noexcept {
  return element.read();
}

/// What make<T>(n) can be constructed from in place.
template <class T>
auto ingredient(int n) {
  if constexpr (std::is_constructible_v<T, int> && !std::is_same_v<T, std::string>)
    return n;
  else
    return make<T>(n);
}

/// Whether a move out of a T shows.
template <class T>
inline constexpr bool move_shows = !std::is_trivially_copyable_v<T>;

}  // namespace kew_test
