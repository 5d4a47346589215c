// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace provenance {

// For each byte of `from` the one of `to` in the same place; 0 for all others.
[[nodiscard]] constexpr std::array<char, 256> byte_map(std::string_view from, std::string_view to) {
  std::array<char, 256> all{};
  for (std::size_t i = 0; i < from.size(); ++i) all[static_cast<unsigned char>(from[i])] = to[i];
  return all;
}

// What stands in a JSON string as it is: ASCII that is no control character, quote or backslash.
[[nodiscard]] constexpr bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

// The first byte in [at, end) that is not plain; `end` where all are. Most of what is read and
// written is plain, so it looks at many at once.
[[nodiscard]] inline const char* plain_until(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'),
                space = _mm_set1_epi8(' ');
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    // As signed numbers what is no ASCII is below the space, too.
    const __m128i found =
        _mm_or_si128(_mm_cmplt_epi8(bytes, space),
                     _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
    const auto which = static_cast<unsigned>(_mm_movemask_epi8(found));
    if (which != 0) return at + std::countr_zero(which);
  }
#else
  for (; end - at >= 8; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    constexpr std::uint64_t kOnes = 0x0101010101010101, kTops = 0x8080808080808080;
    const auto has_zero = [](std::uint64_t w) { return (w - kOnes) & ~w & kTops; };
    const std::uint64_t below_space = (word - kOnes * 0x20) & ~word & kTops;
    if (((word & kTops) | has_zero(word ^ (kOnes * '"')) | has_zero(word ^ (kOnes * '\\')) |
         below_space) != 0)
      break;
  }
#endif
  while (at != end && is_plain(*at)) ++at;
  return at;
}

// Copies those of the next kPlainAtOnce bytes in [at, end) that come before one that is not plain,
// and returns how many they are. `to` has room for kPlainAtOnce.
constexpr std::size_t kPlainAtOnce = 16;
[[nodiscard]] inline std::size_t copy_plain(const char* at, const char* end, char* to) {
  const char* const next =
      end - at < static_cast<std::ptrdiff_t>(kPlainAtOnce) ? end : at + kPlainAtOnce;
  const auto plain = static_cast<std::size_t>(plain_until(at, next) - at);
  if (next - at == kPlainAtOnce)
    std::memcpy(to, at, kPlainAtOnce);  // of a size that is known, which is quick
  else
    std::memcpy(to, at, plain);
  return plain;
}

}  // namespace provenance
