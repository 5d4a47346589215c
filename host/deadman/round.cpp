// SPDX-License-Identifier: Apache-2.0
#include "deadman/round.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "deadman/unit_state.hpp"

namespace host::deadman {
namespace {

// With less an alert is not begun: it might fail for that alone.
constexpr Duration kLeastPatience = std::chrono::seconds(15);

std::string_view name_of(Sign::Kind kind) {
  switch (kind) {
    case Sign::Kind::there: return "there";
    case Sign::Kind::missing: return "missing";
    case Sign::Kind::untrusted: return "untrusted";
    case Sign::Kind::at_work: return "at_work";
  }
  return "untrusted";
}

bool is_among(const Decision& decision, Event event) {
  return std::any_of(decision.happenings.begin(), decision.happenings.end(),
                     [&](const Happening& each) { return each.event == event; });
}

// Whether more is to be known than what was seen.
bool is_grave(const Decision& decision) {
  return decision.restart || is_among(decision, Event::died) ||
         is_among(decision, Event::handed_off);
}

// As the end of a text; `seen`: see Outside::unit_state.
std::string said_by_systemd(const std::string& seen) {
  return seen.empty() ? "" : "; systemd: " + lasting(seen);
}

}  // namespace

std::vector<Record> Round::run() {
  Patience patience;
  return run(patience);
}

std::vector<Record> Round::run(Patience& patience) {
  if (outside_.boot.empty())
    throw Error(Code::unsupported, "this kernel has no name for its boot",
                "The deadman needs /proc/sys/kernel/random/boot_id.");
  std::vector<const Watch*> order;
  for (const auto& watch : settings_.watches) order.push_back(&watch);
  std::stable_partition(order.begin(), order.end(),
                        [](const Watch* watch) { return watch->kind == Watch::Kind::host; });
  for (const auto* watch : order) look_at(*watch, patience);
  outside_.keep(state_);
  for (const auto* watch : order) tell(*watch, state_.target(*watch).telling, patience);
  return std::move(recorded_);
}

void Round::look_at(const Watch& watch, Patience& patience) {
  Target& target = state_.target(watch);
  note_open_intent(watch, target);
  if (const auto now_watched = lasting(watched(watch)); target.watched != now_watched)
    watch_another(target, now_watched);
  const Sign sign = sign_of(watch);
  const Moment now{outside_.boot, std::chrono::duration_cast<Duration>(
                                      outside_.clock.monotonic().time_since_epoch())};
  const auto decision = judge(target, watch.rules, sign, now);
  if (decision.sight.beat) target.last_sign = outside_.clock.wall();
  if (decision.happenings.empty() && !decision.restart) return;
  Json evidence = evidence_of(watch, sign, now);
  if (watch.restart && outside_.unit_state && !settings_.dry_run && is_grave(decision))
    evidence["systemd"] = outside_.unit_state(watch);
  for (const auto& each : decision.happenings) {
    auto text = each.text;
    if (Alert* const told = target.telling.find(each.event);
        told && each.event == Event::handed_off)
      // Why it was in vain: a start limit, say, that a person has to lift first.
      told->text = text += said_by_systemd(evidence.value("systemd", ""));
    record(watch, each.event, std::move(text), evidence);
  }
  if (decision.restart) restart(watch, target, std::move(evidence), patience);
}

void Round::note_open_intent(const Watch& watch, Target& target) {
  if (!target.intent) return;
  record(watch, Event::restart_unknown,
         "was about to be restarted at " + format_utc(target.intent->at) +
             " when the deadman itself ended; that counts as a restart");
  target.intent.reset();
}

// One that can't be looked at keeps no other from its look.
Sign Round::sign_of(const Watch& watch) const {
  try {
    auto sign = outside_.look(watch);
    sign.mark = lasting(std::move(sign.mark));
    return sign;
  } catch (const std::exception& failure) {
    return {Sign::Kind::untrusted, lasting(failure.what())};
  }
}

Json Round::evidence_of(const Watch& watch, const Sign& sign, const Moment& now) const {
  const Target& target = *state_.find(watch);
  Json evidence{{"watched", target.watched},
                {"sign", name_of(sign.kind)},
                {"mark", sign.mark},
                {"silent", brief(target.silence.silent)},
                {"after", brief(watch.rules.after)},
                {"tries", target.tries},
                {"failed", target.failed},
                {"restarts_in_window", restarts_within(target, watch.rules.window)},
                {"boot", now.boot},
                {"monotonic", brief(now.at)}};
  if (target.last_sign) evidence["last_sign"] = format_utc(*target.last_sign);
  if (watch.restart) evidence["unit"] = unit_of(*watch.restart, watch.name);
  if (settings_.dry_run) evidence["dry_run"] = true;
  return evidence;
}

// REQUIRES: watch.restart
void Round::restart(const Watch& watch, Target& target, Json evidence, Patience& patience) {
  const auto wait = wait_for(*watch.restart, patience.commands, outside_.runner);
  const auto errand = errand_of(*watch.restart, watch.name, wait);
  evidence["command"] = errand.arguments;
  const auto silent = brief(target.silence.silent);
  begin_restart(target, outside_.clock.wall());
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
  const auto begun = outside_.clock.monotonic();
  const auto done = run_restart(*watch.restart, watch.name, wait, outside_.runner);
  if (wait > Duration::zero())
    patience.commands -= std::chrono::duration_cast<Duration>(outside_.clock.monotonic() - begun);
  TIMMY_FAILPOINT("deadman.after_restart");
  target.intent.reset();
  if (!done.ok) ++target.failed;
  const auto& text = done.text;
  record(watch, done.ok ? Event::restarted : Event::restart_failed, text,
         {{"command", errand.arguments}, {"unit", unit_of(*watch.restart, watch.name)}});
  if (Alert* const death = target.telling.find(Event::died)) death->then = lasting(text);
  outside_.keep(state_);
}

void Round::tell(const Watch& watch, Telling& telling, Patience& patience) {
  if (settings_.dry_run) telling.open.clear();
  // What holds waits until there is an `alert`.
  if (settings_.alert.empty()) {
    telling.drop_news();
    telling.failures = 0;  // nobody is tried to be told
  }
  if (settings_.alert.empty() || !telling.is_due() || patience.left < kLeastPatience) return;
  telling.begin();
  outside_.keep(state_);
  while (!telling.open.empty() && patience.left >= kLeastPatience) {
    const auto begun = outside_.clock.monotonic();
    const auto ending = run_alert(watch, telling.open.front(), patience.left);
    patience.left -= std::chrono::duration_cast<Duration>(outside_.clock.monotonic() - begun);
    if (ending.ok)
      telling.told();
    else if (telling.failed(outside_.clock.wall()))
      record(watch, Event::alert_failed, "the alert failed: " + ending.text,
             {{"command", settings_.alert}, {"failures", telling.failures}});
    outside_.keep(state_);
    if (!ending.ok) return;
  }
  // Each was told, as far as it went.
  if (telling.open.empty()) return;
  telling.put_off();
  outside_.keep(state_);
}

Ending Round::run_alert(const Watch& watch, const Alert& alert, Duration limit) const {
  const Target& target = *state_.find(watch);
  const Json line{
      {"host", outside_.host_name},
      {"target", watch.name},
      {"event", name(alert.event)},
      {"text", watch.name + " " + alert.text + (alert.then.empty() ? "" : "; " + alert.then)},
      {"active", target.active},
      {"handed_off", target.handed_off},
      {"at", format_utc(outside_.clock.wall())}};
  return outside_.runner.run(
      {.arguments = settings_.alert, .input = host::to_text(line) + "\n", .limit = limit});
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
