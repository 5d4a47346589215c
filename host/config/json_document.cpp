// SPDX-License-Identifier: Apache-2.0
#include "config/json_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <utility>

#include "base/error.hpp"

namespace host {
namespace {

// Finds where values stand in a text that the parser has accepted: it checks nothing, and goes no
// deeper than the parser did.
class Places {
 public:
  explicit Places(std::string_view text) : text_(text) {}

  std::map<std::string, Document::Place> find() {
    value("", std::nullopt);
    return std::move(places_);
  }

 private:
  [[nodiscard]] char here() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void next() {
    if (here() == '\n')
      ++position_.line, position_.column = 1;
    else
      ++position_.column;
    ++at_;
  }

  // White space, commas and colons tell nothing about where a value is.
  void skip() {
    while (at_ < text_.size() && std::string_view(" \t\r\n,:").find(here()) != text_.npos) next();
  }

  // A string as it is written, with its quotes.
  std::string_view quoted() {
    const auto begin = at_;
    next();
    while (at_ < text_.size() && here() != '"') {
      if (here() == '\\') next();
      next();
    }
    next();
    return text_.substr(begin, at_ - begin);
  }

  void value(const std::string& pointer, std::optional<Position> key) {
    skip();
    places_.emplace(pointer, Document::Place{key.value_or(position_), position_});
    if (here() == '{') return object(pointer);
    if (here() == '[') return array(pointer);
    if (here() == '"') return static_cast<void>(quoted());
    while (at_ < text_.size() && std::string_view(" \t\r\n,]}").find(here()) == text_.npos) next();
  }

  void object(const std::string& pointer) {
    next();
    for (skip(); at_ < text_.size() && here() != '}'; skip()) {
      const auto at = position_;
      const auto key = parse_json(quoted(), "a key").get<std::string>();
      value(child_pointer(pointer, key), at);
    }
    next();
  }

  void array(const std::string& pointer) {
    next();
    std::size_t index = 0;
    for (skip(); at_ < text_.size() && here() != ']'; skip())
      value(child_pointer(pointer, index++), std::nullopt);
    next();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Position position_;
  std::map<std::string, Document::Place> places_;
};

// parse_json(), whose "FILE: parse error at line 2, column 7: ..." becomes "FILE:2:7: ...".
Json parsed(std::string_view text, const std::string& file) {
  try {
    return parse_json(text, file);
  } catch (const Error& error) {
    int line = 0, column = 0, length = 0;
    const std::string_view message = error.message();
    const auto rest = message.substr(std::min(file.size(), message.size()));
    if (std::sscanf(std::string(rest).c_str(), ": parse error at line %d, column %d: %n", &line,
                    &column, &length) != 2 ||
        length == 0)
      throw;
    throw Error(error.code(),
                fmt::format("{}:{}:{}: {}", file, line, column,
                            rest.substr(static_cast<std::size_t>(length))),
                error.next_step());
  }
}

}  // namespace

Document parse_json_document(std::string_view text, std::string file) {
  auto value = parsed(text, file);
  auto places = Places(text).find();
  return Document(std::move(file), std::move(value), std::move(places));
}

}  // namespace host
