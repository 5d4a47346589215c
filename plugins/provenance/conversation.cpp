// SPDX-License-Identifier: Apache-2.0
#include "conversation.hpp"

#include <algorithm>
#include <cmath>

#include "clean_text.hpp"
#include "message_parts.hpp"
#include "tool_calls.hpp"

namespace provenance {
namespace {

std::optional<Message::Role> role_of(std::string_view name) {
  if (name == "user") return Message::Role::user;
  if (name == "assistant") return Message::Role::assistant;
  if (name == "tool") return Message::Role::tool;
  if (name == "system" || name == "developer") return Message::Role::system;
  return std::nullopt;
}

// How much of a text may stand in a note.
std::string quoted(std::string_view text) {
  return '"' + cleaned(text.substr(0, 40)) + (text.size() > 40 ? "...\"" : "\"");
}

bool same_calls(const std::vector<ToolCall>& a, const std::vector<ToolCall>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.id == y.id && x.name == y.name && x.arguments == y.arguments;
  });
}

bool says_the_same(const Message& a, const Message& b) {
  return a.role == b.role && a.at == b.at && a.call_id == b.call_id && a.tool_name == b.tool_name &&
         a.content == b.content && same_calls(a.calls, b.calls);
}

std::size_t hash_of(const Message& message) {
  const std::hash<std::string> hash;
  std::size_t sum = hash(message.content) * 31 + hash(message.call_id);
  if (message.at) sum = sum * 31 + static_cast<std::size_t>(message.at->time_since_epoch().count());
  return sum * 31 + static_cast<std::size_t>(message.role);
}

}  // namespace

std::optional<Instant> instant_of(double seconds) {
  constexpr double kFirst = 946'684'800, kEnd = 4'102'444'800;  // 2000 and 2100
  if (!(seconds >= kFirst && seconds < kEnd)) return std::nullopt;
  return Instant(std::chrono::microseconds(std::llround(seconds * 1e6)));
}

std::string Conversation::text(const std::string& anchor, const char* what,
                               std::string_view bytes) {
  return clean_text(reading_.session, anchor, what, bytes);
}

bool Conversation::add(RawMessage raw) {
  if (full_) return false;
  const auto bytes = raw.content.size() + raw.calls.size() + raw.call_id.size() +
                     raw.tool_name.size() + raw.finish_reason.size();
  // A call of few bytes takes as much memory as a message does.
  if (bytes > caps_.session - bytes_ || reading_.rows + calls_ >= caps_.messages) {
    note_damage(reading_.session, raw.anchor,
                "it and what follows is left out: the session has more than " +
                    std::to_string(caps_.session) + " bytes or " + std::to_string(caps_.messages) +
                    " messages and calls");
    full_ = true;
    return false;
  }
  const auto role = role_of(raw.role);
  if (!role) {
    note_damage(reading_.session, raw.anchor, "its role is " + quoted(raw.role));
    return true;
  }
  bytes_ += bytes;
  ++reading_.rows;
  if (raw.compacted && !copies_) expect_copies();
  if (!(raw.active || raw.compacted) || raw.summary || raw.observed) return true;
  Message message;
  message.role = *role;
  judge(raw, message);
  if (copies_) {
    if (is_copy(message)) return true;
    places_.emplace(hash_of(message), reading_.session.messages.size());
  }
  reading_.session.messages.push_back(std::move(message));
  return true;
}

void Conversation::judge(RawMessage& raw, Message& message) {
  message.anchor = raw.anchor;
  message.digest = std::move(raw.digest);
  message.call_id = text(raw.anchor, "tool_call_id", raw.call_id);
  message.tool_name = text(raw.anchor, "tool_name", raw.tool_name);
  message.finish_reason = text(raw.anchor, "finish_reason", raw.finish_reason);
  message.at = raw.at;
  if (raw.seconds) {
    message.at = instant_of(*raw.seconds);
    if (!message.at) remark(raw.anchor, "its timestamp is no time");
  }
  if (const auto parts = raw.parts ? raw.content : parts_of(raw.content); !parts.empty()) {
    auto joined = join_parts(parts);
    message.content = std::move(joined.text);
    message.partial = !joined.left_out.empty();
    if (message.partial) remark(raw.anchor, joined.left_out);
    if (!joined.trouble.empty()) note(raw.anchor, joined.trouble);
  } else {
    message.content = text(raw.anchor, "content", raw.content);
  }
  if (!raw.calls.empty() && message.role == Message::Role::assistant) read_calls(raw, message);
}

void Conversation::read_calls(const RawMessage& raw, Message& message) {
  auto read = read_tool_calls(raw.calls);
  message.calls = std::move(read.calls);
  calls_ += message.calls.size();
  if (!read.trouble.empty()) note(raw.anchor, read.trouble);
  if (!read.oddity.empty()) remark(raw.anchor, read.oddity);
  for (auto& [other, id] : read.other_ids) other_ids_[std::move(other)] = std::move(id);
}

void Conversation::expect_copies() {
  copies_ = true;
  const auto& all = reading_.session.messages;
  for (std::size_t i = 0; i < all.size(); ++i) places_.emplace(hash_of(all[i]), i);
}

bool Conversation::is_copy(const Message& message) const {
  const auto& all = reading_.session.messages;
  const auto [first, last] = places_.equal_range(hash_of(message));
  return std::any_of(first, last,
                     [&](const auto& at) { return says_the_same(all[at.second], message); });
}

void Conversation::note(const std::string& anchor, const std::string& what) {
  note_damage(reading_.session, anchor, what);
}

void Conversation::remark(const std::string& anchor, const std::string& what) {
  provenance::remark(reading_.session, anchor, what);
}

void Conversation::finish() {
  std::unordered_map<std::string_view, const ToolCall*> calls;
  for (auto& message : reading_.session.messages) {
    for (const auto& call : message.calls) calls[call.id] = &call;
    if (message.role != Message::Role::tool || message.call_id.empty()) continue;
    auto found = calls.find(message.call_id);
    if (found == calls.end()) {
      const auto other = other_ids_.find(message.call_id);
      if (other == other_ids_.end()) continue;
      found = calls.find(other->second);
      if (found == calls.end()) continue;
      message.call_id = found->second->id;
    }
    if (message.tool_name.empty()) message.tool_name = found->second->name;
  }
}

}  // namespace provenance
