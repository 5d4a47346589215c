// SPDX-License-Identifier: Apache-2.0
//
// The running host's looks. They go by the same deadman.yaml and the same state as those of
// `deadman --once`, so that what is bounded is bounded over both.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/paths.hpp"
#include "deadman/round.hpp"
#include "deadman/stamp_looker.hpp"
#include "deadman/standing.hpp"

namespace host::deadman {

// What is watched, and how it stands.
struct Survey {
  Settings settings;  // with dry_run set where it is one
  State state;
  std::set<std::string> withheld = {};  // watches: of their last looks, see Looked::withheld
};
// Reads these two; looks at nothing. Throws what load_settings() and read_state() throw.
[[nodiscard]] Survey survey(const Paths& paths, bool dry_run = false);

struct LookOrder {
  std::string watch;
  std::optional<Sign> sign;  // of real work, which somebody else has seen; of nothing else
  // The tasks that run here, and for each the mark of the last run that completed since this host
  // began; "" where none did.
  std::map<std::string, std::string> tasks;
  bool may_restart = false;
  bool dry_run = false;  // also where deadman.yaml says otherwise
};

struct Looked {
  Watch watch;
  Standing standing;
  bool dry_run = false;
  std::vector<Record> records;  // made by this look
  State state;                  // as it is kept now
  // It is not restarted for want of LookOrder::may_restart, and nobody else looks who could do it.
  bool withheld = false;
};

// Blocking: reads, syncs, and runs programs for a minute and a half at worst. One call at a time in
// a process (see StateFile), from any thread.
class Watchman {
 public:
  using Pause = std::function<void(Duration)>;

  // Clock and runner outlive it. `pause` waits for so long as it is told.
  Watchman(Paths paths, const Clock& clock, Runner& runner, std::string boot, std::string host_name,
           StampLooker stamps = StampLooker(), Pause pause = sleep);

  // Looks at one watch, and acts as a Round does. At the host itself it does not look: it only
  // tells how that stands. Throws besides Error{not_found} for a watch that there is not, {usage}
  // for a sign where none belongs or none where one does, {unavailable} while another deadman is at
  // work for longer than it waits for its turn, five seconds in all looks of a minute. Between two
  // looks it leaves the state to others for a moment, and all looks of a minute together have one
  // Patience.
  [[nodiscard]] Looked look(const LookOrder& order);

 private:
  static void sleep(Duration time);
  [[nodiscard]] Moment now() const;
  // What the looks of a minute have together.
  struct Minute {
    MonotonicTime began;
    Patience patience;
    Duration turn = std::chrono::seconds(5);  // to wait for while another deadman has the state
  };
  [[nodiscard]] Minute& minute();
  void let_others();
  [[nodiscard]] StateFile open_state(bool dry_run);
  [[nodiscard]] std::optional<Sign> look_outside(const Watch& watch, const LookOrder& order);
  [[nodiscard]] Looked look_and_act(const Settings& all, Watch watch, const LookOrder& order);

  Paths paths_;
  const Clock& clock_;
  Runner& runner_;
  std::string boot_;
  std::string host_name_;
  StampLooker stamps_;
  Pause pause_;
  std::optional<Minute> minute_;
  std::optional<MonotonicTime> let_go_;  // when it last had the state
};

}  // namespace host::deadman
