// SPDX-License-Identifier: Apache-2.0
#include "deadman/unit_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>

#include "base/error.hpp"
#include "base/result.hpp"

namespace host::deadman {
namespace {

constexpr std::string_view kProperties =
    "LoadState,ActiveState,SubState,Result,NRestarts,StateChangeTimestampMonotonic";

Error unknown_form(const std::string& why) {
  return Error(Code::invalid, "systemctl show answered in an unknown form: " + why);
}

class Answer {
 public:
  explicit Answer(std::string_view output) {
    while (!output.empty()) {
      const auto line = output.substr(0, output.find('\n'));
      output.remove_prefix(std::min(output.size(), line.size() + 1));
      const auto equals = line.find('=');
      if (equals == line.npos) throw unknown_form("a line without \"=\"");
      if (!values_.emplace(line.substr(0, equals), line.substr(equals + 1)).second)
        throw unknown_form("a property twice");
    }
  }

  [[nodiscard]] std::string word(const std::string& property) const {
    const auto value = of(property);
    const bool fits = !value.empty() && value.size() <= 64 &&
                      std::all_of(value.begin(), value.end(),
                                  [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
    if (!fits) throw unknown_form(property + " is no word");
    return value;
  }

  [[nodiscard]] std::int64_t number(const std::string& property) const {
    const auto value = of(property);
    std::int64_t number = 0;
    const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (fault != std::errc() || end != value.data() + value.size() || number < 0)
      throw unknown_form(property + " is no number");
    return number;
  }

 private:
  [[nodiscard]] std::string of(const std::string& property) const {
    const auto found = values_.find(property);
    if (found == values_.end()) throw unknown_form("no " + property);
    return found->second;
  }

  std::map<std::string, std::string> values_;
};

Errand question(Restart::Manager manager, const std::string& unit) {
  std::vector<std::string> arguments{"/usr/bin/systemctl"};
  if (manager == Restart::Manager::user) arguments.emplace_back("--user");
  arguments.insert(arguments.end(), {"--no-ask-password", "--no-pager", "show",
                                     "--property=" + std::string(kProperties), "--", unit});
  return {.arguments = std::move(arguments), .limit = std::chrono::seconds(5)};
}

// Half way, so that whatever is at work from then on leaves the other half for a sign; what is
// begun later leaves what was left then. REQUIRES: the sign can be believed
bool nears_death(const Sign& sign, const Watch& watch, const Silence& kept, const Moment& now) {
  if (!kept.ever || kept.begins_anew(now)) return false;
  if (sign.kind == Sign::Kind::there && sign.mark != kept.mark) return false;
  const Duration after = watch.rules.after;
  return kept.silent + std::min(now.at - kept.looked.at, after / 2) >= after / 2;
}

}  // namespace

std::string to_text(const UnitState& state) {
  if (state.load != "loaded") return state.load;
  std::string text = state.active;
  if (state.sub != state.active) text += ", " + state.sub;
  if (state.result != "success") text += " (" + state.result + ")";
  if (state.restarts > 0)
    text += fmt::format(", started again by systemd {} times", state.restarts);
  return text;
}

std::string unit_of(const Restart& restart, const std::string& name) {
  return restart.unit.empty() ? "timmy-deadman-" + name + ".service" : restart.unit;
}

UnitState parse_unit_state(std::string_view output) {
  const Answer answer(output);
  return {.load = answer.word("LoadState"),
          .active = answer.word("ActiveState"),
          .sub = answer.word("SubState"),
          .result = answer.word("Result"),
          .restarts =
              static_cast<int>(std::min<std::int64_t>(answer.number("NRestarts"), 1'000'000'000)),
          .changed =
              std::chrono::duration_cast<Duration>(std::chrono::microseconds(std::min<std::int64_t>(
                  answer.number("StateChangeTimestampMonotonic"), INT64_MAX / 1000)))};
}

UnitState ask_for_unit(Restart::Manager manager, const std::string& unit, Runner& runner) {
  const auto ending = runner.run(question(manager, unit));
  if (!ending.ok)
    throw Error(Code::unavailable, "systemd can't be asked about " + unit + ": " + ending.text);
  return parse_unit_state(ending.output);
}

RestartOutcome run_restart(const Restart& restart, const std::string& name, Duration wait,
                           Runner& runner) {
  const auto ending = runner.run(errand_of(restart, name, wait));
  const auto unit = unit_of(restart, name);
  const bool waits = wait > Duration::zero();
  if (ending.ok && !restart.unit.empty()) return {true, "systemd took the restart"};
  if (ending.ok && waits) return {true, "the command ended well"};
  if (ending.ok)
    return {true, "systemd took the command; how " + unit + " ends is in the journal alone"};
  if (restart.unit.empty() && waits && ending.late) {
    // Either it is slow, or systemd is.
    const auto state = attempt([&] { return ask_for_unit(restart.manager, unit, runner); });
    const auto waited = format_duration(wait);
    if (state.ok() && (state.value().active == "active" || state.value().active == "activating"))
      return {true, fmt::format("the command goes on after {}; how {} ends is in the journal alone",
                                waited, unit)};
    return {false, fmt::format("the restart failed: systemd did not say within {} how {} ended; "
                               "now: {}",
                               waited, unit,
                               state.ok() ? to_text(state.value()) : state.error().message())};
  }
  return {false, "the restart failed: " + ending.text};
}

std::string describe_unit(const Watch& watch, Runner& runner) {
  if (!watch.restart) return "";
  const auto unit = unit_of(*watch.restart, watch.name);
  const auto state = attempt([&] { return ask_for_unit(watch.restart->manager, unit, runner); });
  if (!state.ok()) return state.error().message();
  // The unit of a command is there only while that runs.
  const bool has_ended = watch.restart->unit.empty() && state.value().load == "not-found";
  return unit + ": " + (has_ended ? "not running" : to_text(state.value()));
}

bool is_at_work_on(const UnitState& state, const Moment& now) {
  const bool stops = state.active == "deactivating" || state.active == "reloading";
  const bool starts =
      state.active == "activating" && state.sub != "auto-restart" && state.restarts == 0;
  return (stops || starts) && now.at - state.changed < kLongestWork;
}

Sign unless_at_work(Sign sign, const Watch& watch, const Silence& kept, const Moment& now,
                    Runner& runner) {
  if (!watch.restart || watch.restart->unit.empty() || sign.kind == Sign::Kind::untrusted ||
      kept.excused >= kLongestWork || !nears_death(sign, watch, kept, now))
    return sign;
  const auto& unit = watch.restart->unit;
  const auto state = attempt([&] { return ask_for_unit(watch.restart->manager, unit, runner); });
  if (!state.ok() || !is_at_work_on(state.value(), now)) return sign;
  return {Sign::Kind::at_work, unit + " is " + state.value().active};
}

}  // namespace host::deadman
