// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "workspaces/import.hpp"

namespace host::workspaces {

struct NewObject {
  std::string type;  // "commit", "tree", "blob", "tag"
  std::uint64_t bytes = 0;
  // It did not come: it is the mirror's, and completes a pack whose objects were made against it.
  bool completes = false;
};
using NewObjects = std::map<std::string, NewObject>;  // by name

// A folder for objects that nobody vouches for yet. It sees the mirror's objects; the mirror does
// not see it. Removed with all in it when this goes.
class Quarantine {
 public:
  // `held`: the mirror's lock, which git keeps while it works here.
  Quarantine(const Mirror& mirror, int held, Duration limit);
  ~Quarantine();
  Quarantine(const Quarantine&) = delete;
  Quarantine& operator=(const Quarantine&) = delete;

  // Unpacks what `pack` holds from where it stands, checking each object (index-pack --strict) and
  // completing the pack with what it was made against. Throws Error{corrupt}, {too_large}.
  void take(int pack, std::uint64_t most_bytes) const;

  // All that was taken, and what completes it. `came`: how many the pack said that it holds. Throws
  // Error{too_large} past the limits.
  [[nodiscard]] NewObjects objects(const ImportLimits& limits, std::uint32_t came) const;

  // What these are, whether they came or the mirror has them. Throws Error{corrupt} for one that is
  // nowhere.
  [[nodiscard]] NewObjects look_up(const std::vector<ObjectId>& ids) const;
  // The content of these, by name; each of that type and of that many bytes at most. Throws
  // Error{corrupt} for one that is not.
  [[nodiscard]] std::map<std::string, std::string> contents(const std::vector<ObjectId>& ids,
                                                            std::string_view type,
                                                            std::size_t most_bytes) const;

  // A command that sees the quarantine and the mirror.
  [[nodiscard]] GitCommand command(std::vector<std::string> arguments) const;
  // As Git::run() and Git::must(). But what ails git here is the work: when it dies, that is
  // Error{corrupt}, and when it takes too long {too_large}. The same bytes would do it again.
  [[nodiscard]] GitEnding run(const GitCommand& command) const;
  std::string must(const GitCommand& command, std::string_view doing) const;
  [[nodiscard]] const Mirror& mirror() const { return *mirror_; }

 private:
  [[nodiscard]] std::string pack_index() const;

  const Mirror* mirror_;
  int held_;
  Duration limit_;
  std::filesystem::path folder_;
};

}  // namespace host::workspaces
