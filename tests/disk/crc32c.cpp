// The checksum against known answers, and the instruction against the tables.
#include <kew/detail/disk/crc32c.hpp>
#include <kew/detail/disk/record.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
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

TEST_CASE("numbers count as their bytes in memory, by the instruction and by the tables", "[crc32c]") {
  random_source random(run_seed());
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t a = random(), b = random(), d = random(), e = random();
    const auto c = static_cast<std::uint32_t>(random());
    std::string bytes(36, '\0');
    std::memcpy(bytes.data(), &a, 8);
    std::memcpy(bytes.data() + 8, &b, 8);
    std::memcpy(bytes.data() + 16, &c, 4);
    std::memcpy(bytes.data() + 20, &d, 8);
    std::memcpy(bytes.data() + 28, &e, 8);
    REQUIRE(crc32c().add(a, b, c, d, e).value() == by_tables(bytes));
  }
}

TEST_CASE("a head that is written is the bytes of its members, and its checksum is of these and of its place",
          "[crc32c]") {
  kew::detail::record_head head;
  head.body_crc = 0x01020304;
  head.size = 0x05060708;
  head.kind = kew::detail::record_kind::dead;
  head.flags = 0x7f;
  head.id = 0x090a0b0c0d0e0f10;
  constexpr std::uint64_t identity = 0x1112131415161718, offset = 0x191a1b1c1d1e1f20;
  char written[sizeof(head)];
  kew::detail::write_head(written, head, identity, offset);
  kew::detail::record_head read;
  std::memcpy(&read, written, sizeof(read));
  CHECK(read.body_crc == head.body_crc);
  CHECK(read.size == head.size);
  CHECK(read.magic == kew::detail::record_magic);
  CHECK(read.kind == head.kind);
  CHECK(read.flags == head.flags);
  CHECK(read.id == head.id);
  std::string covered(16, '\0');
  std::memcpy(covered.data(), &identity, 8);
  std::memcpy(covered.data() + 8, &offset, 8);
  covered.append(written + 4, sizeof(written) - 4);
  CHECK(read.head_crc == by_tables(covered));
}

}}  // namespace kew_test
