// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "workspaces/mirror.hpp"

namespace host::workspaces {

struct PushRequest {
  ObjectId head;       // imported: it is in the mirror
  std::string branch;  // at the forge
  // What the forge's branch must be before: nothing, it must not exist. Anything else there was put
  // by somebody else, and stays.
  std::optional<ObjectId> expected;
};

struct PushResult {
  enum class Kind {
    pushed,
    already_there,  // by an earlier try whose answer was lost
    moved,          // the branch is not what was expected: a person, or another host, works on it
    refused,        // the forge says no: a protected branch, a hook
  };
  Kind kind = Kind::pushed;
  std::string text;  // for moved and refused: what the forge says, one printable line
};

// Makes `request.head` the forge's branch, by one exact refspec and a lease. Nothing else is
// pushed, and nothing of a branch that was moved is lost. Blocks. Throws as git_error() says when
// there is no such answer: then it is not known whether the branch moved, and the same call tells.
[[nodiscard]] PushResult push(const Mirror& mirror, const GitRemote& remote,
                              const GitCredential* credential, const PushRequest& request);

}  // namespace host::workspaces
