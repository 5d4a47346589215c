// SPDX-License-Identifier: Apache-2.0
#include "json_text.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "plain_bytes.hpp"

namespace provenance {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// By the character, what follows the backslash in its short form.
constexpr auto kShortForms = byte_map("\"\\\n\r\t\b\f", "\"\\nrtbf");

// Six bytes at most; how many.
std::size_t put_escaped(char* to, unsigned char c) {
  constexpr char kDigits[] = "0123456789abcdef";
  to[0] = '\\';
  if (const char name = kShortForms[c]; name != 0) {
    to[1] = name;
    return 2;
  }
  to[1] = 'u';
  to[2] = to[3] = '0';
  to[4] = kDigits[c >> 4];
  to[5] = kDigits[c & 15];
  return 6;
}

bool continues(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

// How many bytes the character at `at` has; 0 where it is no UTF-8.
std::size_t length_at(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return 1;
  const auto second = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0u;
  if (!continues(text, at + 1)) return 0;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (!continues(text, at + 2)) return 0;
  if (first == 0xE0) return second >= 0xA0 ? 3 : 0;
  if (first == 0xED) return second <= 0x9F ? 3 : 0;
  if (first >= 0xE1 && first <= 0xEF) return 3;
  if (!continues(text, at + 3)) return 0;
  if (first == 0xF0) return second >= 0x90 ? 4 : 0;
  if (first == 0xF4) return second <= 0x8F ? 4 : 0;
  return first >= 0xF1 && first <= 0xF3 ? 4 : 0;
}

void append_code_point(std::string& out, unsigned code) {
  if (code >= 0xD800 && code <= 0xDFFF) {
    out += kReplacement;
  } else if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

std::optional<unsigned> hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(0, 4)) {
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                           : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                                  : 16;
    if (digit == 16) return std::nullopt;
    value = value * 16 + digit;
  }
  return value;
}

// Of what stands behind "\u", with the second half of a pair where there is one.
bool take_code_point(std::string_view& rest, std::string& out) {
  const auto high = hex4(rest);
  if (!high) return false;
  rest.remove_prefix(4);
  if (*high >= 0xD800 && *high <= 0xDBFF && rest.starts_with("\\u")) {
    const auto low = hex4(rest.substr(2));
    if (low && *low >= 0xDC00 && *low <= 0xDFFF) {
      rest.remove_prefix(6);
      append_code_point(out, 0x10000 + ((*high - 0xD800) << 10) + (*low - 0xDC00));
      return true;
    }
  }
  append_code_point(out, *high);
  return true;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  // Put together in pieces: most stretches are short, and to append each would cost more than it.
  std::array<char, 2048> piece;
  std::size_t size = 0;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at != end;) {
    if (size + 2 * kPlainAtOnce > piece.size()) out.append(piece.data(), std::exchange(size, 0));
    const auto plain = copy_plain(at, end, piece.data() + size);
    at += plain;
    size += plain;
    if (plain == kPlainAtOnce || at == end) continue;
    char* const to = piece.data() + size;
    const auto length = length_at(text, static_cast<std::size_t>(at - text.data()));
    if (length == 1) {
      size += put_escaped(to, static_cast<unsigned char>(*at));
    } else {
      const auto stands = length == 0 ? kReplacement : std::string_view(at, length);
      std::memcpy(to, stands.data(), stands.size());
      size += stands.size();
    }
    at += std::max(length, std::size_t{1});
  }
  out.append(piece.data(), size);
  out += '"';
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out += '"';
  out += name;
  out += "\":";
  append_json_string(out, text);
}

void append_member(std::string& out, std::string_view name, std::int64_t number) {
  out += '"';
  out += name;
  out += "\":";
  out += std::to_string(number);
}

std::optional<std::string> decoded_json_string(std::string_view literal) {
  std::string out;
  out.reserve(literal.size());
  while (!literal.empty()) {
    const auto plain = std::min(literal.find('\\'), literal.size());
    out.append(literal.substr(0, plain));
    literal.remove_prefix(plain);
    if (literal.empty()) break;
    if (literal.size() < 2) return std::nullopt;
    const char c = literal[1];
    literal.remove_prefix(2);
    switch (c) {
      case '"':
      case '\\':
      case '/': out += c; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'u':
        if (!take_code_point(literal, out)) return std::nullopt;
        break;
      default: return std::nullopt;
    }
  }
  return out;
}

}  // namespace provenance
