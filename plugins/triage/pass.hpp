// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <timmy/plugin.hpp>
#include <utility>
#include <vector>

#include "cap_watch.hpp"
#include "names.hpp"

namespace triage {

// Something that a pass may have to do.
struct Due {
  std::string repo;
  std::int64_t number = 0;
  timmy::Time since{};  // the earliest come first
  bool urgent = false;  // before all that is not
  std::string home{};   // under which the repository's state is kept: see Homes
  [[nodiscard]] std::string name() const { return repo + "#" + std::to_string(number); }
};

// One run of a task over its repositories. What fails for one repository or issue keeps no other
// from its turn, be it for good or not: one object may be answered with 500 for ever. Only a forge
// that is away ends the run at once: three that fail one after the other, or a pause that it asks
// for. So do, in peace, the cap of writes and the end of the run's time. What is left then comes
// first in the next run, so that nothing is passed over for ever.
class Pass {
 public:
  // `task`: under which name it is kept where to begin; empty: nothing is, the run is of one event.
  Pass(timmy::Context& ctx, std::string task, CapWatch watch)
      : ctx_(ctx), task_(std::move(task)), watch_(std::move(watch)) {}

  // The work on one repository. Takes half of the run's time at most: what it finds is to be done,
  // too.
  void over(const Names& repos, const std::function<void(const std::string&)>& work);
  // The work on each. A repository that refuses three times one after the other is left alone for
  // the rest of the run, one that turns out to be archived at once: a write that is refused counts
  // as one, and the others need theirs.
  void each(std::vector<Due> due, const std::function<void(const Due&)>& work);

  void read(std::size_t count) { read_ += count; }
  // In the result as a count by this word, the first hundred also by name.
  void did(const std::string& word, const std::string& name);
  // In the result as a count only.
  void count(const std::string& word, int by = 1) { counts_[word] += by; }

  // To be told of what was written, and not only rehearsed.
  void wrote() { watch_.wrote(); }

  // Throws "incomplete" with all of it where something failed: Retryable if any of it may pass; and
  // "held" where the watch kept it from what is due.
  [[nodiscard]] timmy::Json result();

 private:
  enum class Ended { well, refused, passing, capped };
  Ended isolated(const std::string& what, const std::function<void()>& work);
  void failed(const std::string& what, const timmy::Failure& failure);
  void refused(const std::string& repo);
  [[nodiscard]] bool is_archived(const std::string& repo) const;
  [[nodiscard]] bool has_time(timmy::Milliseconds reserve) const;
  [[nodiscard]] std::string summary() const;

  // Where this run begins, and the next one.
  [[nodiscard]] timmy::Json kept(const char* place) const;
  void keep(const char* place, const timmy::Json& next) const;

  timmy::Context& ctx_;
  std::string task_;
  CapWatch watch_;
  bool held_ = false;
  std::size_t repos_ = 0, read_ = 0, left_ = 0, unread_ = 0;
  std::map<std::string, int> counts_;
  timmy::Json changes_ = timmy::Json::array();
  std::vector<std::string> failures_;
  std::map<std::string, int> refusals_;     // by repository: one after the other
  std::set<std::string> asked_, archived_;  // repositories: whether they are archived; that are
  int in_a_row_ = 0;                        // failures that may pass, one after the other
  bool pause_ = false;                      // the last failure was one that the forge asked for
  bool may_pass_ = false;
  std::optional<timmy::Milliseconds> delay_;  // the longest that was asked for
};

// What a task says that its config has no key for.
[[nodiscard]] timmy::Json not_configured(const std::string& key);

}  // namespace triage
