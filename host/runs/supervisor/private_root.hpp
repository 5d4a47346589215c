// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "runs/run.hpp"

namespace host::runs::supervisor {

// A file system of a run's own, in a mount namespace of its own: what it may read, read-only, where
// it lies outside, too; what it may change; its own /proc, /dev and /tmp; and nothing else. What is
// not in it has no name there: no file, and no socket.
//
// Every source is opened before the first mount, and every way to a mount is walked without
// following links, which an earlier run in the same folders may have left.
class PrivateRoot {
 public:
  // Opens what it is made of. A writable folder that can't be opened, or that a link leads to, is
  // an Error; of what is to be read, one that is not there becomes a note.
  PrivateRoot(const RunSpec& spec, bool own_pids, std::vector<std::string>& notes);

  // Goes there for good: this process's root and working directory. Throws when the kernel refuses
  // it; what was mounted until then goes with the namespace.
  void enter();

 private:
  struct Part {
    std::filesystem::path path;
    Fd tree;  // detached
    bool folder = true;
  };
  void add_system();
  void add_readable(const RunSpec& spec, std::vector<std::string>& notes);
  void add_writable(const RunSpec& spec);
  void mount_parts(int root) const;
  void mount_devices(int root) const;
  void mount_proc(int root) const;

  std::filesystem::path over_;  // where the new root is put first
  bool own_pids_;
  std::vector<Part> parts_;
  std::vector<std::pair<std::filesystem::path, std::string>> links_;
  std::vector<std::string>* notes_;
};

}  // namespace host::runs::supervisor
