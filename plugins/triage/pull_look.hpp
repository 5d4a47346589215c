// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <timmy/plugin.hpp>
#include <utility>

#include "memory.hpp"
#include "reviews.hpp"

namespace triage {

// One look at a pull request, and what has been done since.
struct PullLook {
  timmy::Time taken{};
  PullFacts facts;
  std::optional<timmy::CommitStatus> status;  // our own, of the head
  bool merged = false;                        // by us
  bool said = false;                          // in our comment
};

// Takes looks for one run. Who may do what is asked once in it; what the policy finds in files and
// commits, once for a head.
class PullWatch {
 public:
  PullWatch(timmy::Context& ctx, const Reviewing& reviewing, std::function<timmy::Time()> now)
      : ctx_(ctx), reviewing_(reviewing), now_(std::move(now)) {}

  // `taken`: when the forge said that it is so.
  [[nodiscard]] PullLook look(const std::string& repo, timmy::PullRequest pull, timmy::Time taken,
                              Memory& memory);

 private:
  [[nodiscard]] bool is_settled(const timmy::PullRequest& pull, Memory& memory) const;
  [[nodiscard]] std::vector<Hit> hits_in(const std::string& repo, const timmy::PullRequest& pull,
                                         Memory& memory) const;
  [[nodiscard]] const std::string& permission(const std::string& repo, const std::string& login);
  [[nodiscard]] const std::string& me();

  timmy::Context& ctx_;
  const Reviewing& reviewing_;
  std::function<timmy::Time()> now_;
  std::map<std::pair<std::string, std::string>, std::string> permissions_;
  std::string me_;
};

}  // namespace triage
