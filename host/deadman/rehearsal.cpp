// SPDX-License-Identifier: Apache-2.0
#include "deadman/rehearsal.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/result.hpp"
#include "deadman/round.hpp"
#include "deadman/unit_state.hpp"

namespace host::deadman {
namespace {

// Time that passes when it is told to.
class StageClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return WallTime(at_); }
  [[nodiscard]] MonotonicTime monotonic() const override { return MonotonicTime(at_); }
  [[nodiscard]] Duration boot() const override { return at_; }
  void advance(Duration by) { at_ += by; }

 private:
  Duration at_{};
};

class NoRunner final : public Runner {
 public:
  explicit NoRunner(const Runner& instead_of) : instead_of_(instead_of) {}
  Ending run(const Errand&) override { return {}; }
  [[nodiscard]] bool has_bus(Manager manager) const override {
    return instead_of_.has_bus(manager);
  }

 private:
  const Runner& instead_of_;
};

class Shortcomings {
 public:
  explicit Shortcomings(const Machine& machine) : machine_(machine) {}

  void add(std::string line) { lines_.push_back(std::move(line)); }

  void look_at_sign(const Sign& sign) {
    if (sign.kind == Sign::Kind::untrusted)
      add("it can't be watched: " + sign.mark);
    else if (sign.kind == Sign::Kind::missing)
      add("it gives no sign of life now; one that never gave any is not restarted");
  }

  void look_at_program(const std::string& program) {
    if (::access(program.c_str(), X_OK) != 0) return add(program + " can't be run here");
    if (const auto fault = attempt([&] { check_program(program); }); !fault.ok())
      add(program + " would not be run: " + fault.error().what());
  }

  void look_at_restart(const Restart& restart, const std::string& name) {
    look_at_program(errand_of(restart, name, {}).arguments.front());
    if (!restart.command.empty()) look_at_program(restart.command.front());
    if (!is_there("run/systemd/system"))
      return add("systemd does not run this machine, so nothing can be restarted");
    if (restart.manager == Restart::Manager::user)
      look_at_users_manager();
    else if (machine_.user != 0)
      look_at_rights(restart);
    if (!restart.unit.empty())
      look_at_unit(restart);
    else if (restart.manager == Restart::Manager::user || machine_.user == 0)
      look_at_bus(restart.manager);
  }

  [[nodiscard]] std::vector<std::string> lines() && { return std::move(lines_); }

 private:
  [[nodiscard]] bool is_there(const std::filesystem::path& path) const {
    return ::access((machine_.root / path).c_str(), F_OK) == 0;
  }

  void look_at_users_manager() {
    if (!is_there(fmt::format("run/user/{}/systemd", machine_.user)))
      add(fmt::format("user {0} has no systemd of its own now: loginctl enable-linger {0}",
                      machine_.user));
  }

  void look_at_rights(const Restart& restart) {
    if (!restart.command.empty())
      return add(
          fmt::format("the machine's systemd runs no `command` for user {}: name a `unit`, "
                      "or `manager: user`",
                      machine_.user));
    const auto need = [&](const char* path, const char* what) {
      if (!is_there(path))
        add(fmt::format("there is no {}, so user {} may restart no unit of the machine", what,
                        machine_.user));
    };
    need("run/dbus/system_bus_socket", "D-Bus");
    need("usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service", "polkit");
  }

  void look_at_bus(Restart::Manager manager) {
    if (machine_.runner.has_bus(manager)) return;
    const bool users = manager == Restart::Manager::user;
    add(
        fmt::format("there is no message bus of {}, so how a `command` ends is in the journal "
                    "alone: apt install {}",
                    users ? fmt::format("user {}", machine_.user) : "the machine",
                    users ? "dbus-user-session" : "dbus"));
  }

  // REQUIRES: restart.unit
  void look_at_unit(const Restart& restart) {
    const auto state =
        attempt([&] { return ask_for_unit(restart.manager, restart.unit, machine_.runner); });
    if (!state.ok())
      add(state.error().message());
    else if (state.value().load != "loaded")
      add("systemd can't start " + restart.unit + ": it is " + state.value().load);
  }

  const Machine& machine_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<Rehearsed> rehearse_death(const Settings& settings, const Watch& watch,
                                      const Runner& would_run) {
  const Settings stage{.dry_run = true, .alert = settings.alert, .watches = {watch}};
  StageClock clock;
  NoRunner runner(would_run);
  State state;
  std::vector<Rehearsed> all;
  // Every look sees the same sign, the last one there was.
  const auto look = [&] {
    Round round(stage, state,
                {.clock = clock,
                 .boot = "rehearsal",
                 .runner = runner,
                 .look =
                     [](const Watch&) {
                       return Sign{Sign::Kind::there, "the last one"};
                     },
                 .keep = [](const State&) {}});
    for (auto& record : round.run()) {
      const bool told = record.event == Event::died || record.event == Event::handed_off;
      all.push_back(
          {clock.boot(), std::move(record), told ? settings.alert : std::vector<std::string>()});
    }
  };
  const Target& target = state.target(watch);
  // As often as the timer looks; where pauses are of days, more coarsely.
  const auto step = std::max(std::min<Duration>(watch.rules.after / 2, std::chrono::minutes(1)),
                             watch.rules.pause / 16);
  look();
  while (watch.rules.restarts ? !target.handed_off : !target.active) {
    clock.advance(step);
    look();
  }
  return all;
}

std::vector<std::string> shortcomings(const Settings& settings, const Watch& watch,
                                      const std::optional<Sign>& sign, const Machine& machine) {
  Shortcomings all(machine);
  if (sign) all.look_at_sign(*sign);
  if (watch.restart)
    all.look_at_restart(*watch.restart, watch.name);
  else if (!watch.dispatch)
    all.add("it has no `restart`, so it would only be flagged");
  if (settings.alert.empty())
    all.add("there is no `alert`, so nobody would be told");
  else
    all.look_at_program(settings.alert.front());
  return std::move(all).lines();
}

}  // namespace host::deadman
