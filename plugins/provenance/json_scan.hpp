// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "json_walk.hpp"

namespace provenance {

// Goes over JSON (RFC 8259) from left to right and refuses what nlohmann::json refuses too, so that
// who parses what was found good does not fail; but passes over what nobody asks for, at the speed
// at which bytes can be looked at. For one thread. What returns false has failed, and wrong() says
// why.
class JsonScan {
 public:
  // Before the first value. `text` must live as long.
  explicit JsonScan(std::string_view text);

  // After the last value: there is nothing else.
  bool end();

  // What comes next, '\0' where nothing does.
  [[nodiscard]] char peek() const { return at_ == end_ ? '\0' : *at_; }
  [[nodiscard]] const char* at() const { return at_; }
  [[nodiscard]] std::string_view since(const char* begin) const {
    return {begin, static_cast<std::size_t>(at_ - begin)};
  }

  // Passes over a value that stands in so many arrays and objects.
  bool skip(int depth);
  // Takes such a value; of an array or an object its bytes.
  bool value(int depth, JsonValue& value);
  // An object that stands `depth` deep: `each` is asked to take the value of each key.
  template <class Each>
  bool members(int depth, Each&& each) {
    if (!deep_enough(depth)) return false;
    ++at_;
    if (closes('}')) return true;
    std::string key;
    do {
      if (!take_key(&key) || !each(static_cast<const std::string&>(key))) return false;
    } while (goes_on());
    return closes('}') || fail_here();
  }
  // An array, likewise.
  template <class Each>
  bool elements(int depth, Each&& each) {
    if (!deep_enough(depth)) return false;
    ++at_;
    if (closes(']')) return true;
    do {
      space();
      if (!each()) return false;
    } while (goes_on());
    return closes(']') || fail_here();
  }

  bool fail(std::string wrong) {
    wrong_ = std::move(wrong);
    return false;
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  bool fail_here();
  bool deep_enough(int depth);
  void space();
  bool take(char expected);
  bool closes(char bracket);
  bool goes_on();
  // Up to the value. Null: nobody asks what it is.
  bool take_key(std::string* key);
  bool string(std::string* into);
  bool escape(std::string* into);
  bool hex(unsigned& unit);
  bool number(double& into);
  bool digits();
  bool literal(std::string_view word);
  bool scalar();

  const char *begin_, *at_, *end_;
  std::string wrong_;
};

}  // namespace provenance
