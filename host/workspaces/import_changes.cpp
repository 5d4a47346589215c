// SPDX-License-Identifier: Apache-2.0
#include "workspaces/import_changes.hpp"

#include <optional>

#include "base/error.hpp"

namespace host::workspaces {
namespace {

// ":100644 100644 <id> <id> M", without the byte behind it.
constexpr std::size_t kModeAt = 8;
constexpr std::size_t kIdAt = 15 + 41;
constexpr std::size_t kStatusAt = kIdAt + 41;
constexpr std::size_t kPathAt = kStatusAt + 2;
// A tree may hold longer paths; nobody needs them.
constexpr std::size_t kLongest = std::size_t{1} << 20;

}  // namespace

std::size_t TreeChanges::whole_change(std::size_t at) const {
  const auto header = kept_.find('\0', at);
  if (header == kept_.npos) return 0;
  const auto path = kept_.find('\0', header + 1);
  return path == kept_.npos ? 0 : path + 1;
}

TreeChange TreeChanges::change_in(std::string_view text) {
  const auto id = text.size() > kPathAt ? ObjectId::parse(text.substr(kIdAt, 40)) : std::nullopt;
  if (!id || text[0] != ':' || text[kPathAt - 1] != '\0')
    throw Error(Code::corrupt, "git diff-tree prints what it should not");
  auto path = text.substr(kPathAt);
  path.remove_suffix(1);
  return {std::string(text.substr(kModeAt, 6)), *id, text[kStatusAt], std::string(path)};
}

void TreeChanges::check_size() const {
  if (kept_.size() > kLongest)
    throw Error(Code::too_large, "a path of the work is longer than 1 MiB");
}

}  // namespace host::workspaces
