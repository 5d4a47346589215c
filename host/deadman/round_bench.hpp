// SPDX-License-Identifier: Apache-2.0
//
// Rounds over one agent, "hermes", whose sign, clock and disk a test has in its hands.
#pragma once

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "deadman/round_fixture.hpp"

namespace host::deadman {

class RoundTest : public ::testing::Test {
 protected:
  static constexpr const char* kSystemctl = "/usr/bin/systemctl";

  std::vector<std::string> look() {
    Round round(settings_, state_,
                {.clock = clock_,
                 .boot = "one",
                 .host_name = "allegro",
                 .runner = runner_,
                 .look = [this](const Watch&) { return sign_; },
                 .keep = [this](const State& state) { keep(state); },
                 .unit_state = [](const Watch&) { return "failed, start-limit-hit"; }});
    std::vector<std::string> events;
    for (const auto& record : round.run()) events.emplace_back(name(record.event));
    return events;
  }
  void keep(const State& state) {
    if (disk_full_) throw Error(Code::io, "no space left on device");
    if (runner_.of("/alert").size() == alerts_at_keep_) kept_before_alert_ = state;
    alerts_at_keep_ = runner_.of("/alert").size();
    kept_ = state;
    runs_at_keep_.push_back(runner_.of(kSystemctl).size());
  }
  // Lets it fall silent, with a look each minute; everything that was recorded.
  std::vector<std::string> pass(Duration time) {
    std::vector<std::string> all;
    for (Duration passed{}; passed < time; passed += std::chrono::minutes(1)) {
      clock_.advance(std::chrono::minutes(1));
      for (auto& event : look()) all.push_back(std::move(event));
    }
    return all;
  }
  [[nodiscard]] Target& target() { return state_.target(settings_.watches[0]); }
  [[nodiscard]] Record last() const { return state_.records.back(); }

  FakeClock clock_;
  FakeRunner runner_;
  Settings settings_ = hermes_settings();
  State state_{.id = "s"};
  State kept_, kept_before_alert_;
  std::size_t alerts_at_keep_ = 0;
  std::vector<std::size_t> runs_at_keep_;
  Sign sign_{Sign::Kind::there, "1"};
  bool disk_full_ = false;
};

}  // namespace host::deadman
