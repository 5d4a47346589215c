// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <timmy/services.hpp>

#include "snapshot.hpp"

namespace triage {

// Whose turn it is to get this issue: the one who stands in `logins`, which is not empty, after
// whom the last one went to. Asked again for the same issue, it is the same one.
[[nodiscard]] std::string whose_turn(const Names& logins, const Turn& last,
                                     const std::string& issue);

// The cursors of the round robins, durable by the rule's name.
class Turns {
 public:
  explicit Turns(timmy::State state) : state_(state) {}

  [[nodiscard]] Turn get(const std::string& rule) const;
  // Counts at once, before the issue's own record says so: whoever ends in between finds by
  // `turn.issue` that the choice was made.
  void set(const std::string& rule, const Turn& turn) const;

 private:
  timmy::State state_;
};

}  // namespace triage
