// SPDX-License-Identifier: Apache-2.0
//
// A YAML file as JSON, with the place of every value. The one door by which YAML comes in.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/json.hpp"

namespace host {

// What a YAML file may cost. A file beyond one of these is refused, not cut.
inline constexpr std::size_t kYamlBytes = std::size_t{1} << 20;
inline constexpr int kYamlDepth = 64;
inline constexpr int kYamlNodes = 100'000;

// A place in a file. Both count from 1; a column counts bytes, as compilers do.
struct Position {
  int line = 1;
  int column = 1;
};

// A loaded file. Copyable; no file stays open.
class Document {
 public:
  struct Place {
    Position key;    // where the key stands; the value's place inside a list
    Position value;  // where the value begins
  };

  Document() = default;
  // `places` by JSON pointer (RFC 6901); "" is the whole document.
  Document(std::string file, Json value, std::map<std::string, Place> places);

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] const Json& value() const { return value_; }

  // Whether the file itself has a value at this pointer.
  [[nodiscard]] bool has(std::string_view pointer) const;

  // "file:line:col" of the value at this pointer. A pointer that is not in the file (a missing key,
  // a value filled in later) gives the place of the nearest parent that is.
  [[nodiscard]] std::string position(std::string_view pointer) const;
  // The same for the key that holds the value.
  [[nodiscard]] std::string key_position(std::string_view pointer) const;
  // The same as numbers.
  [[nodiscard]] const Place& place(std::string_view pointer) const;

 private:
  std::string file_;
  Json value_;
  std::map<std::string, Place> places_;
};

// `pointer` with one more step, escaped as RFC 6901 says ("~" as "~0", "/" as "~1").
[[nodiscard]] std::string child_pointer(std::string_view pointer, std::string_view key);
[[nodiscard]] std::string child_pointer(std::string_view pointer, std::size_t index);
// "gitea.url" for "/gitea/url", as people write it; "the file" for "".
[[nodiscard]] std::string dotted_path(std::string_view pointer);

// Reads one YAML 1.2 document. Plain scalars are typed by the core schema (so `yes` and `on` are
// text, and `0o17` is 15); keys are text. Refused, each with file:line:col:
//   anchors, aliases, tags beyond the core ones, two documents, keys that are not text or stand
//   twice, tabs in indentation (block text may hold them), NUL and other control characters, text
//   that is not UTF-8, numbers that JSON can't hold, more than kYamlBytes, kYamlDepth or
//   kYamlNodes.
// An empty file is the value null.
// Throws Error{invalid} or Error{too_large}; load_yaml also what read_file throws. Thread-safe.
[[nodiscard]] Document load_yaml(const std::filesystem::path& path);
// `file` is the name for positions.
[[nodiscard]] Document parse_yaml(std::string_view text, std::string file);

}  // namespace host
