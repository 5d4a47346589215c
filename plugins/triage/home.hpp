// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <timmy/services.hpp>

namespace triage {

// Under which word the state of a repository is kept: the number by which the forge knows it, since
// it may get another name, and another repository its name.
class Homes {
 public:
  Homes(timmy::Gitea gitea, timmy::State state) : gitea_(gitea), state_(state) {}

  // As it is remembered of this name; empty: it is not. Throws as the services do, like the others.
  [[nodiscard]] std::string remembered(const std::string& repo) const;
  // The same, or else as the forge says when asked.
  [[nodiscard]] std::string known(const std::string& repo) const;
  // As the forge says now, and remembers it. `id`: as it has just told; 0: asks it.
  [[nodiscard]] std::string now(const std::string& repo, std::int64_t id) const;

 private:
  timmy::Gitea gitea_;
  timmy::State state_;
};

}  // namespace triage
