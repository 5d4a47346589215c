// SPDX-License-Identifier: Apache-2.0
//
// What stands between a plugin's code and the machine. A worker enters it before it loads the
// plugin, as its only thread, and can't leave. It limits mistakes and casual malice of code that
// runs as the host's own user; it is not a virtual machine.
//
// Layers, in the order in which they are put on:
//   environment   five variables, none of the host's
//   descriptors   none but those named
//   capabilities  none left, also when the host runs as root
//   no_new_privs  no set-user-ID program gives any back
//   limits        core, open files, size of a file, stack; `memory`: RLIMIT_DATA
//   landlock      files: an allow-list. A plugin sees the libraries' folders, time zones, what is
//                 granted and its scratch; it writes to the last two
//   seccomp       no exec, no new process, no socket, no ptrace, no signal to another process, and
//                 what Landlock of Debian 12's kernel does not cover: truncate, chmod, chown, xattr
// What is denied answers with an error; nothing kills.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "plugins/grantable.hpp"
#include "plugins/manifest.hpp"
#include "workers/syscall_filter.hpp"

namespace host {

// What one worker may touch. Compared by value.
struct CageSpec {
  std::vector<std::filesystem::path> readable;  // granted: files, or folders with all below
  std::vector<std::filesystem::path> writable;  // likewise, to read and to change
  std::filesystem::path scratch;                // the worker's own folder; working directory
  Forbidden forbidden;                          // checked against the two lists above
  Limits limits;
  bool operator==(const CageSpec&) const = default;
};

// What is in force. Sent by a worker when it is ready, and shown by --doctor.
struct CageReport {
  struct Layer {
    std::string name;
    bool in_force = false;
    std::string detail;  // "ABI 2"; or why it is not in force
    bool operator==(const Layer&) const = default;
  };
  std::vector<Layer> layers;
  std::vector<std::string> notes;  // granted paths that could not be opened

  [[nodiscard]] bool in_force(std::string_view layer) const;
  // The layers that are not in force, as "landlock (why)", joined by "; ". Empty: all are.
  [[nodiscard]] std::string missing() const;

  [[nodiscard]] Json json() const;
  [[nodiscard]] static CageReport from(const Json& json);
};

// Puts this process into the cage for good. `keep` are the descriptors that stay open, besides 0
// to 2. `filter` is made beforehand, which takes as long as all the rest, or says why there is
// none. The only thread of the process. A layer that the kernel lacks is left out and reported.
// Throws Error{not_granted} when `spec` grants what check_grantable() refuses, Error{io} when the
// scratch folder can't be used.
[[nodiscard]] CageReport enter_cage(const CageSpec& spec, std::vector<int> keep,
                                    const Result<SyscallFilter>& filter);

}  // namespace host
