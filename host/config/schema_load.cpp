// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <functional>

#include "base/error.hpp"
#include "config/document.hpp"
#include "config/schema_node.hpp"
#include "config/schema_run.hpp"

namespace host {
namespace {

constexpr std::string_view kDialect = "https://json-schema.org/draft/2020-12/schema";

const std::vector<std::string> kTypes = {"null",   "boolean", "integer", "number",
                                         "string", "array",   "object"};

int depth_of(const Json& value, int limit) {
  int deepest = 0;
  if (limit > 0 && value.is_structured())
    for (const Json& child : value) deepest = std::max(deepest, depth_of(child, limit - 1));
  return deepest + 1;
}

bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

// Reads a schema into nodes. Collects what is wrong instead of stopping at the first.
class Loader {
 public:
  explicit Loader(JsonSchema::Compiled& out) : out_(out) {}

  void load() {
    if (depth_of(out_.json, kJsonDepth) > kJsonDepth) {
      say("", fmt::format("nested more than {} levels deep", kJsonDepth));
      return;
    }
    try {
      read_all();
    } catch (const TooLarge&) {
      return say("", "its keys are too long for this much nesting");
    }
    if (problems_.empty()) refuse_circles();
    if (problems_.empty()) check_defaults();
  }

  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  struct TooLarge {};
  static constexpr std::size_t kPointerBytes = std::size_t{16} << 20;
  static constexpr int kChain = 32;
  static constexpr std::size_t kNearest = 20;

  void read_all() {
    out_.root = schema(out_.json, "");
    // Resolving a reference may load its target, which may hold references.
    while (!references_.empty()) {
      const auto [node, text] = references_.back();
      references_.pop_back();
      resolve(*node, text);
    }
  }

  void say(const std::string& where, const std::string& message) {
    problems_.push_back((where.empty() ? "/" : where) + ": " + message);
  }

  const SchemaNode* schema(const Json& source, const std::string& where) {
    if (const auto known = out_.nodes.find(where); known != out_.nodes.end())
      return known->second.get();
    // A pointer repeats all keys above it, so a small schema could ask for gigabytes of them.
    if ((pointer_bytes_ += where.size() + 1) > kPointerBytes) throw TooLarge{};
    SchemaNode& node = *(out_.nodes[where] = std::make_unique<SchemaNode>());
    node.where = where;
    if (source.is_boolean()) {
      node.never = !source.get<bool>();
    } else if (source.is_object()) {
      for (const auto& [keyword, value] : source.items()) take(node, keyword, value);
    } else {
      say(where, "not a schema; expected a map, true or false");
    }
    return &node;
  }

  void take(SchemaNode& node, const std::string& keyword, const Json& value) {
    const auto& readers = keywords();
    const auto reader = readers.find(keyword);
    if (reader == readers.end()) {
      std::vector<std::string> names;
      for (const auto& entry : readers) names.push_back(entry.first);
      // For the first few: a large schema of nonsense would otherwise cost seconds.
      const std::string near = problems_.size() < kNearest ? nearest(keyword, names) : "";
      return say(node.where, fmt::format("unsupported keyword \"{}\"{}", keyword,
                                         near.empty() ? "" : "; did you mean \"" + near + "\"?"));
    }
    reader->second(*this, node, value, child_pointer(node.where, keyword));
  }

  using Reader = std::function<void(Loader&, SchemaNode&, const Json&, const std::string& where)>;
  static const std::map<std::string, Reader>& keywords();

  // Makers of readers, by the form of the keyword's value.
  static Reader note() {
    return [](Loader&, SchemaNode&, const Json&, const std::string&) {};
  }
  static Reader one(const SchemaNode* SchemaNode::*member) {
    return [member](Loader& self, SchemaNode& node, const Json& value, const std::string& where) {
      node.*member = self.schema(value, where);
    };
  }
  static Reader several(std::vector<const SchemaNode*> SchemaNode::*member) {
    return [member](Loader& self, SchemaNode& node, const Json& value, const std::string& where) {
      if (!value.is_array() || value.empty()) return self.say(where, "expected a list of schemas");
      for (std::size_t i = 0; i < value.size(); ++i)
        (node.*member).push_back(self.schema(value[i], child_pointer(where, i)));
    };
  }
  static Reader bound(std::optional<Json> SchemaNode::*member) {
    return [member](Loader& self, SchemaNode& node, const Json& value, const std::string& where) {
      if (!value.is_number()) return self.say(where, "expected a number");
      node.*member = value;
    };
  }
  static Reader count(std::optional<std::uint64_t> SchemaNode::*member) {
    return [member](Loader& self, SchemaNode& node, const Json& value, const std::string& where) {
      if (!is_integer(value) || value.get<double>() < 0 || value.get<double>() > 1e15)
        return self.say(where, "expected a whole number, not negative");
      node.*member = value.get<std::uint64_t>();
    };
  }

  void read_type(SchemaNode& node, const Json& value, const std::string& where) {
    const Json list = value.is_array() ? value : Json::array({value});
    for (const Json& type : list) {
      if (!type.is_string() || std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end())
        return say(where, "unknown type " + to_text(type));
      node.types.push_back(type);
    }
    if (list.empty()) say(where, "expected at least one type");
  }

  void read_properties(SchemaNode& node, const Json& value, const std::string& where) {
    if (!value.is_object()) return say(where, "expected a map of schemas");
    for (const auto& [name, property] : value.items())
      node.properties[name] = schema(property, child_pointer(where, name));
  }

  void read_definitions(const Json& value, const std::string& where) {
    if (!value.is_object()) return say(where, "expected a map of schemas");
    for (const auto& [name, definition] : value.items())
      schema(definition, child_pointer(where, name));
  }

  void read_required(SchemaNode& node, const Json& value, const std::string& where) {
    if (!value.is_array()) return say(where, "expected a list of keys");
    for (const Json& key : value) {
      if (!key.is_string()) return say(where, "expected a list of keys");
      node.required.push_back(key);
    }
  }

  void read_pattern(SchemaNode& node, const Json& value, const std::string& where) {
    if (!value.is_string()) return say(where, "expected a pattern");
    RE2::Options options;
    options.set_log_errors(false);
    node.pattern = std::make_unique<RE2>(value.get<std::string>(), options);
    if (!node.pattern->ok())
      say(where, fmt::format("pattern {} is not one that RE2 takes: {}", to_text(value),
                             node.pattern->error()));
  }

  void read_ref(SchemaNode& node, const Json& value, const std::string& where) {
    if (!value.is_string() || !value.get<std::string>().starts_with("#"))
      return say(where, "expected a reference into this document, \"#/...\"");
    references_.emplace_back(&node, value.get<std::string>());
  }

  // A JSON pointer in a URI fragment (RFC 6901, section 6): percent-encoding on the outside.
  static std::string decode_fragment(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2])) {
        result += static_cast<char>(std::stoul(std::string(text.substr(i + 1, 2)), nullptr, 16));
        i += 2;
      } else {
        result += text[i];
      }
    }
    return result;
  }

  void resolve(SchemaNode& node, const std::string& reference) {
    const std::string pointer = decode_fragment(std::string_view(reference).substr(1));
    try {
      const Json::json_pointer path(pointer);
      if (!out_.json.contains(path))
        return say(node.where, fmt::format("$ref \"{}\" leads nowhere", reference));
      node.ref = schema(out_.json.at(path), path.to_string());
    } catch (const Json::exception&) {
      say(node.where, fmt::format("$ref \"{}\" is not a JSON pointer", reference));
    }
  }

  // The schemas that apply to the same value as this one.
  static std::vector<const SchemaNode*> beside(const SchemaNode& node) {
    std::vector<const SchemaNode*> next = {node.ref, node.no, node.condition, node.then,
                                           node.otherwise};
    for (const auto* list : {&node.all_of, &node.any_of, &node.one_of})
      next.insert(next.end(), list->begin(), list->end());
    std::erase(next, nullptr);
    return next;
  }

  // A schema that comes back to itself without having gone into the value never ends; a long chain
  // would spend the stack. Returns how far the chain from `node` goes.
  int chain(const SchemaNode& node, int above) {
    int& known = chains_[&node];
    if (known > 0) return known;
    if (known < 0 || above > kChain) {
      say(node.where, known < 0 ? "refers to itself without going into the value"
                                : fmt::format("references go on for more than {} steps", kChain));
      return known = 1;
    }
    known = -1;
    int longest = 0;
    for (const SchemaNode* next : beside(node))
      longest = std::max(longest, chain(*next, above + 1));
    if (above + longest > kChain && problems_.empty())
      say(node.where, fmt::format("references go on for more than {} steps", kChain));
    return chains_[&node] = longest + 1;
  }

  void refuse_circles() {
    for (const auto& entry : out_.nodes) chain(*entry.second, 0);
  }

  void check_defaults() {
    for (const auto& [where, node] : out_.nodes) {
      if (!node->fallback) continue;
      const std::string at = child_pointer(where, "default");
      try {
        Json filled = *node->fallback;
        fill_defaults(*node, filled);
        for (const Violation& violation : violations(*node, filled))
          say(at + violation.pointer, to_text(violation));
      } catch (const Error& error) {
        say(at, error.message());
      }
    }
  }

  JsonSchema::Compiled& out_;
  std::vector<std::pair<SchemaNode*, std::string>> references_;
  std::vector<std::string> problems_;
  std::map<const SchemaNode*, int> chains_;  // -1: being followed
  std::size_t pointer_bytes_ = 0;
};

const std::map<std::string, Loader::Reader>& Loader::keywords() {
  using Node = SchemaNode;
  const auto call = [](auto method) -> Reader {
    return [method](Loader& self, Node& node, const Json& value, const std::string& where) {
      (self.*method)(node, value, where);
    };
  };
  static const std::map<std::string, Reader> readers = {
      {"$id", note()},
      {"$comment", note()},
      {"title", note()},
      {"description", note()},
      {"examples",
       [](Loader&, Node& node, const Json& value, const std::string&) {
         if (value.is_array() && !value.empty()) node.example = value.front();
       }},
      {"format", note()},
      {"deprecated", note()},
      {"$schema",
       [](Loader& self, Node&, const Json& value, const std::string& where) {
         if (value != kDialect) self.say(where, fmt::format("expected \"{}\"", kDialect));
       }},
      {"$defs", [](Loader& self, Node&, const Json& value,
                   const std::string& where) { self.read_definitions(value, where); }},
      {"$ref", call(&Loader::read_ref)},
      {"type", call(&Loader::read_type)},
      {"properties", call(&Loader::read_properties)},
      {"required", call(&Loader::read_required)},
      {"pattern", call(&Loader::read_pattern)},
      {"additionalProperties", one(&Node::additional)},
      {"items", one(&Node::items)},
      {"not", one(&Node::no)},
      {"if", one(&Node::condition)},
      {"then", one(&Node::then)},
      {"else", one(&Node::otherwise)},
      {"allOf", several(&Node::all_of)},
      {"anyOf", several(&Node::any_of)},
      {"oneOf", several(&Node::one_of)},
      {"minimum", bound(&Node::minimum)},
      {"maximum", bound(&Node::maximum)},
      {"exclusiveMinimum", bound(&Node::exclusive_minimum)},
      {"exclusiveMaximum", bound(&Node::exclusive_maximum)},
      {"minLength", count(&Node::min_length)},
      {"maxLength", count(&Node::max_length)},
      {"minItems", count(&Node::min_items)},
      {"maxItems", count(&Node::max_items)},
      {"uniqueItems",
       [](Loader& self, Node& node, const Json& value, const std::string& where) {
         if (!value.is_boolean()) return self.say(where, "expected true or false");
         node.unique_items = value;
       }},
      {"enum",
       [](Loader& self, Node& node, const Json& value, const std::string& where) {
         if (!value.is_array() || value.empty())
           return self.say(where, "expected a list of values");
         node.choices.push_back(value.get<std::vector<Json>>());
       }},
      {"const", [](Loader&, Node& node, const Json& value,
                   const std::string&) { node.choices.push_back({value}); }},
      {"default",
       [](Loader&, Node& node, const Json& value, const std::string&) { node.fallback = value; }},
  };
  return readers;
}

}  // namespace

JsonSchema::Compiled::Compiled(Json schema, std::string_view name) : json(std::move(schema)) {
  Loader loader(*this);
  loader.load();
  if (loader.problems().empty()) return;
  std::string text = fmt::format("{} is not a schema that this host supports", name);
  for (const std::string& problem : loader.problems()) text += "\n  " + problem;
  throw Error(Code::invalid, text,
              "use the supported subset of JSON Schema 2020-12 (docs/configuration.md)");
}

}  // namespace host
