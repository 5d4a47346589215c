// SPDX-License-Identifier: Apache-2.0
//
// One server's circuit breaker (M. Nygard, "Release It!"): after some failures in a row nothing is
// sent for a while; then one call is let through, and its fate decides. A failure that may be that
// of one object alone counts once for each object: one that breaks whoever asks for it must not
// stop all work. Private to gitea/.
#pragma once

#include <functional>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "base/loop.hpp"

namespace host {

// Loop thread only.
class Breaker {
 public:
  struct Settings {
    int failures;        // in a row, that open it
    Duration pause;      // first
    Duration pause_cap;  // it doubles with each failed trial up to this
  };
  // `probe` is called by a timer when a trial is due, but only while somebody waits: the owner then
  // makes a call, which asks admit(). `changed` is told of every opening and closing.
  Breaker(Loop& loop, std::mt19937_64& random, Settings settings, std::function<void()> probe,
          std::function<void(bool open)> changed);

  // Whether a call may be made now. If true, one of succeeded(), failed(), failed_on() or
  // undecided() follows.
  [[nodiscard]] bool admit();
  void succeeded();
  void failed();
  // The server answers, but not for this object. Nothing new if it was so since the last success.
  void failed_on(const std::string& object);
  // The call said nothing about the server.
  void undecided();

  [[nodiscard]] bool open() const { return state_ != State::closed; }
  // How long until the next trial; zero when it is due or running.
  [[nodiscard]] Duration left() const;
  void set_waiting(bool waiting);

 private:
  enum class State { closed, open, trial };
  void start_pause();
  void arm();

  Loop& loop_;
  std::mt19937_64& random_;
  Settings settings_;
  std::function<void()> probe_;
  std::function<void(bool)> changed_;
  State state_ = State::closed;
  int failures_ = 0;                // in a row
  std::set<std::string> suspects_;  // the objects among them
  int trials_ = 0;                  // failed, since it opened
  MonotonicTime until_{};
  bool waiting_ = false;
  Timer timer_;
};

}  // namespace host
