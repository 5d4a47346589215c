// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <timmy/services.hpp>
#include <vector>

namespace triage {

// What a task remembers of one issue or pull request, and with it when somebody other than
// ourselves last did something there. The forge tells only of the last change, whoever made it; so
// each task that looks for silence notes of its own writes
//   theirs   when somebody else had last done something before them
//   ours     the issue's updated_at after them
// An issue that was not updated since `ours` has been silent since `theirs`. Any other update is
// somebody's, or it can't be known whose: it counts as activity. What one task noted holds for all.
class Memory {
 public:
  // `home`: the repository's, see Homes.
  Memory(timmy::State state, const std::string& task, const std::string& home, std::int64_t number);

  // When somebody else last did something, as far as can be told from the issue's updated_at. Never
  // earlier than it was, but for a write that a run did not live to note: then the comments decide,
  // see below. Nothing if the forge did not say.
  [[nodiscard]] std::optional<timmy::Time> activity(std::optional<timmy::Time> updated_at) const;
  // The same, with the issue as it is now, all its comments, and who we are.
  [[nodiscard]] std::optional<timmy::Time> activity(const timmy::Issue& issue,
                                                    const std::vector<timmy::Comment>& comments,
                                                    const std::string& me) const;

  // Before the first write of several, with when the issue was updated and, as told above, when
  // somebody else last did something.
  void about_to_write(std::optional<timmy::Time> updated_at, timmy::Time activity);
  // After each write, with when the issue was updated then and, where the forge says it, when what
  // was written was: what is later than that is somebody else's, who was quicker than this reading.
  void wrote(std::optional<timmy::Time> updated_at, std::optional<timmy::Time> dated = {});
  // Before another write, with when the issue is updated now: whether something was done since the
  // one before, which then is somebody else's.
  [[nodiscard]] bool somebody_acted(std::optional<timmy::Time> updated_at);
  // When the issue was updated last as far as it was us, or we had seen it before we wrote.
  [[nodiscard]] std::optional<timmy::Time> ours() const;
  // Whether a run did not live to note what it wrote: then activity() has to be asked with
  // comments.
  [[nodiscard]] bool in_doubt() const;

  // What else the task keeps; null takes it away. Durable with the next about_to_write(), wrote()
  // or keep().
  [[nodiscard]] std::optional<timmy::Time> time(const char* what) const;
  [[nodiscard]] const timmy::Json& own() const { return own_; }
  void set(const char* what, timmy::Json value);
  void set(const char* what, timmy::Time value);
  void keep();

 private:
  [[nodiscard]] bool is_ours(const timmy::Issue& issue, const std::vector<timmy::Comment>& comments,
                             const std::string& me) const;

  timmy::State state_;
  std::string key_;
  timmy::Json own_;    // of this task
  timmy::Json noted_;  // of the task that wrote last; null: none did
};

// The numbers of what the task remembers of a repository.
[[nodiscard]] std::set<std::int64_t> remembered(const timmy::State& state, const std::string& task,
                                                const std::string& home);

// Forgets what the task remembers of what is no longer open. What it marked or closed itself it
// remembers for a year, lest somebody opens it again.
void forget_all_but(timmy::State state, const std::string& task, const std::string& home,
                    const std::set<std::int64_t>& open, timmy::Time now);

}  // namespace triage
