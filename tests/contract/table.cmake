# Which queue keeps which contract: one line a test case. It becomes a part of the program test_contract_<program>.
#
#   kew_keeps(<program> <test case> <headers> <queue of elements T> <contract …>)
set(elements all_elements)
function(kew_keeps program test_case headers subject)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/contract/${program}.cpp)
  get_property(text GLOBAL PROPERTY ${source})
  if(NOT text)
    set_property(GLOBAL APPEND PROPERTY kew_contracts ${program})
    string(REGEX REPLACE "([a-z_]+)" "#include <kew/\\1.hpp>" includes "${headers}")
    list(JOIN includes "\n" text)
    string(APPEND text "\n\n#include \"contract/blocking.hpp\"\n#include \"contract/ring.hpp\"\n\nnamespace kew_test {\n")
  endif()
  string(APPEND text "\nTEMPLATE_LIST_TEST_CASE(\"${test_case}\", \"[contract]\", ${elements}) {
  using T = TestType;
  using subject = ${subject};\n")
  foreach(contract IN LISTS ARGN)
    string(APPEND text "  ${contract}_contract<subject>();\n")
  endforeach()
  set_property(GLOBAL PROPERTY ${source} "${text}}\n")
endfunction()

foreach(ring spsc_ring mpsc_ring spmc_ring mpmc_ring)
  string(REPLACE "_ring" "" kind ${ring})
  string(REPLACE "mpmc_" "" channel ${kind}_channel)
  kew_keeps(${ring} "${ring} keeps the contract of a ring" ${ring} "whole<kew::${ring}<T>>" ring)
  kew_keeps(${ring} "${ring} of a fixed capacity keeps the contract of a ring" ${ring} "whole<kew::${ring}<T, 3>, 3>" ring)
  kew_keeps(${kind}_queue "blocking_queue over ${ring} keeps both contracts" "blocking_queue;${ring}"
    "whole<kew::blocking_queue<T, kew::${ring}<T>>>" ring blocking)
  kew_keeps(${kind}_channel "a channel over ${ring} keeps both contracts" channel
    "halves<kew::make_${channel}<T, kew::adaptive_wait>>" ring blocking)
endforeach()
set(headers_of_metered "blocking_queue;metered_ring;mpmc_ring;spsc_ring")
kew_keeps(metered_ring "metered_ring over mpmc_ring keeps the contract of a ring" "${headers_of_metered}"
  "whole<kew::metered_ring<T, kew::mpmc_ring>>" ring)
kew_keeps(metered_ring "metered_ring over spsc_ring of a fixed capacity keeps the contract of a ring" ""
  "whole<kew::metered_ring<T, kew::spsc_ring, 3>, 3>" ring)
set(elements std::tuple<std::string>)
kew_keeps(metered_ring "blocking_queue over metered_ring keeps both contracts" ""
  "whole<kew::blocking_queue<T, kew::metered_ring<T, kew::mpmc_ring>>>" ring blocking)

get_property(programs GLOBAL PROPERTY kew_contracts)
foreach(program IN LISTS programs)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/contract/${program}.cpp)
  get_property(text GLOBAL PROPERTY ${source})
  file(CONFIGURE OUTPUT ${source} CONTENT "${text}\n}  // namespace kew_test\n" @ONLY)
  kew_add_program(contract_${program} ${source})
endforeach()
