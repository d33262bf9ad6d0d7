// How an operation ended: a status, or a result that holds what was popped.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <kew/detail/sync.hpp>
#include <kew/error.hpp>

namespace kew::inline KEW_NAMESPACE {

/// How an operation ended. `full` and `empty` are facts: at some instant during the call the queue was
/// full, or empty. `busy` says that neither held and that the call would have had to wait for another
/// thread in the middle of its own operation. `closed`: the stream has ended. `stopped`: a
/// std::stop_token asked the call to give up.
class [[nodiscard]] status {
 public:
  enum class code_type : unsigned char { success, full, empty, busy, closed, stopped };

  static const status success;
  static const status full;
  static const status empty;
  static const status busy;
  static const status closed;
  static const status stopped;

  /// For switch: `case kew::status::full.code():`
  constexpr code_type code() const noexcept { return code_; }

  /// True for success only.
  constexpr explicit operator bool() const noexcept { return code_ == code_type::success; }

  constexpr const char* name() const noexcept {
    switch (code_) {
      case code_type::success: return "success";
      case code_type::full: return "full";
      case code_type::empty: return "empty";
      case code_type::busy: return "busy";
      case code_type::closed: return "closed";
      case code_type::stopped: return "stopped";
    }
    return "unknown";
  }

  friend constexpr bool operator==(status, status) noexcept = default;

 private:
  constexpr explicit status(code_type code) noexcept : code_(code) {}

  code_type code_;
};

inline constexpr status status::success{code_type::success};
inline constexpr status status::full{code_type::full};
inline constexpr status status::empty{code_type::empty};
inline constexpr status status::busy{code_type::busy};
inline constexpr status status::closed{code_type::closed};
inline constexpr status status::stopped{code_type::stopped};

/// Thrown by result::value() where there is no value.
class bad_result : public std::exception {
 public:
  explicit bad_result(kew::status why) noexcept : why_(why) {}

  kew::status status() const noexcept { return why_; }
  const char* what() const noexcept override { return why_.name(); }

 private:
  kew::status why_;
};

namespace detail {

/// Room for a T that copies as plain bytes, so that a result of one travels in registers.
template <class T>
union plain_room {
  constexpr plain_room() noexcept : none() {}
  template <class... A>
  constexpr explicit plain_room(std::in_place_t, A&&... arguments) : value(std::forward<A>(arguments)...) {}

  struct {
  } none;
  T value;
};

/// The same face for every other T.
template <class T>
struct owning_room {
  owning_room() = default;
  template <class... A>
  constexpr explicit owning_room(std::in_place_t, A&&... arguments) : held(std::in_place, std::forward<A>(arguments)...) {}

  std::optional<T> held;
};

}  // namespace detail

/// A T, or the status that says why there is none. Copies, moves and is destroyed as a T is; a result of
/// a trivially copyable T is trivially copyable.
template <class T>
class [[nodiscard]] result {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>, "kew::result holds an object that can be moved out");

  static constexpr bool plain = std::is_trivially_copyable_v<T>;

 public:
  using value_type = T;

  /// No value, because of `why`; not for kew::status::success.
  constexpr result(kew::status why) noexcept : status_(why) {}

  template <class... A>
    requires std::is_constructible_v<T, A...>
  constexpr explicit result(std::in_place_t, A&&... arguments) noexcept(std::is_nothrow_constructible_v<T, A...>)
      : room_(std::in_place, std::forward<A>(arguments)...), status_(kew::status::success) {}

  template <class U = T>
    requires(!std::is_same_v<std::remove_cvref_t<U>, kew::status> && !std::is_same_v<std::remove_cvref_t<U>, result> &&
             std::is_convertible_v<U, T>)
  constexpr result(U&& value) noexcept(std::is_nothrow_constructible_v<T, U>)
      : result(std::in_place, std::forward<U>(value)) {}

  /// success where there is a value.
  constexpr kew::status status() const noexcept { return status_; }

  constexpr bool has_value() const noexcept {
    if constexpr (plain)
      return static_cast<bool>(status_);
    else
      return room_.held.has_value();  // the flag that the compiler knows to guard the value
  }
  constexpr explicit operator bool() const noexcept { return has_value(); }

  /// Without a value these two are undefined; value() checks.
  constexpr T& operator*() & noexcept { return get(*this); }
  constexpr const T& operator*() const& noexcept { return get(*this); }
  constexpr T&& operator*() && noexcept { return std::move(get(*this)); }
  constexpr T* operator->() noexcept { return std::addressof(get(*this)); }
  constexpr const T* operator->() const noexcept { return std::addressof(get(*this)); }

  /// Throws kew::bad_result, which carries the status, where there is no value.
  constexpr T& value() & { return checked(*this); }
  constexpr const T& value() const& { return checked(*this); }
  constexpr T&& value() && { return std::move(checked(*this)); }

  template <class U>
  constexpr T value_or(U&& otherwise) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(otherwise));
  }
  template <class U>
  constexpr T value_or(U&& otherwise) && {
    return has_value() ? *std::move(*this) : static_cast<T>(std::forward<U>(otherwise));
  }

 private:
  template <class Self>
  static constexpr auto& get(Self& self) noexcept {
    if constexpr (plain)
      return self.room_.value;
    else
      return *self.room_.held;
  }

  template <class Self>
  static constexpr auto& checked(Self& self) {
    if (!self.has_value()) detail::raise_error(bad_result(self.status_));
    return get(self);
  }

  std::conditional_t<plain, detail::plain_room<T>, detail::owning_room<T>> room_;
  kew::status status_;
};

}  // namespace kew::inline KEW_NAMESPACE
