// Catch2 under one face: the tests compile against version 3 and against 2.13. What the two spell
// differently has its name here; everything else (TEST_CASE, TEMPLATE_LIST_TEST_CASE, SECTION, GENERATE,
// REQUIRE_THROWS_MATCHES, Catch::Matchers::Message, …) they spell alike.
//
// Assertions of Catch2 are for one thread. Another thread reports what it saw by a variable or a queue.
#pragma once

#include <string>

#if __has_include(<catch2/catch_test_macros.hpp>)

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_predicate.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <catch2/matchers/catch_matchers_vector.hpp>

namespace kew_test {
/// Matches a string that has `part` in it.
inline auto has_text(const std::string& part) { return Catch::Matchers::ContainsSubstring(part); }
}  // namespace kew_test

#else

#include <catch2/catch.hpp>

namespace kew_test {
/// Matches a string that has `part` in it.
inline auto has_text(const std::string& part) { return Catch::Matchers::Contains(part); }
}  // namespace kew_test

#endif
