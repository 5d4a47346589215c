// SPDX-License-Identifier: Apache-2.0
#include "config/scalar.hpp"

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "base/error.hpp"

namespace host {
namespace {

constexpr std::string_view kCoreTag = "tag:yaml.org,2002:";
constexpr std::string_view kDigits = "0123456789";

[[noreturn]] void refuse(const std::string& message) { throw Error(Code::invalid, message); }

bool only(std::string_view text, std::string_view letters) {
  return !text.empty() && text.find_first_not_of(letters) == std::string_view::npos;
}

std::string_view without_sign(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  return text;
}

std::optional<Json> as_null(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL")
    return Json(nullptr);
  return std::nullopt;
}

std::optional<Json> as_bool(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") return Json(true);
  if (text == "false" || text == "False" || text == "FALSE") return Json(false);
  return std::nullopt;
}

template <class Int>
std::optional<Json> exact(std::string_view text, int base) {
  Int value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return Json(value);
}

Json integer(std::string_view whole, std::string_view digits, int base) {
  std::optional<Json> value;
  if (whole.front() == '-') {
    value = exact<std::int64_t>(whole, base);
  } else if (value = exact<std::int64_t>(digits, base); !value) {
    value = exact<std::uint64_t>(digits, base);
  }
  if (!value)
    refuse("number " + std::string(whole) +
           " does not fit in 64 bits; put it in quotes if it is text");
  return *value;
}

std::optional<Json> as_int(std::string_view text) {
  if (text.starts_with("0x") && only(text.substr(2), "0123456789abcdefABCDEF"))
    return integer(text, text.substr(2), 16);
  if (text.starts_with("0o") && only(text.substr(2), "01234567"))
    return integer(text, text.substr(2), 8);
  if (const std::string_view digits = without_sign(text); only(digits, kDigits))
    return integer(text, digits, 10);
  return std::nullopt;
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool has_float_form(std::string_view text) {
  text = without_sign(text);
  const std::size_t exponent = text.find_first_of("eE");
  if (exponent != std::string_view::npos) {
    if (!only(without_sign(text.substr(exponent + 1)), kDigits)) return false;
    text = text.substr(0, exponent);
  }
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return only(text, kDigits);
  const std::string_view before = text.substr(0, dot), after = text.substr(dot + 1);
  if (before.empty()) return only(after, kDigits);
  return only(before, kDigits) && (after.empty() || only(after, kDigits));
}

bool is_special(std::string_view text) {
  const std::string_view rest = without_sign(text);
  return rest == ".inf" || rest == ".Inf" || rest == ".INF" || text == ".nan" || text == ".NaN" ||
         text == ".NAN";
}

std::optional<Json> as_float(std::string_view text) {
  if (is_special(text))
    refuse(std::string(text) +
           " is not a number that JSON can hold; put it in quotes if it is text");
  if (!has_float_form(text)) return std::nullopt;
  std::string_view body = text.front() == '+' ? text.substr(1) : text;
  double value = 0;
  const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), value);
  if (error != std::errc() || !std::isfinite(value))
    refuse("number " + std::string(text) + " is out of range; put it in quotes if it is text");
  return Json(value);
}

Json plain(const std::string& text) {
  if (auto value = as_null(text)) return *value;
  if (auto value = as_bool(text)) return *value;
  if (auto value = as_int(text)) return *value;
  if (auto value = as_float(text)) return *value;
  return text;
}

Json tagged(const std::string& text, const std::string& tag) {
  const std::string name = tag.substr(kCoreTag.size());
  if (name == "str") return text;
  std::optional<Json> value;
  if (name == "null")
    value = as_null(text);
  else if (name == "bool")
    value = as_bool(text);
  else if (name == "int")
    value = as_int(text);
  else if (name == "float")
    value = (value = as_float(text)) ? value : as_int(text);
  else
    refuse("tag !!" + name +
           " is not supported; expected none, or !!str !!int !!float !!bool !!null");
  if (!value) refuse("\"" + text + "\" is not of its tag !!" + name);
  return *value;
}

}  // namespace

Json scalar_value(const std::string& text, const std::string& tag) {
  if (text.find('\0') != std::string::npos) refuse("text holds a NUL");
  if (tag == "?") return plain(text);
  if (tag == "!") return text;
  if (tag.starts_with(kCoreTag)) return tagged(text, tag);
  refuse("tag " + tag + " is not supported; expected none, or !!str !!int !!float !!bool !!null");
}

}  // namespace host
