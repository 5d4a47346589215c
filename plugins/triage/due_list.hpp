// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <timmy/job.hpp>
#include <vector>

namespace triage {

// Issues of one repository that are to be looked at, though nobody changes them, and when: since
// they become older than a rule says, or since something is left to do. Fits into one value of
// state/1.
class DueList {
 public:
  static constexpr std::size_t kMost = 2000;

  // Of what to_json() made; empty for anything else.
  [[nodiscard]] static DueList from(const timmy::Json& json);
  [[nodiscard]] timmy::Json to_json() const;

  void set(std::int64_t number, std::optional<timmy::Time> when);
  // Those whose time has come, the longest due first.
  [[nodiscard]] std::vector<std::int64_t> ripe(timmy::Time now) const;
  // Leaves the kMost that come first; the daily look at all finds the others. False if that left
  // off one that is ripe.
  [[nodiscard]] bool fit(timmy::Time now);

  friend bool operator==(const DueList&, const DueList&) = default;

 private:
  using Seconds = std::int64_t;  // since the epoch, rounded up
  [[nodiscard]] std::vector<std::pair<Seconds, std::int64_t>> by_time() const;

  std::map<std::int64_t, Seconds> due_;
};

}  // namespace triage
