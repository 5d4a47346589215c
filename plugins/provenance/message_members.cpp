// SPDX-License-Identifier: Apache-2.0
#include "message_members.hpp"

#include <ctime>
#include <timmy/time.hpp>
#include <utility>

#include "clean_text.hpp"

namespace provenance {
namespace {

bool is_true(const JsonValue& value) {
  return value.kind == JsonValue::Kind::boolean ? value.truth : value.number != 0;
}

bool is_flag(const JsonValue& value) {
  return value.kind == JsonValue::Kind::boolean || value.kind == JsonValue::Kind::number;
}

}  // namespace

bool MessageMembers::take_text(const std::string& key, JsonValue& value) {
  const std::pair<std::string_view, std::string*> texts[] = {{"role", &role_},
                                                             {"content", &content_},
                                                             {"tool_calls", &calls_text_},
                                                             {"tool_call_id", &call_id_},
                                                             {"tool_name", &tool_name_},
                                                             {"name", &tool_name_},
                                                             {"finish_reason", &finish_reason_},
                                                             {"model", &model_},
                                                             {"platform", &platform_}};
  for (const auto& [name, text] : texts) {
    if (key != name) continue;
    *text = std::move(value.text);
    return true;
  }
  return false;
}

void MessageMembers::take_time(const JsonValue& value) {
  if (value.kind == JsonValue::Kind::number) {
    seconds_ = value.number;
  } else if (value.kind == JsonValue::Kind::string) {
    at_ = instant_in(value.text);
    if (!at_) trouble_ = "its timestamp \"" + cleaned(value.text.substr(0, 40)) + "\" is no time";
  }
}

void MessageMembers::take(const std::string& key, JsonValue& value) {
  if (key == "timestamp") return take_time(value);
  if (value.kind == JsonValue::Kind::string) {
    (void)take_text(key, value);
  } else if (value.kind == JsonValue::Kind::nested) {
    if (key == "content") parts_ = value.raw;
    if (key == "tool_calls") calls_ = value.raw;
  } else if (is_flag(value)) {
    if (key == "active") active_ = is_true(value);
    if (key == "compacted") compacted_ = is_true(value);
    if (key == "_compressed_summary") summary_ = is_true(value);
    if (key == "observed") observed_ = is_true(value);
  }
}

RawMessage MessageMembers::message(std::string anchor, std::string_view raw, RowHash& hash) const {
  RawMessage message;
  message.anchor = std::move(anchor);
  message.digest = hash.raw(raw).hex();
  message.role = role_;
  message.parts = !parts_.empty();
  message.content = message.parts ? parts_ : std::string_view(content_);
  message.calls = calls_.empty() ? std::string_view(calls_text_) : calls_;
  message.call_id = call_id_;
  message.tool_name = tool_name_;
  message.finish_reason = finish_reason_;
  message.seconds = seconds_;
  message.at = at_;
  message.active = active_;
  message.compacted = compacted_;
  message.summary = summary_;
  message.observed = observed_;
  return message;
}

void MessageMembers::clear() { *this = MessageMembers(); }

std::optional<Instant> instant_in(std::string_view text) {
  if (const auto time = timmy::parse_time(text))
    return instant_of(std::chrono::duration<double>(time->time_since_epoch()).count());
  const auto naive = timmy::parse_time(std::string(text) + "Z");
  if (!naive) return std::nullopt;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(*naive);
  const std::time_t as_if = seconds.time_since_epoch().count();
  std::tm fields{};
  if (::gmtime_r(&as_if, &fields) == nullptr) return std::nullopt;
  fields.tm_isdst = -1;
  const std::time_t local = std::mktime(&fields);
  if (local == -1) return std::nullopt;
  if (!instant_of(static_cast<double>(local))) return std::nullopt;
  return Instant(std::chrono::seconds(local)) + (*naive - seconds);
}

}  // namespace provenance
