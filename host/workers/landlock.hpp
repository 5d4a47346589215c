// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/file.hpp"

namespace host {

// Whether a path may pass through symbolic links. What the operator granted may not: a plugin that
// writes to a folder on the way could turn it to anywhere.
enum class Links { followed, refused };

// Whether TCP is denied, too. Abstract sockets and signals to those outside are, either way.
enum class Tcp { denied, allowed };

// An allow-list of files for this thread and those that it starts, by Landlock's system calls
// (kernel documentation userspace-api/landlock; there is no library in Debian 12). Rules stand on
// opened objects: renaming a path afterwards changes nothing.
class LandlockRules {
 public:
  // The kernel's Landlock version, 1 or more; 0: it has none, or it is off.
  [[nodiscard]] static int kernel_abi();

  // An empty list for that version: everything that it can deny is denied. Throws.
  explicit LandlockRules(int abi, Tcp tcp = Tcp::denied);

  // Each adds a file, or a folder with all below it. Throws Error{not_found} and the like when the
  // path can't be opened, {not_granted} for a link that is refused.
  void allow_read(const std::filesystem::path& path, Links links = Links::followed);
  // To read, change, create and remove.
  void allow_write(const std::filesystem::path& path, Links links = Links::followed);
  void allow_device(const std::filesystem::path& path);  // read and write a device, not its folder
  // For whole programs: to read and run; to do anything there but make devices; to use the
  // terminals in a folder.
  void allow_run(const std::filesystem::path& path, Links links = Links::followed);
  void allow_work(const std::filesystem::path& path, Links links = Links::followed);
  void allow_terminals(const std::filesystem::path& folder);

  // Puts the list in force. Needs no_new_privs. Throws.
  void enforce();

 private:
  void allow(const std::filesystem::path& path, std::uint64_t access, Links links);

  int abi_;
  Fd ruleset_;
};

}  // namespace host
