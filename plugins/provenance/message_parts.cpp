// SPDX-License-Identifier: Apache-2.0
#include "message_parts.hpp"

#include "clean_text.hpp"
#include "json_walk.hpp"

namespace provenance {
namespace {

class Joiner final : public JsonVisitor {
 public:
  void inner(const std::string& key, JsonValue& value) override {
    if (value.kind != JsonValue::Kind::string) return;
    if (key == "type") type_ = std::move(value.text);
    if (key == "text") {
      part_ = std::move(value.text);
      has_text_ = true;
    }
  }
  void inner_end(std::string_view) override {
    if (has_text_)
      add(part_);
    else
      other(type_.empty() ? "a part" : type_);
    type_.clear();
    has_text_ = false;
  }
  void stray(JsonValue& value) override {
    if (value.kind == JsonValue::Kind::string)
      add(value.text);
    else
      other("a value");
  }
  [[nodiscard]] JoinedParts joined() {
    if (others_ > 0)
      joined_.left_out = "left out of its content is what is no text: " + first_ +
                         (others_ > 1 ? " and " + std::to_string(others_ - 1) + " more" : "");
    return std::move(joined_);
  }

 private:
  void add(const std::string& text) {
    if (begun_) joined_.text += '\n';
    begun_ = true;
    joined_.text += is_clean(text) ? text : cleaned(text);
  }
  void other(std::string what) {
    if (others_++ == 0) first_ = cleaned(what.substr(0, 40));
  }

  JoinedParts joined_;
  std::string type_, part_, first_;
  bool has_text_ = false, begun_ = false;
  int others_ = 0;
};

}  // namespace

std::string_view parts_of(std::string_view content) {
  constexpr std::string_view kMark = "json:";
  if (content.size() <= kMark.size() || static_cast<unsigned char>(content.front()) > 1) return {};
  return content.substr(1, kMark.size()) == kMark ? content.substr(1 + kMark.size())
                                                  : std::string_view();
}

JoinedParts join_parts(std::string_view json) {
  const auto first = json.find_first_not_of(" \t\r\n");
  const bool one = first != std::string_view::npos && json[first] == '{';
  Joiner joiner;
  const auto wrong = walk_json(json, one ? JsonShape::object : JsonShape::list, joiner);
  if (wrong.empty()) return joiner.joined();
  return {cleaned(json), "", "its content is marked as JSON, but " + wrong};
}

}  // namespace provenance
