// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <timmy/plugin.hpp>
#include <utility>

#include "memory.hpp"
#include "reviewing.hpp"
#include "speaker.hpp"

namespace triage {

// One look at a pull request, and what has been done since.
struct PullLook {
  timmy::Time taken{};
  PullFacts facts;
  std::optional<timmy::CommitStatus> status;  // our own, of the head
  bool merged = false;                        // by us
  bool said = false;                          // in our comment
};

// Whether a pull request is still what it was, as far as it says itself: its head and base, its
// text and labels, and when it was updated.
[[nodiscard]] bool is_as_it_was(const timmy::PullRequest& then, const timmy::PullRequest& now);

// Takes looks for one run. Who may do what is asked once in it; what the policy finds in files and
// commits, once for a head and a base.
class PullWatch {
 public:
  PullWatch(timmy::Context& ctx, const Reviewing& reviewing, std::function<timmy::Time()> now)
      : ctx_(ctx), reviewing_(reviewing), now_(std::move(now)), speaker_(ctx) {}

  // `taken`: when the forge said that it is so. The look may be of a later state of it. Throws
  // Retryable "slow" where it changes so fast that none can be taken.
  [[nodiscard]] PullLook look(const std::string& repo, timmy::PullRequest pull, timmy::Time taken,
                              Memory& memory);
  // Our login, asked once.
  [[nodiscard]] const std::string& me() { return speaker_.me(); }

 private:
  [[nodiscard]] bool is_settled(const timmy::PullRequest& pull, Memory& memory) const;
  // What the policy finds in the files and commits of the look's pull request.
  [[nodiscard]] timmy::Json found_in(const std::string& repo, PullLook& look, Memory& memory) const;
  [[nodiscard]] timmy::Json search(const std::string& repo, std::int64_t number) const;
  [[nodiscard]] const std::string& permission(const std::string& repo, const std::string& login);

  timmy::Context& ctx_;
  const Reviewing& reviewing_;
  std::function<timmy::Time()> now_;
  std::map<std::pair<std::string, std::string>, std::string> permissions_;
  Speaker speaker_;
};

}  // namespace triage
