// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace host::cli {

// Columns as wide as their widest cell, two spaces apart, no borders; a header in capitals. Control
// characters in cells are printed as '?', so that a job's text can't drive the terminal.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] bool empty() const { return rows_.size() == 1; }
  // Each line begins with `indent`.
  void print(std::ostream& out, const std::string& indent = {}) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// Text from a job, a plugin or a server, safe for a terminal: control characters (C0, DEL, C1, and
// those that turn the direction of writing, which would show another text than there is) become
// '?', as do bytes that are no UTF-8; line feeds stay only if `lines`.
[[nodiscard]] std::string printable(std::string text, bool lines = false);

}  // namespace host::cli
