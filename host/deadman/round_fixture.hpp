// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/fake_loop.hpp"
#include "deadman/round.hpp"

namespace host::deadman {

// Whether systemd is only asked how a unit stands.
inline bool is_question(const Errand& errand) {
  return std::count(errand.arguments.begin(), errand.arguments.end(), "show") != 0;
}

// Remembers what it was to run, and apart from that what it was to ask.
class FakeRunner final : public Runner {
 public:
  Ending run(const Errand& errand) override {
    if (is_question(errand)) {
      questions.push_back(errand);
      return answer;
    }
    errands.push_back(errand);
    const bool alerts = errand.arguments.front() == "/alert";
    if (clock != nullptr)
      clock->advance(std::min(alerts ? alert_takes : restart_takes, errand.limit));
    return alerts ? alert_ending : restart_ending;
  }
  [[nodiscard]] bool has_bus(Manager) const override { return bus; }
  [[nodiscard]] std::vector<Errand> of(const std::string& program) const {
    std::vector<Errand> found;
    for (const auto& each : errands)
      if (each.arguments.front() == program) found.push_back(each);
    return found;
  }

  std::vector<Errand> errands;
  std::vector<Errand> questions;
  Ending answer{false, "no systemd"};
  FakeClock* clock = nullptr;  // which alerts and restarts move
  Duration alert_takes{};
  Duration restart_takes{};
  bool bus = true;
  Ending restart_ending{true, "status 0"};
  Ending alert_ending{true, "status 0"};
};

// One agent, "hermes", dead after ten minutes.
inline Settings hermes_settings() {
  Watch watch{.name = "hermes", .stamp = "/stamps/hermes", .restart = Restart{.unit = "h.service"}};
  watch.rules.restarts = true;
  return {.alert = {"/alert"}, .watches = {watch}};
}

}  // namespace host::deadman
