// SPDX-License-Identifier: Apache-2.0
#include "deadman/silence.hpp"

#include <algorithm>
#include <utility>

namespace host::deadman {

std::string brief(Duration duration) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(duration);
  return whole.count() == 0 ? "0s" : format_duration(whole);
}

bool Silence::begins_anew(const Moment& now) const {
  return now.boot.empty() || now.boot != looked.boot || now.at < looked.at;
}

bool Silence::may_have_later_than(const Moment& seen) const {
  return !seen.boot.empty() && seen.boot == looked.boot && seen.at <= looked.at;
}

Sight Silence::look(const Sign& sign, const Moment& now, Duration after) {
  const bool first = begins_anew(now);
  const auto passed = first ? Duration::zero() : std::min(now.at - looked.at, after / 2);
  if (first) silent = excused = Duration::zero();
  // Only where it was at work at both ends of the time between.
  const bool at_work = sign.kind == Sign::Kind::at_work;
  if (const bool before = std::exchange(excusing, at_work); at_work && before && !first)
    excused += now.at - looked.at;
  looked = now;
  // Time in which nothing could be seen is nobody's silence.
  if (sign.kind == Sign::Kind::untrusted || at_work) return {Sight::Life::unsure};
  const bool there = sign.kind == Sign::Kind::there;
  ever = ever || there;
  const Duration since = silent + passed;
  silent = since;
  if (there && sign.mark != mark) {
    mark = sign.mark;
    gone = false;
    silent = excused = Duration::zero();
    if (!first) return {Sight::Life::alive, true, since};
  } else if (!there && !gone && !mark.empty()) {  // a change as well: somebody took it away
    gone = true;
    silent = Duration::zero();
  }
  if (!ever) return {Sight::Life::waiting};
  return {silent >= after ? Sight::Life::silent : Sight::Life::alive};
}

}  // namespace host::deadman
