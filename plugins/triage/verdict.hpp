// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <timmy/services.hpp>
#include <vector>

#include "names.hpp"
#include "policy.hpp"

namespace triage {

// What a pull request has to have, from the config's `reviews`.
struct ReviewTerms {
  int approvals = 1;
  std::string approver = "write";  // the least that who approves may do: write, admin or owner
  Names required_checks;           // contexts that must be there and have passed
  Names ignored_checks;            // globs of contexts that may fail
  bool without_checks = false;     // whether a head that has no status at all is green
  Names hold_labels;               // keep it from being ready
  Names not_people;                // logins, with *: an approval of theirs counts for nothing

  explicit ReviewTerms(const timmy::Json& config);
};

// A pull request as one look at the forge showed it.
struct PullFacts {
  timmy::PullRequest pull;
  // Whether `mergeable` is an answer: false also stands for a forge that has not looked yet.
  bool settled = true;
  std::vector<timmy::Review> reviews;       // oldest first
  std::vector<timmy::CommitStatus> checks;  // of the head; not our own
  // By login, of those who have reviewed: what they may do; "" where the forge won't say.
  std::map<std::string, std::string> permissions;
  std::vector<Hit> hits;
  std::string me;  // our own login
};

// One thing that it has to have.
struct Point {
  bool met = false;
  std::string text;
};

struct Verdict {
  enum class Is {
    unsettled,  // the forge does not know yet: say nothing
    waiting,    // something is missing
    rejected,   // by the policy, whatever else it has
    ready,
  };
  Is is = Is::unsettled;
  std::vector<Point> points;  // none of a rejection
  std::string reason;         // of a rejection
};

// A function of its arguments alone.
[[nodiscard]] Verdict judge(const PullFacts& facts, const ReviewTerms& terms);

// Whose right to approve the verdict hangs on: people, neither its author nor ourselves.
[[nodiscard]] Names reviewers_in(const PullFacts& facts);

// Whether a rejection of ours still stands, for whatever reason, or was dismissed at this very
// head: then none is to be written.
[[nodiscard]] bool was_rejected(const PullFacts& facts);

// What became of what is ready.
struct Merging {
  bool done = false;                         // by us
  std::string refusal{};                     // the forge's; empty: it was not asked
  std::optional<timmy::Time> waits_until{};  // for checks that may come yet
};

// The verdict for people.
[[nodiscard]] std::string report(const Verdict& verdict, const timmy::PullRequest& pull,
                                 const Merging& merging);

}  // namespace triage
