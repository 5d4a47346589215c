// SPDX-License-Identifier: Apache-2.0
//
// Random histories of two units, the agents in them, their watches in deadman.yaml, the deadman's
// own state and whoever is to be told, against a plain list of what was truly done: watches that
// are renamed, swapped and changed, rules that change, boots, a deadman that is killed at any
// keep, restart or alert and finds what the disk has, alerts that fail, agents that flap, and
// persons who clear.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "deadman/round_fixture.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kUnits = 2;

struct Killed {};

// Time of the machine, which a boot sets back.
class MachineClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return WallTime(awake); }
  [[nodiscard]] MonotonicTime monotonic() const override { return MonotonicTime(since_boot); }
  [[nodiscard]] Duration boot() const override { return since_boot; }
  Duration awake = 1000h;  // over all boots
  Duration since_boot = 1min;
};

// A unit of the service manager, and what there is to know of it.
struct Unit {
  std::string name;
  bool living = true;
  bool trusted = true;
  int stamp = 0;
  std::vector<Duration> restarts;  // what may have been done, since a person's word
  bool handed_off = false;         // as it was kept
  bool told_of_hand_off = false;
  std::vector<Duration> goes;  // when its alerts were run
};

class World final : public Runner {
 public:
  explicit World(unsigned seed) : random_(seed) {
    for (std::size_t i = 0; i < kUnits; ++i) units_[i].name = "u" + std::to_string(i) + ".service";
    change_rules();
    rename();
  }

  void step() {
    switch (pick(0, 59)) {
      case 0: boot(); break;
      case 1:
      case 2: any().living ^= true; break;
      case 3:
      case 4: any().trusted ^= true; break;
      case 5: rename(); break;
      case 6: change_rules(); break;
      case 7: std::swap(stamps_[0], stamps_[1]); break;
      case 8: alert_works_ = !alert_works_; break;
      case 9: takes_restarts_ = !takes_restarts_; break;
      case 10:
        if (pick(0, 9) == 0) person_clears(any());
        break;
      case 11: deadly_ = pick(0, 2) == 0; break;
      default: break;
    }
    minute();
  }

  Ending run(const Errand& errand) override {
    maybe_die();
    if (errand.arguments.front() == "/alert") {
      const auto ending = alert(Json::parse(errand.input));
      maybe_die();
      return ending;
    }
    Unit& unit = unit_named(errand.arguments.back());
    EXPECT_TRUE(kept(unit).intent) << "it is done before it is kept";
    ++restarts_done_;
    maybe_die();
    return {takes_restarts_, "status"};
  }

  [[nodiscard]] int restarts() const { return restarts_done_; }
  [[nodiscard]] int hand_offs() const { return hand_offs_; }
  [[nodiscard]] int deaths() const { return deaths_; }
  [[nodiscard]] int alerts() const { return alerts_; }

 private:
  int pick(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }
  Unit& any() { return units_[static_cast<std::size_t>(pick(0, kUnits - 1))]; }
  Unit& unit_named(const std::string& name) {
    return name == units_[0].name ? units_[0] : units_[1];
  }
  Unit& unit_of(const Watch& watch) { return unit_named(watch.restart->unit); }

  // The deadman's process ends here and now.
  void maybe_die() {
    if (deadly_ && pick(0, 5) == 0) {
      ++deaths_;
      throw Killed{};
    }
  }

  void boot() {
    boot_ = "boot " + std::to_string(++boots_);
    clock_.since_boot = 1min;
  }
  void rename() {
    for (auto& name : names_) name = "name-" + std::to_string(pick(0, 5)) + name.substr(0, 1);
    if (names_[0] == names_[1]) names_[1] += "x";
  }
  void change_rules() {
    rules_ = {.after = std::chrono::minutes(pick(2, 15)),
              .restarts = true,
              .max_retries = pick(1, 4),
              .window = std::chrono::minutes(pick(5, 300)),
              .pause = std::chrono::minutes(pick(1, 20)),
              .healthy_after = std::chrono::minutes(pick(2, 30))};
  }

  [[nodiscard]] Settings settings() const {
    Settings all{.alert = {"/alert"}};
    for (std::size_t i = 0; i < kUnits; ++i)
      all.watches.push_back({.name = names_[i],
                             .stamp = stamps_[i],
                             .rules = rules_,
                             .restart = Restart{.unit = units_[i].name}});
    return all;
  }

  [[nodiscard]] const Target& kept(const Unit& unit) {
    return kept_state_.targets["system:" + unit.name];
  }

  void person_clears(Unit& unit) {
    auto state = parse_state(disk_);
    clear(state.targets["system:" + unit.name], "was cleared");
    keep(state);
    unit.restarts.clear();
    unit.handed_off = false;
  }

  // Without the records, on which nothing is decided.
  void keep(State state) {
    state.records.clear();
    disk_ = to_text(state);
    kept_state_ = parse_state(disk_);
    for (auto& unit : units_) {
      const Target& target = kept(unit);
      if (target.handed_off && !unit.handed_off) {
        unit.told_of_hand_off = false;
        ++hand_offs_;
      }
      unit.handed_off = target.handed_off;
    }
  }

  void minute() {
    clock_.awake += 1min;
    clock_.since_boot += 1min;
    for (auto& unit : units_) unit.stamp += unit.living ? 1 : 0;
    try {
      look();
    } catch (const Killed&) {
    }
    for (auto& unit : units_) check(unit);
  }

  // A process of its own: all that it knows is on the disk.
  void look() {
    const auto all = settings();
    State state = parse_state(disk_);
    Round(all, state,
          {.clock = clock_,
           .boot = boot_,
           .host_name = "allegro",
           .runner = *this,
           .look = [&](const Watch& watch) { return sign_of(unit_of(watch)); },
           .keep =
               [&](const State& now) {
                 maybe_die();
                 keep(now);
                 count_restarts();
               }})
        .run();
  }

  static Sign sign_of(const Unit& unit) {
    if (unit.trusted) return {Sign::Kind::there, std::to_string(unit.stamp)};
    return {Sign::Kind::untrusted, "a link, at \xff " + std::to_string(unit.stamp)};
  }

  // Each intent that reaches the disk may have been carried out.
  void count_restarts() {
    for (auto& unit : units_) {
      const Target& target = kept(unit);
      if (!target.intent) continue;
      if (!unit.restarts.empty() && unit.restarts.back() == clock_.awake) continue;
      if (target.intent->at != clock_.wall()) continue;
      ASSERT_FALSE(unit.living && unit.trusted) << "a living one is restarted";
      unit.restarts.push_back(clock_.awake);
      const auto within =
          std::count_if(unit.restarts.begin(), unit.restarts.end(),
                        [&](Duration at) { return clock_.awake - at < rules_.window; });
      ASSERT_LE(within, rules_.max_retries) << unit.name;
    }
  }

  Ending alert(const Json& told) {
    const auto name = told["target"].get<std::string>();
    Unit& unit = units_[name == names_[0] ? 0 : 1];
    ++alerts_;
    if (unit.goes.empty() || unit.goes.back() != clock_.awake) unit.goes.push_back(clock_.awake);
    if (!alert_works_) return {false, "status 1"};
    if (told["event"] == "handed_off") unit.told_of_hand_off = true;
    return {true, ""};
  }

  void check(Unit& unit) {
    std::erase_if(unit.goes, [&](Duration at) { return clock_.awake - at >= 8h; });
    ASSERT_LE(unit.goes.size(), 14u) << "alerts without end";
    const Target& target = kept(unit);
    auto telling = target.telling;
    ASSERT_LE(telling.open.size(), 5u);
    if (target.handed_off && !unit.told_of_hand_off) {
      ASSERT_NE(telling.find(Event::handed_off), nullptr) << "a hand-off that nobody is told of";
    }
  }

  std::mt19937 random_;
  MachineClock clock_;
  std::string boot_ = "boot 0";
  int boots_ = 0;
  std::array<Unit, kUnits> units_;
  std::array<std::string, kUnits> names_, stamps_{"/stamps/a", "/stamps/b"};
  Rules rules_;
  std::string disk_ = to_text(State{.id = "s"});
  State kept_state_;
  bool alert_works_ = true, takes_restarts_ = true, deadly_ = false;
  int restarts_done_ = 0, hand_offs_ = 0, deaths_ = 0, alerts_ = 0;
};

TEST(RoundModel, NoUnitIsRestartedBeyondItsLimitAndNoAlertIsLost) {
  int restarts = 0, hand_offs = 0, deaths = 0, alerts = 0;
  for (unsigned seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed);
    for (int i = 0; i < 600; ++i) {
      world.step();
      if (::testing::Test::HasFailure()) return;
    }
    restarts += world.restarts();
    hand_offs += world.hand_offs();
    deaths += world.deaths();
    alerts += world.alerts();
  }
  EXPECT_GT(restarts, 30) << "these histories prove little";
  EXPECT_GT(hand_offs, 10) << "these histories prove little";
  EXPECT_GT(deaths, 30) << "these histories prove little";
  EXPECT_GT(alerts, 50) << "these histories prove little";
}

}  // namespace
}  // namespace host::deadman
