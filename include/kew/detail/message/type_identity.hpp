// Which type an object is of, known at run time and without RTTI.
//
// Within one image, which is an executable or a shared library, a type is the address of a variable of its own. So two
// types of the same name are never taken for each other there, as two local ones, or two in unnamed namespaces.
// Between images, each of which may have its own copy of that variable (hidden visibility, RTLD_LOCAL, Windows), a type
// is its name as the compiler writes it, and its size. There, types whose name says that no other image can mean them
// (in an unnamed namespace, a lambda, and with g++ local ones) are different from all others. What remains: clang writes
// a local type by its last name alone, and images built by different compilers write the same type differently.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// T, as the compiler writes it.
template <class T>
constexpr std::string_view type_name() noexcept {
  // The most common one, whose real name differs from compiler to compiler and is of no help to anybody.
  if constexpr (std::is_same_v<T, std::string>) return "std::string";
#if defined(_MSC_VER) && !defined(__clang__)
  std::string_view text = __FUNCSIG__;
  text.remove_prefix(text.find("type_name<") + std::string_view("type_name<").size());
  return text.substr(0, text.rfind(">(void)"));
#else
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_prefix(text.find("T = ") + std::string_view("T = ").size());
  // g++ also says what std::string_view is, behind a semicolon.
  const std::size_t end = text.find(';');
  return text.substr(0, end != std::string_view::npos ? end : text.rfind(']'));
#endif
}

// Of another address in each image. Written never; but what cannot be written, a linker may fold.
#if defined(__GNUC__) && !defined(_WIN32)
[[gnu::visibility("hidden")]]
#endif
inline char this_image = 0;

template <class T>
inline char address_of_type = 0;

class type_identity {
 public:
  template <class T>
  static type_identity of() noexcept {
    return {&address_of_type<T>, &this_image, type_name<T>(), sizeof(T)};
  }

  std::string_view name() const noexcept { return name_; }

  bool operator==(const type_identity& other) const noexcept {
    if (address_ == other.address_) return true;
    if (image_ == other.image_) return false;
    return name_ == other.name_ && size_ == other.size_ && !of_one_image();
  }

 private:
  type_identity(const char* address, const char* image, std::string_view name, std::size_t size) noexcept
      : address_(address), image_(image), name_(name), size_(size) {}

  bool of_one_image() const noexcept {
    for (const char* mark : {"{anonymous}", "(anonymous", "`anonymous", "lambda", "unnamed", ")::"})
      if (name_.find(mark) != std::string_view::npos) return true;
    return false;
  }

  const char* address_;
  const char* image_;
  std::string_view name_;
  std::size_t size_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
