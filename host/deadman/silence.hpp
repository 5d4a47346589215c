// SPDX-License-Identifier: Apache-2.0
//
// How long something has given no sign of life. Pure: what was seen and when goes in.
#pragma once

#include <algorithm>
#include <string>

#include "base/clock.hpp"

namespace host::deadman {

// Looks come each minute: when they stay away for so long, the looker is what needs looking after.
inline constexpr Duration kUnlookedAfter = std::chrono::minutes(5);

// When a look was taken: CLOCK_MONOTONIC, which nobody can set and which stands while the machine
// is suspended, so that neither a clock set back nor a laptop that slept makes anybody dead.
struct Moment {
  std::string boot;  // the kernel's name for the boot; "": not known, so always another one
  Duration at{};
};

// In whole seconds, for people; "0s" for less.
[[nodiscard]] std::string brief(Duration duration);

// Of a mark, in bytes: it is kept, and only compared.
inline constexpr std::size_t kLongestMark = 500;

// What one look found.
struct Sign {
  enum class Kind {
    there,      // `mark` changes with each sign of life
    missing,    // there is none; `mark` may say how that was found
    untrusted,  // what is there can't be believed, or not be seen; `mark` says why
    at_work,    // somebody is just starting, stopping or reloading it; `mark` says so
  };
  Kind kind = Kind::missing;
  std::string mark;
  bool operator==(const Sign&) const = default;
};

// A sign that was seen longer ago is not judged: what came since would count as silence.
[[nodiscard]] inline Duration longest_fresh(Duration after) {
  return std::min<Duration>(std::chrono::seconds(5), after / 4);
}

// What one look means.
struct Sight {
  enum class Life {
    waiting,  // no sign was ever seen: nothing to lose yet
    alive,
    silent,  // the last change seen is as long ago as a death takes
    unsure,  // what is there says nothing either way
  };
  Life life = Life::waiting;
  bool beat = false;  // a sign of life came since the last look
  Duration since{};   // and this long after the one before
};

// Work in hand excuses silence for so long in all, whatever the work says of itself: a stop that
// never ends must not keep a dead one from being found.
inline constexpr Duration kLongestWork = std::chrono::hours(1);

// What is kept of one target between looks.
struct Silence {
  Moment looked;     // the last look; its boot is "" before the first
  std::string mark;  // of what was there last; "" when nothing ever was
  // That has gone since, once: to come back as it was and go again is no further change. So where
  // two lookers don't see the same files, the one that sees nothing keeps nobody alive.
  bool gone = false;
  bool ever = false;  // a sign was seen once, in this boot or an earlier one
  Duration silent{};  // since the last change seen
  // For so long, since the last change seen, silence said nothing because somebody was at work on
  // it, and whether it did at the last look. See kLongestWork.
  Duration excused{};
  bool excusing = false;

  // Whether a look now is the first of its boot, so that nothing measured before counts. A clock
  // behind the last look's, as after a virtual machine's restored snapshot, is another boot too.
  [[nodiscard]] bool begins_anew(const Moment& now) const;

  // Whether what was judged last may be a later sign than one whose look began at `seen`: that one,
  // taken in now, would be another mark than the last and so pass for life. To be asked with the
  // state in hand.
  [[nodiscard]] bool may_have_later_than(const Moment& seen) const;

  // Takes a look in. Only time in which somebody looked counts as silence: of the time since the
  // last look at most half of `after`, so that one look after a long pause of the looker never
  // finds anybody dead. A first look never does.
  Sight look(const Sign& sign, const Moment& now, Duration after);
};

}  // namespace host::deadman
