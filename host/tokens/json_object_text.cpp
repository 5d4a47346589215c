// SPDX-License-Identifier: Apache-2.0
#include "tokens/json_object_text.hpp"

#include <algorithm>
#include <utility>

#include "base/json.hpp"

namespace host {

JsonObjectText::JsonObjectText(std::string text) : text_(std::move(text)) {
  // A byte order mark may stand before it, which the parser passes over.
  std::size_t at = past_space(text_.starts_with("\xEF\xBB\xBF") ? 3 : 0) + 1;
  for (at = past_space(at); at < text_.size() && text_[at] != '}';) {
    Member member;
    member.spelled = {at, string_end(at)};
    member.key = parse_json(std::string_view(text_).substr(at, member.spelled.end - at), "a key")
                     .get<std::string>();
    at = past_space(past_space(member.spelled.end) + 1);
    member.value = {at, value_end(at)};
    at = past_space(member.value.end);
    members_.push_back(std::move(member));
    if (at < text_.size() && text_[at] == ',') at = past_space(at + 1);
  }
}

std::vector<std::string_view> JsonObjectText::keys() const {
  std::vector<std::string_view> all;
  for (const auto& each : members_) all.push_back(each.key);
  return all;
}

void JsonObjectText::set(std::string_view key, std::string json) {
  const auto found = std::find_if(members_.begin(), members_.end(),
                                  [&](const Member& each) { return each.key == key; });
  if (found != members_.end())
    found->changed = std::move(json);
  else
    members_.push_back({std::string(key), {}, {}, std::move(json)});
}

void JsonObjectText::erase(std::string_view key) {
  std::erase_if(members_, [&](const Member& each) { return each.key == key; });
}

std::string JsonObjectText::text() const {
  std::string out = "{";
  out.reserve(text_.size() + 128);
  const auto append = [&](const Span& span) {
    out.append(text_, span.begin, span.end - span.begin);
  };
  for (const auto& each : members_) {
    if (out.size() > 1) out += ',';
    if (each.spelled.end > 0)
      append(each.spelled);
    else
      out += to_text(Json(each.key));
    out += ':';
    if (each.changed.empty())
      append(each.value);
    else
      out += each.changed;
  }
  return out + "}";
}

std::size_t JsonObjectText::past_space(std::size_t at) const {
  return std::min(text_.find_first_not_of(" \t\r\n", at), text_.size());
}

std::size_t JsonObjectText::string_end(std::size_t at) const {
  for (++at; at < text_.size() && text_[at] != '"'; ++at)
    if (text_[at] == '\\') ++at;
  return std::min(at + 1, text_.size());
}

std::size_t JsonObjectText::value_end(std::size_t at) const {
  int depth = 0;
  while (at < text_.size()) {
    const char c = text_[at];
    if (c == '"') {
      at = string_end(at);
      if (depth == 0) return at;
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}')) break;
    if (c == '{' || c == '[') ++depth;
    ++at;
    if ((c == '}' || c == ']') && --depth == 0) return at;
  }
  // A number, true, false or null, and maybe space behind it.
  while (at > 0 && std::string_view(" \t\r\n").find(text_[at - 1]) != std::string_view::npos) --at;
  return at;
}

}  // namespace host
