// SPDX-License-Identifier: Apache-2.0
#include "base/redactor.hpp"

#include <fmt/core.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <functional>
#include <optional>

#include "base/error.hpp"
#include "base/json.hpp"

namespace host {
namespace {

constexpr std::string_view kBlot = "[redacted]";
// Shorter values would blot out ordinary words.
constexpr std::size_t kShortestSecret = 6;

std::string base64(std::string_view text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

// What of the secret's base64 stays the same whatever stands behind it, and before it, where as
// many bytes of its group of three do (a header's value in base64, a URL with its user). Empty: too
// little to tell it from ordinary text.
std::string base64_core(std::string_view secret, std::size_t before) {
  constexpr std::size_t kShortest = 8;
  std::string text = std::string(before, 'x') + std::string(secret);
  text.resize(text.size() - text.size() % 3);
  const auto encoded = base64(text);
  const auto shared = before == 0 ? 0 : before + 1;
  return encoded.size() < shared + kShortest ? "" : encoded.substr(shared);
}

// With '-' and '_', as URLs have it (RFC 4648, 5).
std::string url_safe(std::string base64) {
  std::replace(base64.begin(), base64.end(), '+', '-');
  std::replace(base64.begin(), base64.end(), '/', '_');
  return base64;
}

std::string percent_encoded(std::string_view text, bool upper) {
  std::string out;
  for (const unsigned char byte : text) {
    if (std::isalnum(byte) || byte == '-' || byte == '.' || byte == '_' || byte == '~')
      out += static_cast<char>(byte);
    else
      out += upper ? fmt::format("%{:02X}", byte) : fmt::format("%{:02x}", byte);
  }
  return out;
}

// How it may be written. What is longer comes first.
std::vector<std::string> forms_of(const std::string& secret) {
  std::vector<std::string> all{secret, base64(secret), percent_encoded(secret, true),
                               percent_encoded(secret, false)};
  for (std::size_t before = 0; before < 3; ++before) {
    const auto core = base64_core(secret, before);
    if (!core.empty()) all.insert(all.end(), {core, url_safe(core)});
  }
  return all;
}

// In one pass: a reply of megabytes may hold it a hundred thousand times.
void replace_all(std::string& text, std::string_view what) {
  auto found = text.find(what);
  if (found == std::string::npos) return;
  std::string out;
  std::size_t at = 0;
  for (; found != std::string::npos; found = text.find(what, at)) {
    out.append(text, at, found - at).append(kBlot);
    at = found + what.size();
  }
  text = out.append(text, at);
}

// The second net: a credential that nobody registered, in the two shapes that carry them.
std::string blot_after(std::string_view text, std::string_view marker, std::string_view stops) {
  std::string out;
  for (;;) {
    const auto found = std::search(
        text.begin(), text.end(), marker.begin(), marker.end(),
        [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
    if (found == text.end()) return out.append(text);
    const auto begin = static_cast<std::size_t>(found - text.begin()) + marker.size();
    out.append(text.substr(0, begin)).append(kBlot);
    text.remove_prefix(std::min(text.find_first_of(stops, begin), text.size()));
  }
}

// The UTF-16 unit that "\uXXXX" at `at` names; nullopt: there is none.
std::optional<char32_t> unit_at(std::string_view text, std::size_t at) {
  if (text.substr(std::min(at, text.size()), 2) != "\\u") return std::nullopt;
  unsigned unit = 0;
  const auto digits = text.substr(at + 2, 4);
  const auto [end, wrong] = std::from_chars(digits.begin(), digits.end(), unit, 16);
  if (wrong != std::errc() || end - digits.begin() != 4) return std::nullopt;
  return unit;
}

std::string utf8(char32_t code) {
  const auto last = [&](int shift) { return static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xc0 | (code >> 6)), last(0)};
  if (code < 0x10000) return {static_cast<char>(0xe0 | (code >> 12)), last(6), last(0)};
  return {static_cast<char>(0xf0 | (code >> 18)), last(12), last(6), last(0)};
}

// What the escape at `at` of a JSON text stands for, in UTF-8, and how long the escape is; length
// 0: it is none, or half a pair, which stands for nothing.
struct Escape {
  std::string character;
  std::size_t length = 0;
};
Escape escape_at(std::string_view text, std::size_t at) {
  if (text[at] != '\\' || at + 1 == text.size()) return {};
  if (text[at + 1] != 'u') return {{text[at + 1]}, 2};
  const auto unit = unit_at(text, at);
  if (!unit || (*unit >= 0xdc00 && *unit < 0xe000)) return {};
  if (*unit < 0xd800 || *unit >= 0xe000) return {utf8(*unit), 6};
  const auto low = unit_at(text, at + 6);
  if (!low || *low < 0xdc00 || *low >= 0xe000) return {};
  return {utf8(0x10000 + ((*unit - 0xd800) << 10) + (*low - 0xdc00)), 12};
}

// What may be read in it once it is parsed. A control character's escape becomes its letter, which
// is of no matter here: no secret holds one.
std::string without_escapes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto backslash = std::min(text.find('\\', at), text.size());
    out.append(text.substr(at, backslash - at));
    if (backslash == text.size()) break;
    const auto escape = escape_at(text, backslash);
    out.append(escape.length > 0 ? std::string_view(escape.character) : "\\");
    at = backslash + std::max<std::size_t>(escape.length, 1);
  }
  return out;
}

// `value` with `scrub` done to each of its strings and keys.
Json scrubbed(const Json& value, const std::function<std::string(const std::string&)>& scrub) {
  if (value.is_string()) return scrub(value.get_ref<const std::string&>());
  if (value.is_array()) {
    Json all = Json::array();
    for (const auto& each : value) all.push_back(scrubbed(each, scrub));
    return all;
  }
  if (!value.is_object()) return value;
  Json all = Json::object();
  for (const auto& [key, each] : value.items()) all[scrub(key)] = scrubbed(each, scrub);
  return all;
}

}  // namespace

void Redactor::add(const Secret& secret) {
  if (secret.expose().size() < kShortestSecret) return;
  const std::scoped_lock lock(mutex_);
  for (const auto& known : forms_)
    if (known.expose() == secret.expose()) return;
  for (const auto& form : forms_of(secret.expose()))
    if (std::none_of(forms_.begin(), forms_.end(),
                     [&](const Secret& known) { return known.expose() == form; }))
      forms_.emplace_back(form);
}

std::string Redactor::scrub_known(std::string_view text) const {
  std::string out(text);
  const std::scoped_lock lock(mutex_);
  for (const auto& form : forms_) replace_all(out, form.expose());
  return out;
}

std::string Redactor::scrub(std::string_view text) const {
  const auto without_header = blot_after(scrub_known(text), "authorization: ", "\r\n\"");
  return blot_after(without_header, "token=", " &\r\n\"");
}

bool Redactor::is_in(std::string_view text) const {
  const std::scoped_lock lock(mutex_);
  return std::any_of(forms_.begin(), forms_.end(), [&](const Secret& form) {
    return text.find(form.expose()) != std::string_view::npos;
  });
}

std::string Redactor::scrub_json(std::string_view text) const {
  auto out = scrub_known(text);
  if (out.find('\\') == std::string::npos || !is_in(without_escapes(out))) return out;
  try {
    return to_text(scrubbed(parse_json(out, "the text"),
                            [this](const std::string& each) { return scrub_known(each); }));
  } catch (const Error&) {
    return std::string(kBlot);
  }
}

}  // namespace host
