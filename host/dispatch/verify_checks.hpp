// SPDX-License-Identifier: Apache-2.0
//
// The checks that need no program: functions of what the mirror has. Private to verify.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dispatch/verify.hpp"
#include "dispatch/verify_facts.hpp"

namespace host::dispatch {

// A list of findings as evidence, within its bound: "... and 12 more".
class Findings {
 public:
  void add(std::string line);
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::string text() const;

 private:
  std::string lines_;
  std::size_t shown_ = 0;
  std::size_t count_ = 0;
};

// "passed" with `good`, or "failed" with `bad` and what was found.
[[nodiscard]] Check check_of(std::string name, const Findings& findings, std::string good,
                             std::string bad);

// It changes something, and not more than the playbook allows.
[[nodiscard]] Check check_size(const WorkFacts& work, const DiffRules& rules);
// No path that is denied, none but the lane's. `allowed` empty: all.
[[nodiscard]] Check check_paths(const WorkFacts& work, const DiffRules& rules,
                                const std::vector<std::string>& allowed);
// What the commits' messages may not hold: trailers and markers of the host's, bytes that are no
// text, the order to close any issue but this one.
[[nodiscard]] Check check_messages(const WorkFacts& work, const std::string& repository,
                                   std::int64_t number);
[[nodiscard]] Check check_models(const std::vector<std::string>& banned);

// Looks through lines as they come, for all that a line may not hold, and for what a reviewer
// should see.
class LineChecks {
 public:
  LineChecks(const GateSettings& gates, const Redactor* redactor)
      : gates_(&gates), redactor_(redactor) {}

  void look(const AddedLine& line);
  void look_at_messages(const WorkFacts& work);
  void look_at_paths(const WorkFacts& work);
  // `whole`: every line was seen.
  [[nodiscard]] std::vector<Check> checks(bool whole) const;
  [[nodiscard]] const Findings& skips() const { return skips_; }

 private:
  void look_at(const std::string& where, std::string_view text);

  const GateSettings* gates_;
  const Redactor* redactor_;
  Findings secrets_;
  Findings banned_;
  Findings skips_;
};

// Lines for whoever reviews the work: tests that it changes, takes away or leaves out, commits that
// name somebody else. No check fails by them.
[[nodiscard]] std::vector<std::string> review_notes(const WorkFacts& work, const Findings& skips,
                                                    std::string_view author);

}  // namespace host::dispatch
