// SPDX-License-Identifier: Apache-2.0
#include "deadman/standing.hpp"

namespace host::deadman {
namespace {

std::string state_of(const Target& target, const Rules& rules, const Moment& now) {
  if (target.silence.begins_anew(now)) return "unseen";
  if (!target.trouble.empty()) return "unwatchable";
  if (!target.silence.ever) return "waiting";
  if (target.silence.silent >= rules.after) return "silent";
  if (!target.active) return "alive";
  if (target.beats) return "recovering";
  return target.tries > 0 ? "restarted" : "silent";
}

std::string text_of(const Standing& standing, const Target& target) {
  std::string text;
  const auto add = [&](const std::string& more) { text += (text.empty() ? "" : "; ") + more; };
  if (standing.handed_off) add("hands off until: timmy-host deadman clear " + standing.name);
  if (!target.trouble.empty()) add(target.trouble);
  if (standing.state == "unseen") add("looked at by " + standing.looked_at_by);
  if (standing.state == "waiting") add("no sign of life was ever seen");
  if (target.alert && target.alert->failures > 0) add("its alert could not be given yet");
  return text;
}

}  // namespace

Standing standing_of(const Watch& watch, const Target& target, const Moment& now) {
  Standing standing{.name = watch.name,
                    .kind = std::string(name(watch.kind)),
                    .watched = watched(watch),
                    .looked_at_by = std::string(looked_at_by(watch)),
                    .state = state_of(target, watch.rules, now),
                    .silent = target.silence.silent,
                    .after = watch.rules.after,
                    .tries = target.tries,
                    .max_retries = watch.rules.max_retries,
                    .active = target.active,
                    .handed_off = target.handed_off};
  standing.text = text_of(standing, target);
  return standing;
}

bool needs_a_person(const Standing& standing) {
  return standing.active || standing.handed_off || standing.state == "unwatchable";
}

std::string attention(const Standing& standing) {
  std::string line = standing.name + ": ";
  line += standing.active ? "deadman_active, " + standing.state : standing.state;
  return standing.text.empty() ? line : line + "; " + standing.text;
}

std::vector<Standing> standings(const Settings& settings, const State& state, const Moment& now) {
  std::vector<Standing> all;
  for (const auto& watch : settings.watches) {
    const auto found = state.targets.find(watch.name);
    all.push_back(standing_of(watch, found == state.targets.end() ? Target() : found->second, now));
  }
  return all;
}

Json to_json(const Standing& standing) {
  return {{"name", standing.name},
          {"kind", standing.kind},
          {"watched", standing.watched},
          {"looked_at_by", standing.looked_at_by},
          {"state", standing.state},
          {"silent_seconds", std::chrono::duration<double>(standing.silent).count()},
          {"after_seconds", std::chrono::duration<double>(standing.after).count()},
          {"tries", standing.tries},
          {"max_retries", standing.max_retries},
          {"deadman_active", standing.active},
          {"handed_off", standing.handed_off},
          {"text", standing.text}};
}

}  // namespace host::deadman
