// SPDX-License-Identifier: Apache-2.0
//
// Numbers that must not be mixed up, each a type of its own.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace host {

// A number with a meaning. No arithmetic, no implicit conversion.
template <class Tag>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(std::int64_t value) : value_(value) {}
  [[nodiscard]] constexpr std::int64_t value() const { return value_; }
  constexpr auto operator<=>(const Id&) const = default;

 private:
  std::int64_t value_ = 0;
};

// A row of `jobs`. Ascending in order of insertion, never reused.
using JobId = Id<struct JobTag>;

// The fencing number of one run of a job: grows with every claim, whether or not an attempt is
// burned. What a run does counts only while its lease is the job's.
using RunLease = Id<struct RunLeaseTag>;

// One run, as every frame, service call and completion names it.
struct RunId {
  JobId job;
  RunLease lease;
  auto operator<=>(const RunId&) const = default;
};

}  // namespace host

template <class Tag>
struct std::hash<host::Id<Tag>> {
  std::size_t operator()(host::Id<Tag> id) const noexcept {
    return std::hash<std::int64_t>{}(id.value());
  }
};

template <>
struct std::hash<host::RunId> {
  std::size_t operator()(const host::RunId& run) const noexcept {
    return std::hash<host::JobId>{}(run.job) * 31 + std::hash<host::RunLease>{}(run.lease);
  }
};
