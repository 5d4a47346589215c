// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"
#include "config/host_config.hpp"
#include "config/json_schema.hpp"
#include "dispatch/template.hpp"

namespace host::dispatch {

// Collects what is wrong with one file, each with its place. The document outlives it.
class PlaybookProblems {
 public:
  explicit PlaybookProblems(const Document& document) : document_(document) {}

  // `message` goes on after the value's dotted path: "limits.wall is longer than 24h".
  void add(const std::string& pointer, const std::string& message, bool at_key = false);
  void add(const std::vector<Violation>& violations);
  // Of a template that is the value at `pointer`. `text` is the whole file's: each fault is placed
  // at its "{{" there.
  void add(const std::string& pointer, std::string_view text, std::string_view value,
           const std::vector<TemplateFault>& faults);

  [[nodiscard]] bool empty() const noexcept { return found_.empty(); }
  [[nodiscard]] std::size_t count() const noexcept { return found_.size(); }
  // In the order of the file.
  [[nodiscard]] std::vector<Problem> sorted() const;

 private:
  struct Found {
    Position at;
    Problem problem;
  };
  void add_at(Position at, const std::string& pointer, const std::string& message);

  const Document& document_;
  std::vector<Found> found_;
};

// A file that could not be read or parsed, as its one problem.
[[nodiscard]] Problem unread_problem(const Error& error, const std::string& file);

}  // namespace host::dispatch
