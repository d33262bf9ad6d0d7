# Shows a header to Doxygen: what stands at its top becomes the text of the file's page. The inline namespace goes, which is
# in nobody's code, and so do macros, of which the top speaks, and what is protected, which is for kew's own classes.
1i /// @file
1,/^#pragma once/ {
  s|^// \([A-Z][A-Za-z ]*[a-z]\)   *\(.*\)|/// - **\1**: \2|
  s|^//   \([a-z_][a-z_]*\)   *\(.*\)|/// - `\1`: \2|
  s|^//            *\(.*\)|///   \1|
  s|^//$|///|
  s|^// |/// |
  s|^//  |///  |
}
s/inline namespace KEW_NAMESPACE {//
s/^}\(}*\)  \/\/ namespace kew::KEW_NAMESPACE/\1  \/\/ namespace kew/
/^ protected:/,/^ private:/ {
  /^ private:/! s/.*//
}
s/^#define KEW_.*//
# A class whose base is another one of its own name is taken for its own base.
s/^class metered_ring : public metered_ring<.*> {/class metered_ring {/
# A class whose comment sends its readers to the header's manual shows the manual itself.
/^\/\/\/ .*[a-z_]\.hpp says/ {
  h
  x
  s|.*[^a-z_]\([a-z_]*\)\.hpp says.*|///\n/// @copydetails kew/\1.hpp|
  x
}
/^\/\/\//! {
  x
  /copydetails/ {
    p
    s/.*//
  }
  x
}
# The constructors that a ring inherits.
/^class [a-z]*_ring/ {
  h
  x
  s|^class \([a-z_]*\).*|\1|
  x
}
/^  using detail::.*::\(slot_ring\|basic_spsc_ring\);/ {
  G
  s|.*\n\(.*\)| public:\
  /// Of the fixed Capacity, with its slots inside the object: without the heap.\
  \1();\
  /// `capacity` elements at most, exactly; where the type has no Capacity. Throws std::invalid_argument for 0,\
  /// std::length_error for what cannot be addressed, std::bad_alloc. Nothing is allocated after that.\
  explicit \1(std::size_t capacity, const Allocator\& allocator = {});|
}
