# After headers.sed, for the headers whose details are in no public class: they are not shown.
s|^namespace detail {|/// @cond\n&|
s|^}  // namespace detail|&\n/// @endcond|
