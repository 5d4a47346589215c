// SPDX-License-Identifier: Apache-2.0
#include "config/schema_run.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/plural.hpp"
#include "config/document.hpp"
#include "config/schema_words.hpp"

namespace host {
namespace {

// What one validate() or with_defaults() may cost; a schema can be written to double its work at
// every level.
class Budget {
 public:
  void spend(std::size_t steps) {
    if (steps > left_)
      throw Error(Code::too_large, "the schema and the value ask for more than a million steps");
    left_ -= steps;
  }

 private:
  std::size_t left_ = 1'000'000;
};

// Exact for every number that JSON holds here: 64 bits of mantissa.
long double number(const Json& value) {
  if (value.is_number_unsigned()) return static_cast<long double>(value.get<std::uint64_t>());
  if (value.is_number_integer()) return static_cast<long double>(value.get<std::int64_t>());
  return value.get<double>();
}

// Code points, as JSON Schema counts; the text is UTF-8.
std::size_t length(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

bool has_type(const Json& value, const std::string& type) {
  if (type == "integer") return is_integer(value);
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  return value.is_null();
}

bool has_type(const Json& value, const std::vector<std::string>& types) {
  return types.empty() || std::any_of(types.begin(), types.end(), [&](const std::string& type) {
           return has_type(value, type);
         });
}

// The same text for values that JSON Schema calls equal: 1 and 1.0.
Json canonical(const Json& value) {
  if (value.is_structured()) {
    Json copy = value;
    for (Json& child : copy) child = canonical(child);
    return copy;
  }
  if (value.is_number_float() && is_integer(value) && std::abs(value.get<double>()) < 9e15)
    return value.get<std::int64_t>();
  return value;
}

class Check {
 public:
  using Found = std::vector<Violation>;

  void all(const SchemaNode& node, const Json& value, const std::string& at, Found& found) {
    budget_.spend(1);
    if (node.never) return say(found, at, "is not allowed here", "");
    if (!has_type(value, node.types))
      return say(found, at, "is " + describe_value(value), describe(node));
    choices(node, value, at, found);
    if (value.is_number()) numbers(node, value, at, found);
    if (value.is_string()) text(node, value.get_ref<const std::string&>(), at, found);
    if (value.is_array()) list(node, value, at, found);
    if (value.is_object()) map(node, value, at, found);
    combined(node, value, at, found);
  }

 private:
  static void say(Found& found, const std::string& at, std::string message, std::string expected,
                  std::string near = {}, bool at_key = false) {
    found.push_back({at, std::move(message), std::move(expected), std::move(near), at_key});
  }

  bool fits(const SchemaNode& node, const Json& value, const std::string& at) {
    Found found;
    all(node, value, at, found);
    return found.empty();
  }

  void choices(const SchemaNode& node, const Json& value, const std::string& at, Found& found) {
    for (const auto& list : node.choices) {
      budget_.spend(list.size());
      if (std::find(list.begin(), list.end(), value) != list.end()) continue;
      std::vector<std::string> words;
      for (const Json& choice : list)
        if (choice.is_string()) words.push_back(choice);
      const std::string near =
          value.is_string() ? nearest(value.get_ref<const std::string&>(), words) : "";
      say(found, at, "is " + describe_value(value), describe_choices(list), near);
    }
  }

  void numbers(const SchemaNode& node, const Json& value, const std::string& at, Found& found) {
    const long double n = number(value);
    const bool low = (node.minimum && n < number(*node.minimum)) ||
                     (node.exclusive_minimum && n <= number(*node.exclusive_minimum));
    const bool high = (node.maximum && n > number(*node.maximum)) ||
                      (node.exclusive_maximum && n >= number(*node.exclusive_maximum));
    if (low || high) say(found, at, "is " + describe_value(value), describe(node));
  }

  void text(const SchemaNode& node, const std::string& value, const std::string& at, Found& found) {
    budget_.spend(value.size() / 256);
    const std::size_t size = node.min_length || node.max_length ? length(value) : 0;
    if (node.min_length && size < *node.min_length)
      say(found, at, value.empty() ? "is empty" : fmt::format("is {} characters long", size),
          fmt::format("at least {}", plural(*node.min_length, "character")));
    if (node.max_length && size > *node.max_length)
      say(found, at, fmt::format("is {} characters long", size),
          fmt::format("at most {}", plural(*node.max_length, "character")));
    if (node.pattern && !RE2::PartialMatch(value, *node.pattern))
      say(found, at, "is " + describe_value(value), describe_pattern(node));
  }

  void list(const SchemaNode& node, const Json& value, const std::string& at, Found& found) {
    if (node.min_items && value.size() < *node.min_items)
      say(found, at, "has " + plural(value.size(), "item"),
          fmt::format("at least {}", *node.min_items));
    if (node.max_items && value.size() > *node.max_items)
      say(found, at, "has " + plural(value.size(), "item"),
          fmt::format("at most {}", *node.max_items));
    if (node.unique_items) unique(value, at, found);
    if (node.items != nullptr)
      for (std::size_t i = 0; i < value.size(); ++i)
        all(*node.items, value[i], child_pointer(at, i), found);
  }

  void unique(const Json& value, const std::string& at, Found& found) {
    std::map<std::string, std::size_t> seen;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::string text = to_text(canonical(value[i]));
      budget_.spend(1 + text.size() / 64);
      if (const auto [first, fresh] = seen.emplace(text, i); !fresh)
        say(found, child_pointer(at, i), fmt::format("is the same as item {}", first->second + 1),
            "each item once");
    }
  }

  void map(const SchemaNode& node, const Json& value, const std::string& at, Found& found) {
    budget_.spend(node.required.size());
    for (const std::string& key : node.required)
      if (!value.contains(key)) say(found, at, fmt::format("has no \"{}\"", key), "it to be set");
    for (const auto& [key, child] : value.items()) {
      budget_.spend(1);
      if (const auto known = node.properties.find(key); known != node.properties.end())
        all(*known->second, child, child_pointer(at, key), found);
      else if (node.additional != nullptr && node.additional->never)
        unknown(node, key, at, found);
      else if (node.additional != nullptr)
        all(*node.additional, child, child_pointer(at, key), found);
    }
  }

  void unknown(const SchemaNode& node, const std::string& key, const std::string& at,
               Found& found) {
    std::vector<std::string> names;
    for (const auto& entry : node.properties) names.push_back(entry.first);
    budget_.spend(16 * names.size());  // what comparing two words costs against a step of checking
    const std::string near = nearest(key, names);
    say(found, child_pointer(at, key), "is not a known key",
        near.empty() ? describe_names(names) : "", near, true);
  }

  void combined(const SchemaNode& node, const Json& value, const std::string& at, Found& found) {
    if (node.ref != nullptr) all(*node.ref, value, at, found);
    for (const SchemaNode* part : node.all_of) all(*part, value, at, found);
    if (!node.any_of.empty()) alternatives(node.any_of, value, at, found);
    if (!node.one_of.empty() && alternatives(node.one_of, value, at, found) > 1)
      say(found, at, "fits more than one of the alternatives", "exactly one to fit");
    if (node.no != nullptr && fits(*node.no, value, at))
      say(found, at, "is " + describe_value(value), "anything but " + describe(*node.no));
    if (node.condition != nullptr) {
      const SchemaNode* branch = fits(*node.condition, value, at) ? node.then : node.otherwise;
      if (branch != nullptr) all(*branch, value, at, found);
    }
  }

  static bool lacks_only_key(const SchemaNode& node, const Json& value) {
    return value.is_object() && node.required.size() == 1 && !value.contains(node.required.front());
  }

  // How many fit. When none does: where each lacks just a key, names these; else says what the
  // nearest alternative of the value's own type lacks, or, for a plain value, names them all.
  int alternatives(const std::vector<const SchemaNode*>& nodes, const Json& value,
                   const std::string& at, Found& found) {
    int fitting = 0, meant = 0;
    Found complaints;  // of the nearest
    std::vector<std::string> lacking;
    for (const SchemaNode* node : nodes) {
      Found own;
      all(*node, value, at, own);
      if (own.empty()) ++fitting;
      if (own.size() == 1 && lacks_only_key(*node, value))
        lacking.push_back(node->required.front());
      if (has_type(value, type_of(*node)) && (++meant == 1 || own.size() < complaints.size()))
        complaints = std::move(own);
    }
    if (fitting > 0) return fitting;
    if (lacking.size() == nodes.size()) {
      say(found, at, "lacks a key", describe_names(lacking));
    } else if (meant == 1 || (meant > 1 && value.is_structured())) {
      found.insert(found.end(), complaints.begin(), complaints.end());
    } else {
      const std::vector<std::string> words = words_of(nodes);
      say(found, at, "is " + describe_value(value), describe_alternatives(nodes),
          value.is_string() ? nearest(value.get_ref<const std::string&>(), words) : "");
    }
    return 0;
  }

  Budget budget_;
};

// Fills in what is missing.
class Fill {
 public:
  void in(const SchemaNode& node, Json& value, int depth) {
    budget_.spend(1);
    if (depth > kJsonDepth)
      throw Error(
          Code::too_large,
          fmt::format("defaults inside defaults go on for more than {} levels", kJsonDepth));
    if (value.is_object()) map(node, value, depth);
    if (value.is_array() && node.items != nullptr)
      for (Json& item : value) in(*node.items, item, depth + 1);
    if (node.ref != nullptr) in(*node.ref, value, depth);
    for (const SchemaNode* part : node.all_of) in(*part, value, depth);
  }

 private:
  void map(const SchemaNode& node, Json& value, int depth) {
    for (const auto& [name, property] : node.properties) {
      budget_.spend(1);
      const Json* fallback = value.contains(name) ? nullptr : default_of(*property);
      if (fallback != nullptr) value[name] = *fallback;
      if (value.contains(name)) in(*property, value[name], depth + 1);
    }
    if (node.additional == nullptr) return;
    for (auto& [name, child] : value.items())
      if (!node.properties.contains(name)) in(*node.additional, child, depth + 1);
  }

  static const Json* default_of(const SchemaNode& node) {
    if (node.fallback) return &*node.fallback;
    const Json* found = node.ref == nullptr ? nullptr : default_of(*node.ref);
    for (const SchemaNode* part : node.all_of)
      if (found == nullptr) found = default_of(*part);
    return found;
  }

  Budget budget_;
};

}  // namespace

bool is_integer(const Json& value) {
  return value.is_number_integer() ||
         (value.is_number_float() && std::floor(value.get<double>()) == value.get<double>());
}

std::vector<Violation> violations(const SchemaNode& node, const Json& value) {
  std::vector<Violation> found;
  Check().all(node, value, "", found);
  return found;
}

void fill_defaults(const SchemaNode& node, Json& value) { Fill().in(node, value, 0); }

}  // namespace host
