// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "workspaces/git_name.hpp"

namespace host::workspaces {

// One path that differs between two trees.
struct TreeChange {
  std::string mode;  // as git prints it: "100644"; "000000" for what is gone
  ObjectId id;       // all zeros for what is gone
  char status = 0;   // A added, M changed, T of another kind, D gone
  std::string path;  // raw bytes
};

// Reads what `git diff-tree -r -z --raw --no-abbrev` prints, in pieces of any size.
class TreeChanges {
 public:
  // Takes the next piece and calls `each(TreeChange)` for each change that is whole; it returns
  // false to end. False: it did. Throws Error{corrupt} for what git does not print.
  template <class Each>
  bool take(std::string_view piece, const Each& each) {
    kept_.append(piece);
    std::size_t at = 0;
    for (std::size_t end; (end = whole_change(at)) != 0; at = end)
      if (!each(change_in(std::string_view(kept_).substr(at, end - at)))) return false;
    kept_.erase(0, at);
    check_size();
    return true;
  }
  // Whether nothing is left over.
  [[nodiscard]] bool ended() const { return kept_.empty(); }

 private:
  // Where the change that begins at `at` ends; 0: not all of it is there.
  [[nodiscard]] std::size_t whole_change(std::size_t at) const;
  [[nodiscard]] static TreeChange change_in(std::string_view text);
  void check_size() const;

  std::string kept_;
};

}  // namespace host::workspaces
