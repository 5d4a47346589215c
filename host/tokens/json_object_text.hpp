// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace host {

// The text of a JSON object, changed member by member: all others keep their order, their numbers'
// spelling and what stands inside them to the byte. The order of keys in a schema is the order in
// which a model fills it in, so a parser that sorts them would change the answer.
class JsonObjectText {
 public:
  // REQUIRES: parse_json() took the text, and it is an object without a key standing twice.
  explicit JsonObjectText(std::string text);

  // The keys, unescaped, in order.
  [[nodiscard]] std::vector<std::string_view> keys() const;
  // `json` is the value's text. A new member comes last.
  void set(std::string_view key, std::string json);
  void erase(std::string_view key);
  [[nodiscard]] std::string text() const;

 private:
  // Begin and end within text_.
  struct Span {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  struct Member {
    std::string key;
    Span spelled;  // the key as it stands there, with its quotes
    Span value;
    std::string changed;  // instead, if not empty
  };
  [[nodiscard]] std::size_t string_end(std::size_t at) const;
  [[nodiscard]] std::size_t value_end(std::size_t at) const;
  [[nodiscard]] std::size_t past_space(std::size_t at) const;

  std::string text_;
  std::vector<Member> members_;
};

}  // namespace host
