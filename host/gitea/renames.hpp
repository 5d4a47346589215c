// SPDX-License-Identifier: Apache-2.0
//
// Which repositories are asked for by a name that they no longer have. The forge sends such a call
// on to the new name, and names only that one in its events. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "gitea/types.hpp"

namespace host {

class Renames {
 public:
  // A call was sent on. True: that is news. Somebody may take the old name for another repository
  // later, which nothing tells: a rename that was not seen for a day counts no longer.
  bool note(const RepoName& from, const RepoName& to, MonotonicTime now);

  // By which the repository was asked for.
  [[nodiscard]] std::vector<std::string> old_names(std::string_view repo, MonotonicTime now) const;

  // "org/app is now org/web".
  [[nodiscard]] std::vector<std::string> lines(MonotonicTime now) const;

 private:
  struct Rename {
    std::string to;
    MonotonicTime seen{};
  };
  [[nodiscard]] static bool counts(const Rename& rename, MonotonicTime now);

  std::map<std::string, Rename> by_old_name_;
};

}  // namespace host
