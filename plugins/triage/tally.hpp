// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <timmy/plugin.hpp>
#include <vector>

#include "applier.hpp"

namespace triage {

// How a part of a round ended. astray: wrong in a way that may pass.
enum class Went { well, wrong, astray };

// What a round of gitea_issue_triage has come to: what was done, what failed, what is left.
class Tally {
 public:
  explicit Tally(timmy::Context& ctx) : ctx_(ctx) {}

  // Does it, and notes under this name what of it fails. A pause that the forge asks for is for all
  // of it: that is thrown.
  Went isolated(const std::string& what, const std::function<void()>& work);
  // What became of one issue.
  void add(const std::string& issue, const Looked& looked);

  // One that is archived is left out, which is no failure.
  void archived(const std::string& repo);
  void looked_at_repository() { ++repos_; }
  void read_issue() { ++read_; }
  void left_issue() { ++left_; }
  void left_repository() { ++repos_left_; }
  [[nodiscard]] int repos() const { return repos_; }
  [[nodiscard]] int repos_left() const { return repos_left_; }
  // Whether the next round has nothing to go on with.
  [[nodiscard]] bool left_nothing() const { return left_ == 0 && repos_left_ == 0 && !may_pass_; }

  // Throws "incomplete" with all of it where something failed: Retryable if any of it may pass; and
  // "held" where nothing was to be written. `held`: why; empty: it was.
  [[nodiscard]] timmy::Json result(const std::string& held) const;

 private:
  void failed(const std::string& what, const timmy::Failure& failure);
  [[nodiscard]] std::string summary(const std::string& held) const;

  timmy::Context& ctx_;
  int repos_ = 0, read_ = 0, changed_ = 0, labelled_ = 0, left_ = 0, failed_ = 0, repos_left_ = 0;
  bool may_pass_ = false;
  std::optional<timmy::Milliseconds> delay_;  // the longest that was asked for
  timmy::Json changes_ = timmy::Json::array();
  timmy::Json unsure_ = timmy::Json::array();  // labels that were left out: see Looked
  std::vector<std::string> failures_, archived_;
};

}  // namespace triage
