# Shows a header to Doxygen: what stands at its top becomes the text of the file's page. The inline namespace goes, whose
# name is a macro, and so does what is protected, which is for kew's own classes.
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
