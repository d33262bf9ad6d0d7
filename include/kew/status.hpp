// How an operation ended: a status, or a result that holds what was popped.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <kew/config.hpp>
#include <kew/error.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

/// How an operation ended. A value like an `int`: it can be copied, compared, and looked at by any thread. The
/// compiler warns where one is ignored, because a push that did not succeed has not pushed.
class [[nodiscard("it says whether the call has done anything")]] status {
 public:
  /// What a switch can tell apart; see code().
  enum class code_type : unsigned char { success, full, empty, busy, closed, stopped };

  /// success, to be assigned to.
  constexpr status() noexcept : code_(code_type::success) {}

  /// The call did what its name says.
  static const status success;
  /// A fact: at some instant during the call there was no room.
  static const status full;
  /// A fact: at some instant during the call there was no element.
  static const status empty;
  /// Neither held, and the call would have had to wait for another thread in the middle of its own operation.
  /// Trying again soon is right. An spsc_ring never answers it, and neither does a call that waits.
  static const status busy;
  /// The stream has ended: for a push because the queue was closed, for a pop because it is drained, too. For good.
  static const status closed;
  /// A std::stop_token asked the call to give up.
  static const status stopped;

  /// For switch: `case kew::status::full.code():`
  constexpr code_type code() const noexcept { return code_; }

  /// True for success only.
  constexpr explicit operator bool() const noexcept { return code_ == code_type::success; }

  /// "success", "full", …: for messages.
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

  /// Whether two operations ended alike.
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

/// Thrown by result::value() where there is no value; without exceptions its what() goes to on_error.
class bad_result : public std::exception {
 public:
  /// `why` there is no value.
  explicit bad_result(kew::status why) noexcept : why_(why) {}

  /// Why there is no value.
  kew::status status() const noexcept { return why_; }
  /// The status by its name.
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
  constexpr explicit owning_room(std::in_place_t, A&&... arguments)
      : held(std::in_place, std::forward<A>(arguments)...) {}

  std::optional<T> held;
};

}  // namespace detail

/// A T, or the status that says why there is none. Copies, moves and is destroyed as a T is; a result of a trivially
/// copyable T is trivially copyable, so a small one travels in registers. Belongs to one thread at a time, as a T does.
template <class T>
class [[nodiscard("it holds the element, or says why there is none")]] result {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>, "kew::result holds an object that can be moved out");

  static constexpr bool plain = std::is_trivially_copyable_v<T>;

 public:
  using value_type = T;  ///< What may be inside.

  /// No value, because of `why`; not for kew::status::success.
  constexpr result(kew::status why) noexcept : room_(), status_(why) {}

  /// A value, made from `arguments` in its place. Throws what T's constructor throws.
  template <class... A>
    requires std::is_constructible_v<T, A...>
  constexpr explicit result(std::in_place_t, A&&... arguments) noexcept(std::is_nothrow_constructible_v<T, A...>)
      : room_(std::in_place, std::forward<A>(arguments)...), status_(kew::status::success) {}

  /// A value, from something that converts to T. Throws what that throws.
  template <class U = T>
    requires(!std::is_same_v<std::remove_cvref_t<U>, kew::status> && !std::is_same_v<std::remove_cvref_t<U>, result> &&
             std::is_convertible_v<U, T>)
  constexpr result(U&& value) noexcept(std::is_nothrow_constructible_v<T, U>)
      : result(std::in_place, std::forward<U>(value)) {}

  /// success where there is a value.
  constexpr kew::status status() const noexcept { return status_; }

  /// Whether there is a value; as in `if (auto message = ring.try_pop())`.
  /// @{
  constexpr bool has_value() const noexcept {
    if constexpr (plain)
      return static_cast<bool>(status_);
    else
      return room_.held.has_value();  // the flag that the compiler knows to guard the value
  }
  constexpr explicit operator bool() const noexcept { return has_value(); }
  /// @}

  /// The value. Where there is none, this is undefined, and a build with KEW_CHECKED aborts; value() checks always.
  /// @{
  constexpr T& operator*() & noexcept { return expected(*this); }
  constexpr const T& operator*() const& noexcept { return expected(*this); }
  constexpr T&& operator*() && noexcept { return std::move(expected(*this)); }
  constexpr T* operator->() noexcept { return std::addressof(expected(*this)); }
  constexpr const T* operator->() const noexcept { return std::addressof(expected(*this)); }
  /// @}

  /// The value. Where there is none, throws kew::bad_result, which carries the status.
  /// @{
  constexpr T& value() & { return checked(*this); }
  constexpr const T& value() const& { return checked(*this); }
  constexpr T&& value() && { return std::move(checked(*this)); }
  /// @}

  /// The value, or `otherwise` where there is none.
  /// @{
  template <class U>
  constexpr T value_or(U&& otherwise) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(otherwise));
  }
  template <class U>
  constexpr T value_or(U&& otherwise) && {
    return has_value() ? *std::move(*this) : static_cast<T>(std::forward<U>(otherwise));
  }
  /// @}

 private:
  template <class Self>
  static constexpr auto& get(Self& self) noexcept {
    if constexpr (plain)
      return self.room_.value;
    else
      return *self.room_.held;
  }

  template <class Self>
  static constexpr auto& expected(Self& self) noexcept {
#if KEW_CHECKED
    if (!self.has_value()) detail::break_off("kew::result: * or -> of a result without a value; ask has_value() first");
#endif
    return get(self);
  }

  template <class Self>
  static constexpr auto& checked(Self& self) {
    if (!self.has_value()) detail::raise_error(bad_result(self.status_));
    return get(self);
  }

  std::conditional_t<plain, detail::plain_room<T>, detail::owning_room<T>> room_;
  kew::status status_;
};

}}  // namespace kew::KEW_NAMESPACE
