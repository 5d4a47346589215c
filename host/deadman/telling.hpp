// SPDX-License-Identifier: Apache-2.0
//
// What a person is to be told about one target, until it has been told. Pure: time goes in as what
// has passed.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "deadman/event.hpp"

namespace host::deadman {

struct Alert {
  Event event = Event::died;
  std::string text;
  std::string then;  // what came of it meanwhile; may be empty
};

// Nothing is given up: what could not be told stays open. Somebody is told in goes, each of all
// that is open, and between two of them time passes: 1, 2, 4 ... 60 minutes, whether they succeed
// or fail. So neither a broken program nor an agent that flaps makes more than 14 goes in 8 hours.
struct Telling {
  std::vector<Alert> open;     // oldest first
  std::vector<Duration> goes;  // how long ago, newest last; the last few of them
  int failures = 0;            // goes in a row that failed
  WallTime failing_since{};    // the first of them, for people

  // Takes the place of what is open about the same: health that of a death, and the other way.
  // Nothing else takes any other's place.
  void raise(Event event, std::string text);
  // The one that is open, or nullptr.
  [[nodiscard]] Alert* find(Event event);
  // Without news: what is so no longer by the time that there is somebody to tell.
  void drop_news();

  void pass(Duration time);
  [[nodiscard]] bool is_due() const;
  // Counts a go. The caller keeps it before anybody is told, so that goes that end this process
  // are bounded as well.
  void begin();
  // The oldest was told.
  void told();
  // There was no time for the rest, which is told at the next look: until then the go is not over.
  void put_off();
  // It was not. Whether that is to be recorded: the first time, then about once a day.
  [[nodiscard]] bool failed(WallTime now);
};

}  // namespace host::deadman
