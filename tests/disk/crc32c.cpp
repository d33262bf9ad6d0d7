// The checksum against known answers, and the instruction against the tables.
#include <kew/detail/disk/crc32c.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "support/catch.hpp"
#include "support/environment.hpp"

namespace kew_test { namespace {

using kew::detail::crc32c;

std::uint32_t by_tables(std::string_view bytes) {
  return ~kew::detail::crc32c_by_tables(~std::uint32_t{0}, bytes.data(), bytes.size());
}

TEST_CASE("CRC32C of the examples in RFC 3720 and of the usual check string", "[crc32c]") {
  const auto check = [](std::string_view bytes, std::uint32_t expected) {
    CHECK(crc32c().add(bytes).value() == expected);
    CHECK(by_tables(bytes) == expected);
  };
  check("", 0);
  check("123456789", 0xe306'9283);
  check(std::string(32, '\0'), 0x8a91'36aa);
  check(std::string(32, '\xff'), 0x62a8'ab43);
  std::string rising, falling;
  for (int i = 0; i < 32; ++i) {
    rising += static_cast<char>(i);
    falling += static_cast<char>(31 - i);
  }
  check(rising, 0x46dd'794e);
  check(falling, 0x113f'db5c);
}

TEST_CASE("the instruction and the tables agree on every length, alignment and split", "[crc32c]") {
  if (!kew::detail::has_crc32c_instruction()) return;
  random_source random(run_seed());
  for (std::size_t i = 0; i < scaled(20'000); ++i) {
    std::string bytes(random.below(200), '\0');
    for (char& each : bytes) each = static_cast<char>(random());
    std::string_view some = bytes;
    some.remove_prefix(random.below(bytes.size() + 1));
    const std::size_t split = random.below(some.size() + 1);
    REQUIRE(crc32c().add(some.substr(0, split)).add(some.substr(split)).value() == by_tables(some));
  }
}

}}  // namespace kew_test
