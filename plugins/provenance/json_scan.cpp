// SPDX-License-Identifier: Apache-2.0
#include "json_scan.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "clean_text.hpp"
#include "plain_bytes.hpp"

namespace provenance {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// By what follows a backslash, the character that is meant.
constexpr auto kMeans = byte_map("\"\\/bfnrt", "\"\\/\b\f\n\r\t");

void append_utf8(std::string& text, unsigned code) {
  const auto put = [&](unsigned byte) { text += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xE0 | code >> 12);
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 63));
    }
    put(0x80 | (code >> 6 & 63));
  }
  put(0x80 | (code & 63));
}

}  // namespace

bool JsonScan::fail_here() { return fail("no JSON at byte " + std::to_string(at_ - begin_ + 1)); }

bool JsonScan::deep_enough(int depth) {
  return depth <= kJsonDepth || fail("nests deeper than " + std::to_string(kJsonDepth));
}

JsonScan::JsonScan(std::string_view text)
    : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) at_ += kByteOrderMark.size();
  space();
}

bool JsonScan::end() {
  space();
  return at_ == end_ || fail_here();
}

void JsonScan::space() {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
}

bool JsonScan::take(char expected) {
  if (at_ == end_ || *at_ != expected) return false;
  ++at_;
  return true;
}

bool JsonScan::closes(char bracket) {
  space();
  return take(bracket);
}

bool JsonScan::goes_on() {
  space();
  return take(',');
}

bool JsonScan::take_key(std::string* key) {
  space();
  if (peek() != '"') return fail_here();
  if (!string(key)) return false;
  space();
  if (!take(':')) return fail_here();
  space();
  return true;
}

bool JsonScan::scalar() {
  double number_of = 0;
  switch (peek()) {
    case '"': return string(nullptr);
    case 't': return literal("true");
    case 'f': return literal("false");
    case 'n': return literal("null");
    default: return number(number_of);
  }
}

// Which of the open brackets are of objects is one bit each.
bool JsonScan::skip(int depth) {
  static_assert(kJsonDepth <= 64);
  std::uint64_t objects = 0;
  int open = 0;
  for (;;) {
    space();
    const char first = peek();
    if (first == '{' || first == '[') {
      if (!deep_enough(depth + ++open)) return false;
      objects = objects << 1 | (first == '{' ? 1 : 0);
      ++at_;
      if (!closes(first == '{' ? '}' : ']')) {
        if (first == '{' && !take_key(nullptr)) return false;
        continue;
      }
      --open;
      objects >>= 1;
    } else if (!scalar()) {
      return false;
    }
    while (open > 0) {
      const bool object = (objects & 1) != 0;
      if (goes_on()) {
        if (object && !take_key(nullptr)) return false;
        break;
      }
      if (!take(object ? '}' : ']')) return fail_here();
      --open;
      objects >>= 1;
    }
    if (open == 0) return true;
  }
}

bool JsonScan::value(int depth, JsonValue& value) {
  space();
  const char* const begin = at_;
  switch (peek()) {
    case '{':
    case '[':
      value.kind = JsonValue::Kind::nested;
      if (!skip(depth)) return false;
      value.raw = since(begin);
      return true;
    case '"':
      value.kind = JsonValue::Kind::string;
      value.text.clear();
      return string(&value.text);
    case 't':
    case 'f':
      value.kind = JsonValue::Kind::boolean;
      value.truth = *at_ == 't';
      return scalar();
    case 'n': value.kind = JsonValue::Kind::null; return scalar();
    default: value.kind = JsonValue::Kind::number; return number(value.number);
  }
}

bool JsonScan::string(std::string* into) {
  ++at_;
  if (into != nullptr) into->clear();
  for (;;) {
    const char* const begin = at_;
    bool ascii = true;
    for (;;) {
      at_ = plain_until(at_, end_);
      if (at_ == end_) return fail_here();
      const auto byte = static_cast<unsigned char>(*at_);
      if (byte == '"' || byte == '\\' || byte < 0x20) break;
      ascii = false;
      ++at_;
    }
    if (!ascii && !is_clean(since(begin))) return fail_here();
    if (into != nullptr) into->append(begin, at_);
    if (take('"')) return true;
    if (!take('\\')) return fail_here();
    if (!escape(into)) return false;
  }
}

bool JsonScan::escape(std::string* into) {
  if (!take('u')) {
    const char means = kMeans[static_cast<unsigned char>(peek())];
    if (means == 0) return fail_here();
    ++at_;
    if (into != nullptr) *into += means;
    return true;
  }
  unsigned code = 0;
  if (!hex(code)) return false;
  if (code >= 0xDC00 && code <= 0xDFFF) return fail_here();
  if (code >= 0xD800 && code <= 0xDBFF) {
    unsigned low = 0;
    if (!take('\\') || !take('u')) return fail_here();
    if (!hex(low)) return false;
    if (low < 0xDC00 || low > 0xDFFF) return fail_here();
    code = 0x10000 + ((code - 0xD800) << 10 | (low - 0xDC00));
  }
  if (into != nullptr) append_utf8(*into, code);
  return true;
}

bool JsonScan::hex(unsigned& unit) {
  if (end_ - at_ < 4) return fail_here();
  const auto [stop, error] = std::from_chars(at_, at_ + 4, unit, 16);
  if (error != std::errc() || stop != at_ + 4) return fail_here();
  at_ += 4;
  return true;
}

bool JsonScan::digits() {
  const char* const begin = at_;
  while (at_ != end_ && is_digit(*at_)) ++at_;
  return at_ != begin || fail_here();
}

bool JsonScan::number(double& into) {
  const char* const begin = at_;
  (void)take('-');
  if (!take('0') && !digits()) return false;
  if (take('.') && !digits()) return false;
  if (take('e') || take('E')) {
    if (!take('+')) (void)take('-');
    if (!digits()) return false;
  }
  const auto error = std::from_chars(begin, at_, into).ec;
  // Too small is 0 or nearly so; too large is nothing.
  if (error == std::errc::result_out_of_range)
    into = std::strtod(std::string(begin, at_).c_str(), nullptr);
  return std::isfinite(into) || fail_here();
}

bool JsonScan::literal(std::string_view word) {
  for (const char c : word)
    if (!take(c)) return fail_here();
  return true;
}

}  // namespace provenance
