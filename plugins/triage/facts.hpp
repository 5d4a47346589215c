// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <timmy/services.hpp>

#include "round_robin.hpp"
#include "snapshot.hpp"

namespace triage {

// Finds facts for one run; a team is asked for once in it, however many issues hang on it.
class FactFinder {
 public:
  FactFinder(timmy::Gitea gitea, timmy::State state) : gitea_(gitea), turns_(state) {}

  // A fact that can't be had is in the answer as trouble. Throws what may pass, but for a team's,
  // on which many issues hang.
  [[nodiscard]] Facts find(const Needs& needs, const Snapshot& issue);

  // The labels that issues of the repository can carry; nullptr: that can't be had. Asked for once.
  // Throws what may pass.
  [[nodiscard]] const timmy::LabelNames* labels(const std::string& repo);

  // Adds which of these labels, and of those that the repository has, exclude others, or may.
  void add_exclusive(const std::string& repo, const Names& labels, Facts& facts);

  // Moves the cursor of a rule's round robin; durable when it returns.
  void set_turn(const std::string& rule, const Turn& turn);
  [[nodiscard]] const Turn& turn(const std::string& rule);

 private:
  [[nodiscard]] const Facts::Team& team(const std::string& full_name);

  timmy::Gitea gitea_;
  Turns turns_;
  std::map<std::string, Facts::Team> teams_;
  std::map<std::string, Turn> cursors_;
  std::map<std::string, std::optional<timmy::LabelNames>> labels_;  // by repository
};

}  // namespace triage
