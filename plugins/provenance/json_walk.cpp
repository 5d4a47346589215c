// SPDX-License-Identifier: Apache-2.0
#include "json_walk.hpp"

#include "json_scan.hpp"

namespace provenance {
namespace {

class Walk {
 public:
  Walk(std::string_view text, JsonVisitor& visitor) : scan_(text), visitor_(visitor) {}

  [[nodiscard]] std::string run(JsonShape shape) {
    const bool right = of(shape) && scan_.end();
    return right || ended_ ? std::string() : scan_.wrong();
  }

 private:
  bool of(JsonShape shape) {
    switch (shape) {
      case JsonShape::object: return scan_.peek() == '{' ? inner(1) : other("is no object");
      case JsonShape::list: return scan_.peek() == '[' ? list(1) : other("is no list");
      case JsonShape::object_with_list: break;
    }
    return scan_.peek() == '{' ? outer() : other("is no object");
  }

  // It may be no JSON at all.
  bool other(const char* what) { return scan_.skip(0) && scan_.end() && scan_.fail(what); }

  bool outer() {
    return scan_.members(1, [&](const std::string& key) {
      if (key == "messages" && scan_.peek() == '[') return list(2);
      if (!scan_.value(1, value_)) return false;
      visitor_.outer(key, value_);
      return !(ended_ = visitor_.has_enough());
    });
  }

  bool list(int depth) {
    const char* const begin = scan_.at();
    const bool right = scan_.elements(depth, [&] {
      if (scan_.peek() == '{') return inner(depth + 1);
      if (!scan_.value(depth, value_)) return false;
      visitor_.stray(value_);
      return true;
    });
    if (right) visitor_.list_end(scan_.since(begin));
    return right;
  }

  bool inner(int depth) {
    const char* const begin = scan_.at();
    const bool right = scan_.members(depth, [&](const std::string& key) {
      if (!scan_.value(depth, value_)) return false;
      visitor_.inner(key, value_);
      return true;
    });
    if (right) visitor_.inner_end(scan_.since(begin));
    return right;
  }

  JsonScan scan_;
  JsonVisitor& visitor_;
  JsonValue value_;
  bool ended_ = false;
};

}  // namespace

std::string walk_json(std::string_view text, JsonShape shape, JsonVisitor& visitor) {
  return Walk(text, visitor).run(shape);
}

bool is_json(std::string_view text) {
  JsonScan scan(text);
  return scan.skip(0) && scan.end();
}

}  // namespace provenance
