// SPDX-License-Identifier: Apache-2.0
//
// JSON of others, read in one pass without building it: bounded in depth, and with the bytes of
// what stands in it at hand.
#pragma once

#include <string>
#include <string_view>

namespace provenance {

struct JsonValue {
  enum class Kind { null, boolean, number, string, nested };
  Kind kind = Kind::null;
  std::string text;      // of a string; may be moved away
  std::string_view raw;  // of an object or an array: its bytes, within what is walked
  double number = 0;
  bool truth = false;
};

// What is told of a text that is walked; valid during each call.
class JsonVisitor {
 public:
  virtual ~JsonVisitor() = default;
  // A member of the object that has the list.
  virtual void outer(const std::string& /*key*/, JsonValue& /*value*/) {}
  // A member of an object of the list.
  virtual void inner(const std::string& key, JsonValue& value) = 0;
  // The end of such an object.
  virtual void inner_end(std::string_view raw) = 0;
  // What stands in the list and is no object.
  virtual void stray(JsonValue& /*value*/) {}
  // Whether the rest is of no use: asked after each member of the outer object.
  [[nodiscard]] virtual bool has_enough() const { return false; }
  // The end of the list.
  virtual void list_end(std::string_view /*raw*/) {}
};

enum class JsonShape {
  object,            // {…}: the one inner object
  list,              // [{…}, …]
  object_with_list,  // {…, "messages": [{…}, …]}
};

// Arrays and objects nest no deeper than this in what is read.
constexpr int kJsonDepth = 64;

// Empty, or what is wrong with the text and where; what was told until then was told. What comes
// after the visitor has enough is not looked at.
[[nodiscard]] std::string walk_json(std::string_view text, JsonShape shape, JsonVisitor& visitor);

// Whether it is JSON that nests no deeper than that.
[[nodiscard]] bool is_json(std::string_view text);

}  // namespace provenance
