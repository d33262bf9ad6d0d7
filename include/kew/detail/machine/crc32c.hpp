// CRC32C by the processor's own instruction, where it has one. detail/disk/crc32c.hpp has what every processor can do.
//
// Source     the Castagnoli polynomial, G. Castagnoli et al., "Optimization of cyclic redundancy-check codes with 24 and
//            32 parity bits", 1993; the instruction takes it bit-reflected, as RFC 3720 does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <kew/config.hpp>

#if defined(__x86_64__) && defined(__GNUC__)
#define KEW_CRC32C_X86
#include <nmmintrin.h>
#elif defined(__aarch64__) && defined(__GNUC__) && (defined(__linux__) || defined(__APPLE__))
#define KEW_CRC32C_ARM
#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#endif

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Whether crc32c_by_instruction may be called.
inline bool has_crc32c_instruction() noexcept {
#if defined(KEW_CRC32C_X86)
  static const bool has = __builtin_cpu_supports("sse4.2") != 0;
  return has;
#elif defined(KEW_CRC32C_ARM) && defined(__linux__)
  static const bool has = (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
  return has;
#elif defined(KEW_CRC32C_ARM)
  return true;
#else
  return false;
#endif
}

#if defined(KEW_CRC32C_X86)

/// Goes on from `crc`, the inverted CRC of what stands before.
__attribute__((target("sse4.2"))) inline std::uint32_t crc32c_by_instruction(std::uint32_t crc, const char* data,
                                                                             std::size_t size) noexcept {
  std::uint64_t wide = crc;
  for (; size >= sizeof(std::uint64_t); data += sizeof(std::uint64_t), size -= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, data, sizeof(word));
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  if (size >= sizeof(std::uint32_t)) {
    std::uint32_t word = 0;
    std::memcpy(&word, data, sizeof(word));
    crc = _mm_crc32_u32(crc, word);
    data += sizeof(word);
    size -= sizeof(word);
  }
  for (; size > 0; ++data, --size) crc = _mm_crc32_u8(crc, static_cast<unsigned char>(*data));
  return crc;
}

/// The same for the bytes of these numbers, one behind the other, which need not be in memory.
__attribute__((target("sse4.2"))) inline std::uint32_t crc32c_by_instruction(std::uint32_t crc, std::uint64_t a,
                                                                             std::uint64_t b, std::uint32_t c,
                                                                             std::uint64_t d,
                                                                             std::uint64_t e) noexcept {
  const auto half = static_cast<std::uint32_t>(_mm_crc32_u64(_mm_crc32_u64(crc, a), b));
  return static_cast<std::uint32_t>(_mm_crc32_u64(_mm_crc32_u64(_mm_crc32_u32(half, c), d), e));
}

#elif defined(KEW_CRC32C_ARM)

/// Goes on from `crc`, the inverted CRC of what stands before.
inline std::uint32_t crc32c_by_instruction(std::uint32_t crc, const char* data, std::size_t size) noexcept {
  // Spelt out, because the intrinsics need a target that differs from compiler to compiler.
  for (; size >= sizeof(std::uint64_t); data += sizeof(std::uint64_t), size -= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, data, sizeof(word));
    asm(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
  }
  if (size >= sizeof(std::uint32_t)) {
    std::uint32_t word = 0;
    std::memcpy(&word, data, sizeof(word));
    asm(".arch_extension crc\n\tcrc32cw %w0, %w0, %w1" : "+r"(crc) : "r"(word));
    data += sizeof(word);
    size -= sizeof(word);
  }
  for (; size > 0; ++data, --size) {
    const std::uint32_t byte = static_cast<unsigned char>(*data);
    asm(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(byte));
  }
  return crc;
}

/// The same for the bytes of these numbers, one behind the other, which need not be in memory.
inline std::uint32_t crc32c_by_instruction(std::uint32_t crc, std::uint64_t a, std::uint64_t b, std::uint32_t c,
                                           std::uint64_t d, std::uint64_t e) noexcept {
  asm(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1\n\tcrc32cx %w0, %w0, %x2\n\tcrc32cw %w0, %w0, %w3\n\t"
      "crc32cx %w0, %w0, %x4\n\tcrc32cx %w0, %w0, %x5"
      : "+&r"(crc)
      : "r"(a), "r"(b), "r"(c), "r"(d), "r"(e));
  return crc;
}

#else

/// Never called.
/// @{
inline std::uint32_t crc32c_by_instruction(std::uint32_t crc, const char*, std::size_t) noexcept { return crc; }
inline std::uint32_t crc32c_by_instruction(std::uint32_t crc, std::uint64_t, std::uint64_t, std::uint32_t,
                                           std::uint64_t, std::uint64_t) noexcept {
  return crc;
}
/// @}

#endif

}}}  // namespace kew::KEW_NAMESPACE::detail
