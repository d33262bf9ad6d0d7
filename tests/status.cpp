// status and result, the words in which every operation answers.
#include <kew/status.hpp>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>

#include "support/catch.hpp"
#include "support/elements.hpp"

namespace kew_test {
namespace {

using kew::bad_result;
using kew::result;
using kew::status;

constexpr status all[] = {status::success, status::full, status::empty, status::busy, status::closed, status::stopped};

static_assert(sizeof(status) == 1 && std::is_trivially_copyable_v<status>);
static_assert(!std::is_convertible_v<status, bool>, "true for success only, and only where a condition is asked for");
static_assert(!std::is_convertible_v<result<int>, bool> && !std::is_convertible_v<result<int>, int>);
static_assert(std::is_trivially_copyable_v<result<std::uint64_t>> && sizeof(result<std::uint64_t>) <= 16,
              "so that it travels in registers");
static_assert(std::is_trivially_destructible_v<result<large>> && std::is_trivially_copyable_v<result<large>>);
static_assert(!std::is_copy_constructible_v<result<std::unique_ptr<int>>> &&
              std::is_nothrow_move_constructible_v<result<std::unique_ptr<int>>>);
static_assert(std::is_copy_constructible_v<result<std::string>> &&
              std::is_nothrow_move_constructible_v<result<std::string>>);
static_assert(std::is_base_of_v<std::exception, bad_result>);
static_assert(alignof(result<over_aligned>) == 128);

// Usable where constants are.
static_assert(status::success == status::success && status::full != status::empty);
static_assert(result<int>(status::empty).status() == status::empty && *result<int>(3) == 3);

constexpr int as_label(status answer) {
  switch (answer.code()) {
    case status::success.code(): return 0;
    case status::full.code(): return 1;
    case status::empty.code(): return 2;
    case status::busy.code(): return 3;
    case status::closed.code(): return 4;
    case status::stopped.code(): return 5;
  }
  return -1;
}

}  // namespace

TEST_CASE("a status is true for success only", "[status]") {
  for (const status one : all) CHECK(static_cast<bool>(one) == (one == status::success));
  static_assert(noexcept(static_cast<bool>(status::full)) && noexcept(status::full.name()));
}

TEST_CASE("a status has its own name, equals itself only, and serves as a switch label", "[status]") {
  std::set<std::string> names;
  int label = 0;
  for (const status one : all) {
    names.insert(one.name());
    CHECK(as_label(one) == label++);
    for (const status other : all) CHECK((one == other) == (&one == &other || one.code() == other.code()));
  }
  CHECK(names == std::set<std::string>{"success", "full", "empty", "busy", "closed", "stopped"});
  CHECK(std::string_view(status::stopped.name()) == "stopped");
}

TEST_CASE("a result holds a value, or the status that says why there is none", "[status]") {
  result<std::string> some(std::string("abc"));
  CHECK(some);
  CHECK(some.has_value());
  CHECK((some.status() == status::success));
  CHECK(*some == "abc");
  CHECK(some->size() == 3);
  CHECK(some.value() == "abc");
  CHECK(some.value_or("other") == "abc");
  CHECK(std::as_const(some).value() == "abc");
  CHECK(*std::as_const(some) == "abc");
  CHECK(std::as_const(some)->size() == 3);

  for (const status why : all) {
    if (why == status::success) continue;
    result<std::string> none(why);
    CHECK_FALSE(none);
    CHECK_FALSE(none.has_value());
    CHECK((none.status() == why));
    CHECK(none.value_or("other") == "other");
    CHECK(std::move(none).value_or("other") == "other");
    const result<int> plain(why);
    CHECK_FALSE(plain.has_value());
    CHECK((plain.status() == why));
    CHECK(plain.value_or(4) == 4);
  }
}

TEST_CASE("value() of an empty result throws bad_result, which carries the status", "[status]") {
  for (const status why : all) {
    if (why == status::success) continue;
    try {
      static_cast<void>(result<std::string>(why).value());
      FAIL("nothing thrown");
    } catch (const bad_result& caught) {
      CHECK((caught.status() == why));
      CHECK(std::string(caught.what()).find(why.name()) != std::string::npos);
    }
    CHECK_THROWS_AS(static_cast<void>(result<int>(why).value()), bad_result);
    const result<int> fixed(why);
    CHECK_THROWS_AS(static_cast<void>(fixed.value()), bad_result);
  }
}

TEST_CASE("a result of a move-only type gives its value away", "[status]") {
  result<std::unique_ptr<int>> some(std::make_unique<int>(5));
  const std::unique_ptr<int> taken = std::move(some).value();
  CHECK(*taken == 5);
  result<std::unique_ptr<int>> other(std::make_unique<int>(6));
  const std::unique_ptr<int> starred = *std::move(other);
  CHECK(*starred == 6);
  result<std::unique_ptr<int>> third(std::make_unique<int>(7));
  CHECK(*std::move(third).value_or(nullptr) == 7);
}

TEST_CASE("a result copies, moves and destroys what it holds, once", "[status]") {
  const long alive = tracked::alive;
  const long misuses = tracked::misuses;
  {
    result<over_aligned> some(std::in_place, 3);
    result<over_aligned> none(status::empty);
    CHECK(tracked::alive == alive + 1);
    result<over_aligned> copy = some;
    CHECK(copy->read() == 3);
    result<over_aligned> moved = std::move(some);
    CHECK(moved->read() == 3);
    none = copy;
    CHECK(none->read() == 3);
    CHECK((none.status() == status::success));
    none = result<over_aligned>(status::closed);
    CHECK_FALSE(none.has_value());
    CHECK((none.status() == status::closed));
    copy = std::move(moved);
    CHECK(copy->read() == 3);
  }
  CHECK(tracked::alive == alive);
  CHECK(tracked::misuses == misuses);
}

TEST_CASE("a result of a type that cannot be default-constructed or assigned works", "[status]") {
  struct only_constructed {
    explicit only_constructed(int n) : value(n) {}
    const int value;
  };
  const result<only_constructed> some(std::in_place, 4);
  CHECK(some->value == 4);
  const result<only_constructed> none(status::full);
  CHECK_FALSE(none.has_value());
  const result<no_default> unmade(status::busy);
  CHECK_FALSE(unmade.has_value());
}

}  // namespace kew_test
