// SPDX-License-Identifier: Apache-2.0
#include "tool_calls.hpp"

#include "clean_text.hpp"
#include "json_walk.hpp"

namespace provenance {
namespace {

constexpr std::size_t kCallsCap = 1000;

std::string clean(std::string text) { return is_clean(text) ? std::move(text) : cleaned(text); }

// The name and the arguments, wherever they stand.
void take_function(ToolCall& call, const std::string& key, JsonValue& value) {
  const bool text = value.kind == JsonValue::Kind::string;
  if (key == "name" && text) call.name = clean(std::move(value.text));
  if (key != "arguments") return;
  if (text)
    call.arguments = clean(std::move(value.text));
  else if (value.kind == JsonValue::Kind::nested)
    call.arguments = value.raw;
}

class Function final : public JsonVisitor {
 public:
  explicit Function(ToolCall& call) : call_(call) {}
  void inner(const std::string& key, JsonValue& value) override {
    take_function(call_, key, value);
  }
  void inner_end(std::string_view) override {}

 private:
  ToolCall& call_;
};

class Calls final : public JsonVisitor {
 public:
  void inner(const std::string& key, JsonValue& value) override {
    if (key == "id" && value.kind == JsonValue::Kind::string)
      call_.id = clean(std::move(value.text));
    else if (key == "call_id" && value.kind == JsonValue::Kind::string)
      call_id_ = clean(std::move(value.text));
    else if (key == "function" && value.kind == JsonValue::Kind::nested)
      take_from(value.raw);
    else
      take_function(call_, key, value);
  }
  void inner_end(std::string_view) override {
    if (call_.id.empty()) call_.id = call_id_;
    if (call_.id.empty()) read.oddity = "a tool call has no id";
    if (call_.name.empty()) trouble("a tool call has no name");
    if (read.calls.size() < kCallsCap)
      keep();
    else
      trouble("it has more than " + std::to_string(kCallsCap) + " tool calls");
    call_ = {};
    call_id_.clear();
  }
  void stray(JsonValue&) override { trouble("a tool call is no object"); }

  ReadCalls read;

 private:
  void keep() {
    if (!call_id_.empty() && call_id_ != call_.id) read.other_ids.emplace_back(call_id_, call_.id);
    read.calls.push_back(std::move(call_));
  }
  void take_from(std::string_view raw) {
    Function function(call_);
    if (!walk_json(raw, JsonShape::object, function).empty())
      trouble("a tool call's function is no object");
  }
  void trouble(const std::string& what) {
    if (read.trouble.empty()) read.trouble = what;
  }

  ToolCall call_;
  std::string call_id_;
};

}  // namespace

ReadCalls read_tool_calls(std::string_view json) {
  const auto first = json.find_first_not_of(" \t\r\n");
  const bool one = first != std::string_view::npos && json[first] == '{';
  Calls calls;
  const auto wrong = walk_json(json, one ? JsonShape::object : JsonShape::list, calls);
  if (!wrong.empty()) calls.read.trouble = "its tool_calls: " + wrong;
  return std::move(calls.read);
}

}  // namespace provenance
