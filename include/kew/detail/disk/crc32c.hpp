// CRC32C, the checksum of every record on disk: by the processor's instruction where it has one, else by tables.
//
// Source     slicing by 8: M. Kounavis and F. Berry, "Novel table lookup-based algorithms for high-performance CRC
//            generation", 2008.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <kew/config.hpp>
#include <kew/detail/machine/crc32c.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// tables[k][b]: what the byte b does to the CRC when k more bytes follow it.
inline constexpr auto crc32c_tables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  constexpr std::uint32_t polynomial = 0x82f6'3b78;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? polynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < tables.size(); ++k)
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[k - 1][byte];
      tables[k][byte] = before >> 8 ^ tables[0][before & 0xff];
    }
  return tables;
}();

/// Goes on from `crc`, the inverted CRC of what stands before.
constexpr std::uint32_t crc32c_by_tables(std::uint32_t crc, const char* data, std::size_t size) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(data[i])); };
  for (; size >= 8; data += 8, size -= 8) {
    const std::uint32_t first = crc ^ (byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24);
    crc = crc32c_tables[7][first & 0xff] ^ crc32c_tables[6][first >> 8 & 0xff] ^ crc32c_tables[5][first >> 16 & 0xff] ^
          crc32c_tables[4][first >> 24] ^ crc32c_tables[3][byte(4)] ^ crc32c_tables[2][byte(5)] ^
          crc32c_tables[1][byte(6)] ^ crc32c_tables[0][byte(7)];
  }
  for (; size > 0; ++data, --size) crc = crc >> 8 ^ crc32c_tables[0][(crc ^ byte(0)) & 0xff];
  return crc;
}

/// The CRC of several pieces, one after the other.
class crc32c {
 public:
  crc32c& add(const void* data, std::size_t size) noexcept {
    const char* const bytes = static_cast<const char*>(data);
    inverted_ = has_crc32c_instruction() ? crc32c_by_instruction(inverted_, bytes, size)
                                         : crc32c_by_tables(inverted_, bytes, size);
    return *this;
  }
  crc32c& add(std::string_view bytes) noexcept { return add(bytes.data(), bytes.size()); }
  /// The bytes of these numbers, one behind the other, as they are in memory.
  crc32c& add(std::uint64_t a, std::uint64_t b, std::uint32_t c, std::uint64_t d, std::uint64_t e) noexcept {
    if (has_crc32c_instruction()) {
      inverted_ = crc32c_by_instruction(inverted_, a, b, c, d, e);
      return *this;
    }
    return add(&a, sizeof(a)).add(&b, sizeof(b)).add(&c, sizeof(c)).add(&d, sizeof(d)).add(&e, sizeof(e));
  }

  std::uint32_t value() const noexcept { return ~inverted_; }

 private:
  std::uint32_t inverted_ = ~std::uint32_t{0};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
