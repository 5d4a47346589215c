// SPDX-License-Identifier: Apache-2.0
//
// What a piece of work is, as the mirror has it: its commits, what they change together, and every
// line that any of them adds. No attribute, setting or program of the agent's takes part, and every
// file counts as text.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "workspaces/git_name.hpp"
#include "workspaces/mirror.hpp"

namespace host::dispatch {

struct WorkCommit {
  workspaces::ObjectId id;
  std::string author;   // "Name <address>", as it came
  std::string message;  // as it came
};

struct FileLines {
  std::string path;  // raw bytes
  std::int64_t added = 0;
  std::int64_t removed = 0;
  bool gone = false;  // it is not there any more
};

struct WorkFacts {
  std::vector<WorkCommit> commits;  // oldest first
  std::vector<FileLines> files;     // that head has otherwise than base
  std::set<std::string> touched;    // by any commit, also where a later one undid it
};

// REQUIRES: head was imported onto base. Throws Error{too_large}, {corrupt}, and as git_error().
[[nodiscard]] WorkFacts read_work(const workspaces::Mirror& mirror,
                                  const workspaces::ObjectId& base,
                                  const workspaces::ObjectId& head);

// A line that a commit adds to a file, against one of its parents.
struct AddedLine {
  std::string_view commit;  // its id
  std::string_view path;    // printable, as git quotes it
  std::int64_t number = 0;  // of the line, from 1
  std::string_view text;    // as it came, without the line feed
};

// Reads what `git log -p --no-prefix --format=commit %H` and `git diff-tree -p` print, in pieces of
// any size.
class AddedLines {
 public:
  using Each = std::function<void(const AddedLine&)>;
  // Of one file's part of a patch.
  struct Count {
    std::int64_t added = 0;
    std::int64_t removed = 0;
  };
  explicit AddedLines(Each each) : each_(std::move(each)) {}

  // Throws Error{corrupt} for what git does not print.
  void take(std::string_view piece);
  // The last line, where it has no line feed.
  void end();
  // How many lines each part had, in their order.
  [[nodiscard]] const std::vector<Count>& counts() const { return counts_; }

 private:
  void line(std::string_view text);
  void header(std::string_view text);
  [[nodiscard]] Count& count();

  Each each_;
  std::vector<Count> counts_;
  std::string kept_;
  std::string commit_;
  std::string path_;
  std::int64_t number_ = 0;
  std::int64_t left_to_add_ = 0;  // of the hunk
  std::int64_t left_to_remove_ = 0;
};

inline constexpr std::uint64_t kMostPatch = std::uint64_t{128} << 20;

// Calls `each` for every line that the commits from base to head add. False: there is more than
// kMostPatch, and not all was seen.
[[nodiscard]] bool for_each_added(const workspaces::Mirror& mirror,
                                  const workspaces::ObjectId& base,
                                  const workspaces::ObjectId& head, const AddedLines::Each& each);

}  // namespace host::dispatch
