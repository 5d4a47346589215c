// SPDX-License-Identifier: Apache-2.0
#include "dispatch/playbook_problems.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace host::dispatch {
namespace {

constexpr std::string_view kOpening = "{{";

std::size_t offset_of(std::string_view text, Position at) {
  std::size_t offset = 0;
  for (int line = 1; line < at.line && offset < text.size(); ++line)
    offset = std::min(text.find('\n', offset), text.size() - 1) + 1;
  return std::min(offset + static_cast<std::size_t>(at.column - 1), text.size());
}

Position position_of(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, offset);
  const auto line = before.rfind('\n');
  const auto column = line == before.npos ? offset : offset - line - 1;
  return {static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<int>(column) + 1};
}

// Where the `nth` "{{" at or after `from` stands, counted without overlaps; npos without one.
std::size_t nth_opening(std::string_view text, std::size_t from, std::size_t nth) {
  for (auto found = text.find(kOpening, from); found != text.npos;
       found = text.find(kOpening, found + kOpening.size()))
    if (nth-- == 0) return found;
  return text.npos;
}

// How many stand in front of the one at `offset`.
std::size_t openings_before(std::string_view text, std::size_t offset) {
  std::size_t count = 0;
  for (auto found = text.find(kOpening); found < offset;
       found = text.find(kOpening, found + kOpening.size()))
    ++count;
  return count;
}

}  // namespace

void PlaybookProblems::add_at(Position at, const std::string& pointer, const std::string& message) {
  found_.push_back({at,
                    {fmt::format("{}:{}:{}", document_.file(), at.line, at.column), pointer,
                     dotted_path(pointer) + " " + message}});
}

void PlaybookProblems::add(const std::string& pointer, const std::string& message, bool at_key) {
  const auto& place = document_.place(pointer);
  add_at(at_key ? place.key : place.value, pointer, message);
}

void PlaybookProblems::add(const std::vector<Violation>& violations) {
  for (const auto& violation : violations)
    add(violation.pointer, to_text(violation), violation.at_key);
}

void PlaybookProblems::add(const std::string& pointer, std::string_view text,
                           std::string_view value, const std::vector<TemplateFault>& faults) {
  const auto begin = document_.place(pointer).value;
  for (const auto& fault : faults) {
    // However the text is quoted or indented in YAML, its braces stand there as they are.
    const auto found =
        nth_opening(text, offset_of(text, begin), openings_before(value, fault.offset));
    add_at(found == text.npos ? begin : position_of(text, found), pointer, fault.message);
  }
}

std::vector<Problem> PlaybookProblems::sorted() const {
  auto ordered = found_;
  std::stable_sort(ordered.begin(), ordered.end(), [](const Found& a, const Found& b) {
    return std::pair(a.at.line, a.at.column) < std::pair(b.at.line, b.at.column);
  });
  std::vector<Problem> problems;
  for (auto& each : ordered) problems.push_back(std::move(each.problem));
  return problems;
}

Problem unread_problem(const Error& error, const std::string& file) {
  const std::string& text = error.message();
  const auto after = text.find(": ", file.size());
  const bool placed = text.starts_with(file + ":") && after != std::string::npos;
  const auto fix = error.next_step().empty() ? "" : "; " + error.next_step();
  return {placed ? text.substr(0, after) : file, "",
          (placed ? text.substr(after + 2) : text) + fix};
}

}  // namespace host::dispatch
