// SPDX-License-Identifier: Apache-2.0
#include "clean_text.hpp"

#include <bit>
#include <cstdint>
#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace provenance {
namespace {

// The first byte in [at, end) that is 0 or no ASCII; `end` where there is none.
const char* ascii_until(const char* at, const char* end) {
#if defined(__SSE2__)
  for (; end - at >= 16; at += 16) {
    // As signed numbers what is no ASCII is below 1, too.
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const auto found =
        static_cast<unsigned>(_mm_movemask_epi8(_mm_cmplt_epi8(bytes, _mm_set1_epi8(1))));
    if (found != 0) return at + std::countr_zero(found);
  }
#else
  for (; end - at >= 8; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    constexpr std::uint64_t kTop = 0x8080808080808080, kOne = 0x0101010101010101;
    if (((word | (word - kOne)) & kTop) != 0) break;
  }
#endif
  while (at != end && *at > 0 && static_cast<unsigned char>(*at) < 0x80) ++at;
  return at;
}

bool follows(std::string_view bytes, std::size_t at, unsigned low = 0x80, unsigned high = 0xBF) {
  if (at >= bytes.size()) return false;
  const auto byte = static_cast<unsigned char>(bytes[at]);
  return byte >= low && byte <= high;
}

// The length of the character that begins there (Unicode, table 3-7); 0 where none does.
std::size_t character(std::string_view bytes, std::size_t at) {
  const auto first = static_cast<unsigned char>(bytes[at]);
  if (first == 0) return 0;
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(bytes, at + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80, high = first == 0xED ? 0x9F : 0xBF;
    return follows(bytes, at + 1, low, high) && follows(bytes, at + 2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80, high = first == 0xF4 ? 0x8F : 0xBF;
    const bool all =
        follows(bytes, at + 1, low, high) && follows(bytes, at + 2) && follows(bytes, at + 3);
    return all ? 4 : 0;
  }
  return 0;
}

// Where the first byte stands that does not belong there; the size where none does.
std::size_t clean_until(std::string_view bytes, std::size_t at) {
  const char* const end = bytes.data() + bytes.size();
  while (at < bytes.size()) {
    at = static_cast<std::size_t>(ascii_until(bytes.data() + at, end) - bytes.data());
    if (at == bytes.size()) break;
    const std::size_t length = character(bytes, at);
    if (length == 0) break;
    at += length;
  }
  return at;
}

}  // namespace

bool is_clean(std::string_view bytes) { return clean_until(bytes, 0) == bytes.size(); }

bool is_utf8(std::string_view bytes) {
  for (std::size_t at = clean_until(bytes, 0); at < bytes.size(); at = clean_until(bytes, at + 1))
    if (bytes[at] != 0) return false;
  return true;
}

std::string cleaned(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t bad = clean_until(bytes, at);
    text.append(bytes, at, bad - at);
    if (bad < bytes.size()) text += "\xEF\xBF\xBD";
    at = bad + 1;
  }
  return text;
}

}  // namespace provenance
