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
/^ protected:/,/^\( private:\|};\)/ {
  /^\( private:\|};\)/! s/.*//
}
s/\[\[nodiscard\(([^)]*)\)\{0,1\}\]\] //
s/^#define KEW_.*//
# A class whose base is another one of its own name is taken for its own base.
s/^class metered_ring : public metered_ring<.*> {/class metered_ring {/
# What a queue of messages has from its face is not missing there.
s/^\(  virtual .*\) = 0;/\1;/
# The face of the two queues of messages, which have it by way of kew's own classes.
s/^class \(work_queue final\|durable_queue\) : public detail::two_lane_queue<message_queue<T>, .*/class \1 : public message_queue<T> {/
# A class whose comment sends its readers to the header's manual shows the manual itself.
/^#pragma once/,$ {
  /^\/\/\/ .*[a-z_]\.hpp says/ {
    h
    x
    s|.*[^a-z_]\([a-z_]*\)\.hpp says.*|///\n/// @copydetails kew/\1.hpp|
    x
  }
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
