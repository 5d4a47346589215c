// SPDX-License-Identifier: Apache-2.0
#include "config/schema_words.hpp"

#include <fmt/core.h>

#include <optional>

#include "base/utf8.hpp"

namespace host {
namespace {

constexpr std::size_t kLongest = 80;

// At most kLongest bytes, cut between characters.
std::string shortened(std::string text) { return cut_text(text, kLongest) ? text + "..." : text; }

std::string type_words(const std::string& type) {
  if (type == "integer") return "a whole number";
  if (type == "number") return "a number";
  if (type == "string") return "text";
  if (type == "boolean") return "true or false";
  if (type == "array") return "a list";
  if (type == "object") return "a map";
  return "nothing (null)";
}

std::string range_words(const SchemaNode& node) {
  const auto text = [](const std::optional<Json>& value) { return to_text(*value); };
  if (node.minimum && node.maximum)
    return fmt::format(" from {} to {}", text(node.minimum), text(node.maximum));
  std::string words;
  if (node.minimum) words += " of at least " + text(node.minimum);
  if (node.exclusive_minimum) words += " above " + text(node.exclusive_minimum);
  if (node.maximum) words += " of at most " + text(node.maximum);
  if (node.exclusive_maximum) words += " below " + text(node.exclusive_maximum);
  return words;
}

}  // namespace

std::string describe_value(const Json& value) {
  if (value.is_null()) return "nothing (null)";
  if (value.is_array()) return value.empty() ? "an empty list" : "a list";
  if (value.is_object()) return value.empty() ? "an empty map" : "a map";
  return shortened(to_text(value));
}

std::string describe_choices(const std::vector<Json>& choices) {
  if (choices.size() == 1) return shortened(to_text(choices.front()));
  std::string words;
  for (const Json& choice : choices)
    words += (words.empty() ? "" : ", ") +
             (choice.is_string() ? choice.get<std::string>() : to_text(choice));
  return "one of " + shortened(words);
}

std::string describe_alternatives(const std::vector<const SchemaNode*>& nodes) {
  std::vector<Json> choices;
  std::string words;
  bool only_choices = true;
  for (const SchemaNode* node : nodes) {
    only_choices = only_choices && !node->choices.empty();
    if (only_choices)
      choices.insert(choices.end(), node->choices.front().begin(), node->choices.front().end());
    words += (words.empty() ? "" : ", or ") + describe(*node);
  }
  return only_choices ? describe_choices(choices) : words;
}

std::vector<std::string> words_of(const std::vector<const SchemaNode*>& nodes) {
  std::vector<std::string> words;
  for (const SchemaNode* node : nodes)
    for (const auto& list : node->choices)
      for (const Json& choice : list)
        if (choice.is_string()) words.push_back(choice);
  return words;
}

std::string describe_names(const std::vector<std::string>& names) {
  if (names.empty()) return "no keys";
  std::string words;
  for (const std::string& name : names) words += (words.empty() ? "" : ", ") + name;
  return "one of these: " + shortened(words);
}

std::string describe_pattern(const SchemaNode& node) {
  if (node.example) return fmt::format("text such as {}", shortened(to_text(*node.example)));
  return fmt::format("text that matches {}", shortened(node.pattern->pattern()));
}

std::string describe(const SchemaNode& node) {
  if (node.never) return "nothing";
  if (!node.choices.empty()) return describe_choices(node.choices.front());
  if (node.pattern) return describe_pattern(node);
  std::string words;
  for (const std::string& type : node.types)
    words += (words.empty() ? "" : " or ") + type_words(type);
  if (words.empty() && node.ref != nullptr) return describe(*node.ref);
  if (words.empty()) words = range_words(node).empty() ? "another value" : "a number";
  return words + range_words(node);
}

std::vector<std::string> type_of(const SchemaNode& node) {
  if (node.types.empty() && node.ref != nullptr) return type_of(*node.ref);
  return node.types;
}

}  // namespace host
