// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "authoring/trial.hpp"
#include "config/host_config.hpp"
#include "config/paths.hpp"

namespace host {

// All that trials need, made in one line: a loop, folders that go with it, and a stage. The forge
// is one in memory with a repository org/app, its labels "bug" and "question" and two open issues.
class Workshop {
 public:
  enum class Network {
    none,    // http/1 finds nobody there
    outage,  // nor does gitea/1
    real,    // http/1 reaches what is granted
  };
  explicit Workshop(Network network);
  // With a host's Gitea, its credentials and its paths instead. `host` outlives the workshop.
  // Throws Error{usage} when its URL of Gitea can't be used.
  Workshop(const LoadedConfig& host, const Paths& paths);
  ~Workshop();

  [[nodiscard]] TrialGround ground();
  [[nodiscard]] Stage& stage();
  // What $TIMMY_HOME and its like stand for.
  [[nodiscard]] const Paths& paths() const;
  [[nodiscard]] const std::filesystem::path& scratch() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace host
