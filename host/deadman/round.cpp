// SPDX-License-Identifier: Apache-2.0
#include "deadman/round.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/failpoint.hpp"

namespace host::deadman {
namespace {

// So often is an alert tried, once a look, before it is given up.
constexpr int kAlertTries = 5;

std::string_view name_of(Sign::Kind kind) {
  switch (kind) {
    case Sign::Kind::there: return "there";
    case Sign::Kind::missing: return "missing";
    case Sign::Kind::untrusted: return "untrusted";
  }
  return "untrusted";
}

}  // namespace

std::vector<Record> Round::run() {
  if (outside_.boot.empty())
    throw Error(Code::unsupported, "this kernel has no name for its boot",
                "The deadman needs /proc/sys/kernel/random/boot_id.");
  for (const auto& watch : settings_.watches) look_at(watch);
  outside_.keep(state_);
  for (const auto& watch : settings_.watches) tell(watch, state_.targets[watch.name]);
  return std::move(recorded_);
}

void Round::look_at(const Watch& watch) {
  Target& target = state_.targets[watch.name];
  if (target.intent) {
    record(watch, Event::restart_unknown,
           "was about to be restarted at " + format_utc(target.intent->at) +
               " when the deadman itself ended; that counts as a restart");
    target.intent.reset();
  }
  const Sign sign = outside_.look(watch);
  const Moment now{outside_.boot, std::chrono::duration_cast<Duration>(
                                      outside_.clock.monotonic().time_since_epoch())};
  const auto decision = judge(target, watch.rules, sign, now);
  Json evidence = evidence_of(target, sign, now);
  for (const auto& each : decision.happenings) record(watch, each.event, each.text, evidence);
  if (decision.restart) restart(watch, target, now, std::move(evidence));
}

Json Round::evidence_of(const Target& target, const Sign& sign, const Moment& now) const {
  Json evidence{
      {"sign", name_of(sign.kind)}, {"mark", sign.mark}, {"silent", brief(target.silence.silent)},
      {"tries", target.tries},      {"boot", now.boot},  {"monotonic", brief(now.at)}};
  if (settings_.dry_run) evidence["dry_run"] = true;
  return evidence;
}

void Round::restart(const Watch& watch, Target& target, const Moment& now, Json evidence) {
  const auto errand = errand_of(*watch.restart, watch.name);
  evidence["command"] = errand.arguments;
  const auto silent = brief(target.silence.silent);
  begin_restart(target, now, outside_.clock.wall());
  record(watch, Event::restarting,
         fmt::format("{} restarted, try {} of {}: no sign of life for {}",
                     settings_.dry_run ? "would be" : "is", target.tries, watch.rules.max_retries,
                     silent),
         std::move(evidence));
  if (settings_.dry_run) {
    target.intent.reset();
    return;
  }
  outside_.keep(state_);
  TIMMY_FAILPOINT("deadman.before_restart");
  const auto ending = outside_.runner.run(errand);
  TIMMY_FAILPOINT("deadman.after_restart");
  target.intent.reset();
  const auto text =
      ending.ok ? std::string("systemd took the restart") : "the restart failed: " + ending.text;
  record(watch, ending.ok ? Event::restarted : Event::restart_failed, text,
         {{"command", errand.arguments}});
  if (target.alert) target.alert->text += "; " + text;
  outside_.keep(state_);
}

void Round::tell(const Watch& watch, Target& target) {
  if (!target.alert) return;
  if (settings_.alert.empty() || settings_.dry_run) {
    target.alert.reset();
    return outside_.keep(state_);
  }
  const Json line{{"host", outside_.host_name},
                  {"target", watch.name},
                  {"event", name(target.alert->event)},
                  {"text", watch.name + " " + target.alert->text},
                  {"active", target.active},
                  {"handed_off", target.handed_off},
                  {"at", format_utc(outside_.clock.wall())}};
  const auto ending =
      outside_.runner.run({.arguments = settings_.alert, .input = host::to_text(line) + "\n"});
  if (ending.ok) {
    target.alert.reset();
  } else if (++target.alert->failures == 1 || target.alert->failures == kAlertTries) {
    const bool last = target.alert->failures == kAlertTries;
    record(watch, Event::alert_failed,
           "the alert failed" + std::string(last ? " for the last time: " : ": ") + ending.text,
           {{"command", settings_.alert}});
    if (last) target.alert.reset();
  }
  outside_.keep(state_);
}

void Round::record(const Watch& watch, Event event, std::string text, Json evidence) {
  state_.add({.at = outside_.clock.wall(),
              .target = watch.name,
              .event = event,
              .text = std::move(text),
              .evidence = std::move(evidence)});
  recorded_.push_back(state_.records.back());
}

}  // namespace host::deadman
