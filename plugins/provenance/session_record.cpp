// SPDX-License-Identifier: Apache-2.0
#include "session_record.hpp"

#include <array>
#include <cmath>
#include <utility>

#include "clean_text.hpp"
#include "descent.hpp"
#include "message_members.hpp"

namespace provenance {
namespace {

class Record final : public JsonVisitor {
 public:
  Record(const std::string& place, const Caps& caps, RowHash& hash, Reading& reading)
      : place_(place), hash_(hash), session_(reading.session), conversation_(caps, reading) {}

  void outer(const std::string& key, JsonValue& value) override {
    if (value.kind == JsonValue::Kind::string)
      take_text(key, value);
    else if (value.kind == JsonValue::Kind::number)
      take_number(key, value.number);
  }
  void inner(const std::string& key, JsonValue& value) override { members_.take(key, value); }
  void inner_end(std::string_view raw) override {
    const auto anchor = place_ + "/messages/" + std::to_string(count_++);
    if (conversation_.add(members_.message(anchor, raw, hash_)) && !members_.trouble().empty())
      conversation_.remark(anchor, members_.trouble());
    members_.clear();
  }
  void stray(JsonValue&) override {
    conversation_.note(place_ + "/messages/" + std::to_string(count_++), "is no object");
  }
  void list_end(std::string_view raw) override { list_ = raw; }

  void finish() {
    if (session_.provider.empty()) session_.provider = base_url_;
    if (!session_.parent.empty() && session_.descent == Descent::none)
      session_.descent = descent_after("");
    if (count_ == 0) session_.tokens.known = true;
    conversation_.finish();
  }
  [[nodiscard]] std::string_view list() const { return list_; }

 private:
  void take_text(const std::string& key, JsonValue& value) {
    const std::pair<std::string_view, std::string*> texts[] = {
        {"id", &session_.id},
        {"session_id", &session_.id},
        {"source", &session_.source},
        {"platform", &session_.source},
        {"user_id", &session_.user},
        {"chat_type", &session_.chat},
        {"model", &session_.model},
        {"billing_provider", &session_.provider},
        {"billing_base_url", &base_url_},
        {"base_url", &base_url_},
        {"parent_session_id", &session_.parent},
        {"end_reason", &session_.end_reason}};
    for (const auto& [name, text] : texts)
      if (key == name) *text = own(key, value.text);
    if (key == "model_config") session_.descent = marked_descent(value.text);
    if (key == "session_start" || key == "started_at") take_time(key, session_.started, value);
  }
  std::string own(const std::string& key, std::string_view text) {
    const auto place = place_ + "/" + key;
    return clean_text(session_, place, "it", own_text(session_, place, "", text));
  }
  void take_time(const std::string& key, std::optional<Instant>& time, const JsonValue& value) {
    time = instant_in(value.text);
    if (!time) remark(session_, place_ + "/" + key, "is no time");
  }
  void take_number(const std::string& key, double number) {
    if (key == "started_at" || key == "ended_at") {
      auto& time = key == "started_at" ? session_.started : session_.ended;
      time = instant_of(number);
      if (!time) remark(session_, place_ + "/" + key, "is no time");
      return;
    }
    auto& tokens = session_.tokens;
    const std::pair<std::string_view, std::int64_t*> counts[] = {
        {"input_tokens", &tokens.input},
        {"output_tokens", &tokens.output},
        {"cache_read_tokens", &tokens.cache_read},
        {"cache_write_tokens", &tokens.cache_write},
        {"reasoning_tokens", &tokens.reasoning}};
    for (const auto& [name, count] : counts) {
      if (key != name || !(number > 0 && number < 1e15)) continue;
      *count = std::llround(number);
      tokens.known = true;
    }
  }

  const std::string& place_;
  RowHash& hash_;
  Session& session_;
  Conversation conversation_;
  MessageMembers members_;
  std::string base_url_;
  std::string_view list_;
  std::size_t count_ = 0;
};

}  // namespace

bool read_record(std::string_view json, const std::string& place, const Caps& caps, RowHash& hash,
                 Reading& reading) {
  Record record(place, caps, hash, reading);
  const auto wrong = walk_json(json, JsonShape::object_with_list, record);
  if (!wrong.empty()) {
    note_damage(reading.session, place.empty() ? "/" : place, wrong);
    return false;
  }
  record.finish();
  const auto list = record.list();
  if (list.empty()) {
    note_damage(reading.session, place.empty() ? "/" : place, "has no list of messages");
    return false;
  }
  const auto before = static_cast<std::size_t>(list.data() - json.data());
  hash.raw(json.substr(0, before)).raw(json.substr(before + list.size()));
  reading.own = hash.hex();
  return true;
}

}  // namespace provenance
