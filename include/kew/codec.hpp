// codec: how a message becomes bytes and is made from them again, for what is kept on disk or sent to a broker.
//
// There is one for trivially copyable types, for std::string and for std::vector<std::byte>. For any other type:
//
//   template <>
//   struct kew::codec<order> {
//     static constexpr std::string_view name = "order 1";            // optional: what a folder is recorded with
//     static void encode(const order&, std::string& bytes);          // appends to bytes
//     static order decode(std::string_view bytes);                   // throws where the bytes are no order
//   };
//
// Trivially copyable types are written as they stand in memory, so a folder of them is for programs with the same
// layout, and a pointer inside means nothing when it is read again.
//
// Threads    both functions are called by several threads at a time.
// Errors     what decode throws becomes the reason for which the message is a dead letter. What encode throws leaves
//            publish.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <kew/config.hpp>
#include <kew/error.hpp>

namespace kew { inline namespace KEW_NAMESPACE {

namespace detail {

/// The name of a type as this compiler spells it.
template <class T>
constexpr std::string_view spelling_of_type() noexcept {
#if defined(__GNUC__)
  constexpr std::string_view function = __PRETTY_FUNCTION__;
  constexpr std::string_view before = "T = ";
  constexpr std::size_t begin = function.find(before) + before.size();
  constexpr std::size_t end = function.find_first_of(";]", begin);
  return function.substr(begin, end - begin);
#elif defined(_MSC_VER)
  constexpr std::string_view function = __FUNCSIG__;
  constexpr std::string_view before = "spelling_of_type<";
  constexpr std::size_t begin = function.find(before) + before.size();
  return function.substr(begin, function.rfind(">(") - begin);
#else
  return "a type";
#endif
}

/// Alike for all compilers where that is easy.
template <class T>
std::string name_of_plain_type() {
  const std::string bits = std::to_string(8 * sizeof(T));
  if constexpr (std::is_same_v<T, bool>)
    return "bool";
  else if constexpr (std::is_integral_v<T>)
    return (std::is_signed_v<T> ? "signed " : "unsigned ") + bits;
  else if constexpr (std::is_floating_point_v<T>)
    return "floating " + bits;
  else
    return std::string(spelling_of_type<T>()) + ' ' + bits;
}

}  // namespace detail

/// How a T becomes bytes and is made from them again. codec.hpp says how to write one.
template <class T>
struct codec;

/// As it stands in memory.
template <class T>
  requires std::is_trivially_copyable_v<T>
struct codec<T> {
  static_assert(!std::is_pointer_v<T>, "kew: a pointer means nothing when it is read again");

  /// What a folder is recorded with.
  static std::string name() { return detail::name_of_plain_type<T>(); }

  /// Appends to `bytes`.
  static void encode(const T& value, std::string& bytes) {
    bytes.append(reinterpret_cast<const char*>(std::addressof(value)), sizeof(T));
  }

  /// Throws std::runtime_error where the size is another one.
  static T decode(std::string_view bytes) {
    if (bytes.size() != sizeof(T))
      detail::raise_error(std::runtime_error("kew: " + std::to_string(bytes.size()) + " bytes are no message of " +
                                             std::to_string(sizeof(T))));
    union room {
      room() noexcept {}
      T value;
    } made;
    std::memcpy(static_cast<void*>(std::addressof(made.value)), bytes.data(), sizeof(T));
    return made.value;
  }
};

/// Its characters.
template <>
struct codec<std::string> {
  static constexpr std::string_view name = "text";  ///< What a folder is recorded with.

  /// Appends to `bytes`.
  static void encode(const std::string& value, std::string& bytes) { bytes += value; }
  /// Any bytes are a string.
  static std::string decode(std::string_view bytes) { return std::string(bytes); }
};

/// The bytes.
template <>
struct codec<std::vector<std::byte>> {
  static constexpr std::string_view name = "bytes";  ///< What a folder is recorded with.

  /// Appends to `bytes`.
  static void encode(const std::vector<std::byte>& value, std::string& bytes) {
    bytes.append(reinterpret_cast<const char*>(value.data()), value.size());
  }
  /// Any bytes will do.
  static std::vector<std::byte> decode(std::string_view bytes) {
    std::vector<std::byte> value(bytes.size());
    if (!bytes.empty()) std::memcpy(value.data(), bytes.data(), bytes.size());
    return value;
  }
};

namespace detail {

/// What a folder of T is recorded with.
template <class T>
std::string name_of_codec() {
  if constexpr (requires { std::string(codec<T>::name()); })
    return std::string(codec<T>::name());
  else if constexpr (requires { std::string(codec<T>::name); })
    return std::string(codec<T>::name);
  else
    return std::string(spelling_of_type<T>());
}

}  // namespace detail

}}  // namespace kew::KEW_NAMESPACE
