// SPDX-License-Identifier: Apache-2.0
#include "deadman/standing.hpp"

namespace host::deadman {
namespace {

std::string state_of(const Target& target, const Rules& rules, const Moment& now) {
  const Silence& silence = target.silence;
  // In an earlier boot somebody looked, and now the machine is up for so long without.
  const bool forgotten = !silence.looked.boot.empty() && now.at > kUnlookedAfter;
  if (silence.begins_anew(now)) return forgotten ? "unlooked" : "unseen";
  if (now.at - silence.looked.at > kUnlookedAfter) return "unlooked";
  if (target.trouble_told) return "unwatchable";
  if (!silence.ever) return "waiting";
  if (silence.silent >= rules.after) return "silent";
  if (!target.active) return "alive";
  if (target.beats) return "recovering";
  return target.tries > 0 ? "restarted" : "silent";
}

std::string text_of(const Standing& standing, const Target& target, bool dry_run) {
  std::string text;
  const auto add = [&](const std::string& more) { text += (text.empty() ? "" : "; ") + more; };
  if (standing.handed_off)
    add("hands off until: timmy-host deadman clear " + standing.name +
        (dry_run ? " --dry-run" : ""));
  if (!target.trouble.empty()) add(target.trouble);
  if (standing.state == "unseen") add("looked at by " + standing.looked_at_by);
  if (standing.state == "unlooked")
    add((standing.last_look ? "nobody has looked for " + brief(*standing.last_look)
                            : "nobody has looked in this boot") +
        ": see after " + standing.looked_at_by);
  if (standing.untold_since)
    add("nobody could be told since " + format_utc(*standing.untold_since));
  return text;
}

}  // namespace

Standing standing_of(const Watch& watch, const State& state, const Moment& now, bool dry_run) {
  const Target* const kept = state.find(watch);
  const Target target = kept == nullptr ? Target() : *kept;
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
  if (!target.silence.begins_anew(now)) standing.last_look = now.at - target.silence.looked.at;
  if (target.telling.failures > 0) standing.untold_since = target.telling.failing_since;
  standing.text = text_of(standing, target, dry_run);
  return standing;
}

bool needs_a_person(const Standing& standing) {
  return standing.active || standing.handed_off || standing.untold_since ||
         standing.state == "unwatchable" || standing.state == "unlooked";
}

std::string attention(const Standing& standing) {
  std::string line = standing.name + ": ";
  line += standing.active ? "deadman_active, " + standing.state : standing.state;
  return standing.text.empty() ? line : line + "; " + standing.text;
}

std::vector<Standing> standings(const Settings& settings, const State& state, const Moment& now) {
  std::vector<Standing> all;
  for (const auto& watch : settings.watches)
    all.push_back(standing_of(watch, state, now, settings.dry_run));
  return all;
}

Json to_json(const Standing& standing) {
  const auto seconds = [](Duration time) { return std::chrono::duration<double>(time).count(); };
  return {
      {"name", standing.name},
      {"kind", standing.kind},
      {"watched", standing.watched},
      {"looked_at_by", standing.looked_at_by},
      {"state", standing.state},
      {"last_look_seconds", standing.last_look ? Json(seconds(*standing.last_look)) : Json()},
      {"silent_seconds", seconds(standing.silent)},
      {"after_seconds", seconds(standing.after)},
      {"tries", standing.tries},
      {"max_retries", standing.max_retries},
      {"deadman_active", standing.active},
      {"handed_off", standing.handed_off},
      {"untold_since", standing.untold_since ? Json(format_utc(*standing.untold_since)) : Json()},
      {"text", standing.text}};
}

}  // namespace host::deadman
