// SPDX-License-Identifier: Apache-2.0
#include "config/document.hpp"

#include <fmt/core.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <optional>
#include <streambuf>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "config/scalar.hpp"
#include "config/yaml_text.hpp"

namespace host {
namespace {

constexpr std::string_view kCoreTag = "tag:yaml.org,2002:";

Position position_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

std::string text_of(const std::string& file, Position at) {
  return fmt::format("{}:{}:{}", file, at.line, at.column);
}

[[noreturn]] void refuse(const std::string& file, Position at, const std::string& message,
                         const std::string& next_step = {}) {
  throw Error(Code::invalid, text_of(file, at) + ": " + message, next_step);
}

// Builds the JSON value from the parser's events, so that what is refused never becomes a node:
// yaml-cpp's own node builder follows alias bombs and cycles.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(const std::string& file) : file_(file) {}

  [[nodiscard]] Json take_value() { return std::move(root_); }
  [[nodiscard]] std::map<std::string, Document::Place> take_places() { return std::move(places_); }
  // Whether a line may begin with a tab because it lies inside block or quoted text.
  [[nodiscard]] bool in_text(int line) const {
    auto after = std::lower_bound(texts_.begin(), texts_.end(), line,
                                  [](const auto& lines, int l) { return lines.first < l; });
    return after != texts_.begin() && line < std::prev(after)->second;
  }
  // Where the last quoted or block text begins, as the parser counts bytes.
  [[nodiscard]] std::optional<YAML::Mark> last_text() const { return last_text_; }
  // The line at which reading stopped for good, once it has.
  [[nodiscard]] int failed_line() const { return failed_line_; }
  [[noreturn]] void fail(Position at, const std::string& message, const std::string& next_step = {},
                         Code code = Code::invalid) {
    at = {std::max(at.line, 1), std::max(at.column, 1)};
    end_text(at.line);
    failed_line_ = at.line;
    throw Error(code, text_of(file_, at) + ": " + message, next_step);
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) fail(mark, "a second document begins here; expected one document a file");
  }
  void OnDocumentEnd() override { end_text(kNoLine); }

  void OnAnchor(const YAML::Mark& mark, const std::string& anchor) override {
    fail(mark, "anchor &" + anchor + " is not supported", "write the value out where it is used");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail(mark, "an alias (*name) is not supported", "write the value out where it is used");
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check(mark, anchor);
    if (expects_key()) fail(mark, "a key is empty or null; expected text");
    place(mark, nullptr);
    close_value();
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    check(mark, anchor);
    if (tag != "?") {
      texts_.emplace_back(position_of(mark).line, kNoLine);
      text_open_ = true;
      last_text_ = mark;
    }
    if (expects_key()) return take_key(mark, text);
    place(mark, value_of(mark, text, tag));
    close_value();
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Json::array(), "seq");
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Json::object(), "map");
  }
  void OnSequenceEnd() override { close_container(); }
  void OnMapEnd() override { close_container(); }

 private:
  // A container being filled. `pointer` is its own; `key` the one whose value comes next.
  struct Open {
    Json* value;
    std::string pointer;
    std::optional<std::string> key;
    Position key_position;
  };
  static constexpr int kNoLine = 1 << 30;
  // A pointer repeats all keys above it, so a small file could ask for gigabytes of them.
  static constexpr std::size_t kPointerBytes = std::size_t{32} << 20;

  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& message,
                         const std::string& next_step = {}, Code code = Code::invalid) {
    fail(position_of(mark), message, next_step, code);
  }

  // What every node is checked for, before anything is stored.
  void check(const YAML::Mark& mark, YAML::anchor_t anchor) {
    end_text(position_of(mark).line);
    if (anchor != YAML::NullAnchor) fail(mark, "an anchor is not supported");
    if (++nodes_ > kYamlNodes)
      fail(mark, fmt::format("more than {} keys and values", kYamlNodes), {}, Code::too_large);
  }

  [[nodiscard]] Json value_of(const YAML::Mark& mark, const std::string& text,
                              const std::string& tag) {
    try {
      return scalar_value(text, tag);
    } catch (const Error& error) {
      fail(mark, error.message());
    }
  }

  void end_text(int line) {
    if (text_open_) texts_.back().second = line;
    text_open_ = false;
  }

  [[nodiscard]] bool expects_key() const {
    return !open_.empty() && open_.back().value->is_object() && !open_.back().key;
  }

  void take_key(const YAML::Mark& mark, const std::string& text) {
    Open& map = open_.back();
    if (text.find('\0') != std::string::npos) fail(mark, "a key holds a NUL");
    const std::string pointer = child_pointer(map.pointer, text);
    if (map.value->contains(text))
      fail(mark, fmt::format("key \"{}\" stands twice, first at {}", text,
                             text_of(file_, places_.at(pointer).key)));
    map.key = text;
    map.key_position = position_of(mark);
  }

  Json* place(const YAML::Mark& mark, Json value) {
    const Position at = position_of(mark);
    std::string pointer = next_pointer();
    pointer_bytes_ += pointer.size();
    if (pointer_bytes_ > kPointerBytes)
      fail(mark, "keys are too long for this much nesting", {}, Code::too_large);
    const bool keyed = !open_.empty() && open_.back().key;
    places_[std::move(pointer)] = {keyed ? open_.back().key_position : at, at};
    if (open_.empty()) return &(root_ = std::move(value));
    Json& parent = *open_.back().value;
    if (parent.is_array()) return &parent.emplace_back(std::move(value));
    return &(parent[*open_.back().key] = std::move(value));
  }

  // Where the next value goes.
  [[nodiscard]] std::string next_pointer() const {
    if (open_.empty()) return {};
    const Open& parent = open_.back();
    return parent.key ? child_pointer(parent.pointer, *parent.key)
                      : child_pointer(parent.pointer, parent.value->size());
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Json container,
            std::string_view kind) {
    check(mark, anchor);
    // yaml-cpp reports a bracket that is never closed like this too.
    if (expects_key())
      fail(mark, "a key is a list or a map, or a bracket is never closed; expected a key of text");
    if (tag != "?" && tag != "!" && tag != std::string(kCoreTag) + std::string(kind))
      fail(mark, "tag " + tag + " is not supported here; expected none");
    if (static_cast<int>(open_.size()) >= kYamlDepth)
      fail(mark, fmt::format("nested more than {} levels deep", kYamlDepth), {}, Code::too_large);
    std::string pointer = next_pointer();
    Json* value = place(mark, std::move(container));
    open_.push_back({value, std::move(pointer), std::nullopt, {}});
  }

  void close_container() {
    open_.pop_back();
    close_value();
  }
  void close_value() {
    if (!open_.empty()) open_.back().key.reset();
  }

  const std::string& file_;
  Json root_;
  std::map<std::string, Document::Place> places_;
  std::vector<Open> open_;
  std::vector<std::pair<int, int>> texts_;  // lines of each quoted or block text, both outside
  bool text_open_ = false;
  std::optional<YAML::Mark> last_text_;
  int failed_line_ = kNoLine;
  std::size_t pointer_bytes_ = 0;
  int nodes_ = 0;
  int documents_ = 0;
};

// A stream over text that somebody else owns.
class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // the get area is never written
    setg(begin, begin, begin + text.size());
  }
};

void parse(std::string_view text, Builder& builder) {
  ViewBuffer buffer(text);
  std::istream stream(&buffer);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    const std::size_t byte_order_mark = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    if (const auto last = builder.last_text())
      if (is_unclosed_quote(text, static_cast<std::size_t>(last->pos) + byte_order_mark))
        builder.fail(position_of(*last), "a quotation mark is never closed");
  } catch (const YAML::Exception& error) {
    builder.fail(position_of(error.mark), "not YAML: " + error.msg);
  }
}

}  // namespace

Document parse_yaml(std::string_view text, std::string file) {
  if (text.size() > kYamlBytes)
    throw Error(Code::too_large, fmt::format("{} is larger than {} bytes", file, kYamlBytes));
  if (const auto bad = find_bad_bytes(text)) refuse(file, bad->position, bad->message);
  // Before the first event yaml-cpp reads all brackets that stand open, at 240 bytes each.
  const auto brackets =
      std::count_if(text.begin(), text.end(), [](char c) { return c == '[' || c == '{'; });
  if (brackets > kYamlNodes)
    throw Error(Code::too_large, fmt::format("{}: more than {} brackets", file, kYamlNodes));
  Builder builder(file);
  std::optional<Error> failure;
  try {
    parse(text, builder);
  } catch (const Error& error) {
    failure = error;
  }
  // A tab is looked for after a failure too: it is usually the cause, and yaml-cpp doesn't say so.
  for (const Position tab : tabbed_lines(text))
    if (tab.line <= builder.failed_line() && !builder.in_text(tab.line))
      refuse(file, tab, "a tab in the indentation; YAML takes only spaces there",
             "replace the tab by spaces");
  if (failure) throw Error(*failure);
  return {std::move(file), builder.take_value(), builder.take_places()};
}

Document load_yaml(const std::filesystem::path& path) {
  return parse_yaml(read_file(path, kYamlBytes), path.string());
}

Document::Document(std::string file, Json value, std::map<std::string, Place> places)
    : file_(std::move(file)), value_(std::move(value)), places_(std::move(places)) {}

const Document::Place& Document::place(std::string_view pointer) const {
  static const Place kStart{};
  for (;;) {
    if (const auto found = places_.find(std::string(pointer)); found != places_.end())
      return found->second;
    const std::size_t slash = pointer.rfind('/');
    if (slash == std::string_view::npos) return kStart;
    pointer = pointer.substr(0, slash);
  }
}

bool Document::has(std::string_view pointer) const {
  return places_.contains(std::string(pointer));
}

std::string Document::position(std::string_view pointer) const {
  return text_of(file_, place(pointer).value);
}

std::string Document::key_position(std::string_view pointer) const {
  return text_of(file_, place(pointer).key);
}

std::string child_pointer(std::string_view pointer, std::string_view key) {
  std::string result(pointer);
  result += '/';
  for (const char c : key) {
    if (c == '~')
      result += "~0";
    else if (c == '/')
      result += "~1";
    else
      result += c;
  }
  return result;
}

std::string child_pointer(std::string_view pointer, std::size_t index) {
  return std::string(pointer) + '/' + std::to_string(index);
}

std::string dotted_path(std::string_view pointer) {
  std::string text;
  for (std::size_t i = 1; i < pointer.size(); ++i) {
    if (pointer[i] == '/')
      text += '.';
    else if (pointer.substr(i, 2) == "~1")
      text += '/', ++i;
    else if (pointer.substr(i, 2) == "~0")
      text += '~', ++i;
    else
      text += pointer[i];
  }
  return text.empty() ? "the file" : text;
}

}  // namespace host
