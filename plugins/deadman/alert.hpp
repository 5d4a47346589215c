// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <timmy/context.hpp>

namespace deadman {

// Whether somebody is to look at it.
[[nodiscard]] bool needs_a_person(const timmy::Watch& watch);

// The issues of one repository, one for each watch that needs a person. What an issue says follows
// from how the watch stands, not from what was told before, so that nothing is lost while the forge
// is away: the next run says it. The forge is asked only when something changed.
class Alerts {
 public:
  // `dry_run`: what the issues tell is of a dry run.
  Alerts(std::string repo, std::string host, bool dry_run)
      : repo_(std::move(repo)), host_(std::move(host)), dry_run_(dry_run) {}

  // Opens the issue, brings it up to date, or closes it with a comment. One that a person closed
  // stays closed until something new happens. Throws what gitea/1 throws.
  void bring_up_to_date(const timmy::Context& ctx, const timmy::Watch& watch) const;

  // Closes the issues of watches that are no more.
  void close_others(const timmy::Context& ctx, const std::vector<timmy::Watch>& watches) const;

 private:
  void keep(const timmy::Context& ctx, const timmy::Watch& watch) const;
  void close(const timmy::Context& ctx, const std::string& watch, const std::string& why) const;

  std::string repo_;  // empty: no issues
  std::string host_;
  bool dry_run_;
};

}  // namespace deadman
