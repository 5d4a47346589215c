// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

namespace host::deadman {

// Where a path leads, and whether somebody else could have chosen that. Those who may are root,
// this process's user and `owner`.
class Way {
 public:
  // What a person is advised: about a file of another user, and about one in a folder where
  // everybody may write.
  Way(std::optional<uid_t> owner, std::string about_owner, std::string about_sticky)
      : owner_(owner),
        about_owner_(std::move(about_owner)),
        about_sticky_(std::move(about_sticky)) {}

  // Why somebody else could have made or changed it; "" when not. `above`: it is a folder above
  // what counts, where root's sticky ones do no harm.
  [[nodiscard]] std::string fault(const std::filesystem::path& path, const struct stat& info,
                                  bool above) const;

  // Of the folder, whose path has no links, and all above it.
  [[nodiscard]] std::string folder_fault(const std::filesystem::path& folder) const;

  // Where the absolute `path` leads, its last component included. A link on the way counts only
  // where nobody else could have put it, or whoever may write there would choose. Throws
  // Error{denied} saying so; {not_found}, {invalid}, {io} where it leads nowhere.
  [[nodiscard]] std::filesystem::path follow(const std::filesystem::path& path) const;

 private:
  std::optional<uid_t> owner_;
  std::string about_owner_;
  std::string about_sticky_;
};

}  // namespace host::deadman
