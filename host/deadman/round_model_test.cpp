// SPDX-License-Identifier: Apache-2.0
//
// Random histories of two agents, the units they are restarted by, their watches in deadman.yaml,
// the deadman's own state and whoever is to be told, against a plain list of what was truly done:
// watches that are renamed, changed, taken out and put back, whose `restart` is added, removed and
// corrected, rules that change, boots, a deadman that is killed at any keep, restart or alert and
// finds what the disk has, alerts that fail and that take their time, clocks that are set, agents
// that flap, and persons who clear.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "deadman/round_fixture.hpp"
#include "deadman/upkeep.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAgents = 2;

struct Killed {};

// Time of the machine, which a boot sets back.
class MachineClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return WallTime(awake + skew); }
  [[nodiscard]] MonotonicTime monotonic() const override { return MonotonicTime(since_boot); }
  [[nodiscard]] Duration boot() const override { return since_boot; }
  Duration awake = 1000h;  // over all boots
  Duration since_boot = 1min;
  Duration skew{};  // by which somebody has set the wall's
};

// One that is watched, and what there is to know of it.
struct Agent {
  std::string name;   // of its watch
  std::string stamp;  // where it leaves its signs
  std::string own_unit;
  std::string unit;    // by which it is restarted; may be empty
  bool listed = true;  // deadman.yaml names it
  bool living = true;
  bool trusted = true;
  bool missing = false;  // its stamp was taken away
  int beats = 0;
  bool handed_off = false;  // as it was kept
  bool told_of_hand_off = false;
  std::vector<Duration> goes;  // when its alerts were run
  std::string seen;            // what holds for it, and
  Duration idle{};  // for so long it has been dead so, was looked at, and nothing was done
};

class World final : public Runner {
 public:
  explicit World(unsigned seed) : random_(seed) {
    for (auto& agent : agents_) {
      rename(agent);
      agent.stamp = "/stamps/" + agent.name;
      agent.unit = agent.own_unit = agent.name + ".service";
    }
    change_rules();
  }

  void step() {
    switch (pick(0, 59)) {
      case 0: boot(); break;
      case 1:
      case 2: any().living ^= true; break;
      case 3:
      case 4: any().trusted ^= true; break;
      case 5: rename(any()); break;
      case 6: change_rules(); break;
      case 7: std::swap(agents_[0].stamp, agents_[1].stamp); break;
      case 8: alert_works_ = !alert_works_; break;
      case 9: takes_restarts_ = !takes_restarts_; break;
      case 10:
        if (pick(0, 9) == 0) person_clears(any());
        break;
      case 11: deadly_ = pick(0, 2) == 0; break;
      case 12:
      case 13: edit_restart(any()); break;
      case 14: any().listed = false; break;
      case 15:
      case 16:
      case 17: any().listed = true; break;
      case 18: any().missing = pick(0, 3) == 0; break;
      // Never to the same second twice.
      case 19: clock_.skew = std::chrono::minutes(pick(-50000, 50000)) + 1s * ++jumps_; break;
      case 20: alert_is_slow_ = pick(0, 2) == 0; break;
      default: break;
    }
    minute();
  }

  [[nodiscard]] bool has_bus(Manager) const override { return true; }
  Ending run(const Errand& errand) override {
    maybe_die();
    if (errand.arguments.front() == "/alert") {
      const auto ending = alert(Json::parse(errand.input));
      maybe_die();
      return ending;
    }
    const auto& unit = errand.arguments.back();
    EXPECT_TRUE(kept_state_.targets["system:" + unit].intent) << "it is done before it is kept";
    ++restarts_done_;
    maybe_die();
    return {takes_restarts_, "status"};
  }

  [[nodiscard]] int restarts() const { return restarts_done_; }
  [[nodiscard]] int hand_offs() const { return hand_offs_; }
  [[nodiscard]] int deaths() const { return deaths_; }
  [[nodiscard]] int alerts() const { return alerts_; }
  [[nodiscard]] int idlers() const { return idlers_; }
  [[nodiscard]] int carried_over() const { return carried_over_; }

 private:
  int pick(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }
  Agent& any() { return agents_[static_cast<std::size_t>(pick(0, kAgents - 1))]; }
  Agent& agent_named(const std::string& name) {
    return name == agents_[0].name ? agents_[0] : agents_[1];
  }

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
  // Whether somebody has looked by its present name and restart: one that gets another name and
  // another restart between two looks is another watch.
  [[nodiscard]] bool is_known(const Agent& agent) const {
    const auto* const known = kept_state_.find(watch_of(agent));
    return known != nullptr && known->watch == agent.name;
  }
  // One without a restart is known by its name alone: another name is another watch.
  void rename(Agent& agent) {
    if (!agent.name.empty() && (agent.unit.empty() || !is_known(agent))) return;
    agent.name = "name-" + std::to_string(names_++);
  }
  // Adds, removes or corrects it.
  void edit_restart(Agent& agent) {
    if (!is_known(agent)) return;
    const std::array<std::string, 3> choice{"", "spare-" + agent.own_unit, agent.own_unit};
    agent.unit = choice.at(static_cast<std::size_t>(pick(0, 2)));
    if (agent.handed_off) ++carried_over_;
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
    for (const auto& agent : agents_)
      if (agent.listed) all.watches.push_back(watch_of(agent));
    return all;
  }
  [[nodiscard]] Watch watch_of(const Agent& agent) const {
    Watch watch{.name = agent.name, .stamp = agent.stamp, .rules = rules_};
    watch.rules.restarts = !agent.unit.empty();
    if (watch.rules.restarts) watch.restart = Restart{.unit = agent.unit};
    return watch;
  }

  // As `status` would show it, were all listed.
  [[nodiscard]] Target kept(const Agent& agent) const {
    State state = kept_state_;
    Settings all;
    for (const auto& each : agents_) all.watches.push_back(watch_of(each));
    (void)carry_over(state, all);
    return state.target(watch_of(agent));
  }

  void person_clears(Agent& agent) {
    if (!agent.listed) return;
    auto state = parse_state(disk_);
    (void)bring_into_line(state, settings(), now(), clock_.wall());
    clear(state.target(watch_of(agent)), "was cleared");
    agent.handed_off = false;
    agent.idle = Duration::zero();
    restarts_[agent.unit].clear();
    keep(state);
  }
  [[nodiscard]] Moment now() const { return {boot_, clock_.since_boot}; }

  // Without the records, on which nothing is decided.
  void keep(State state) {
    state.records.clear();
    disk_ = to_text(state);
    kept_state_ = parse_state(disk_);
    for (auto& agent : agents_) {
      const Target target = kept(agent);
      ASSERT_TRUE(target.handed_off || !agent.handed_off) << "a hand-off went without a word";
      if (target.handed_off && !agent.handed_off) {
        agent.told_of_hand_off = false;
        ++hand_offs_;
      }
      agent.handed_off = target.handed_off;
    }
  }

  void minute() {
    clock_.awake += 1min;
    clock_.since_boot += 1min;
    for (auto& agent : agents_) agent.beats += agent.living ? 1 : 0;
    bool looked = false;
    try {
      look();
      looked = true;
    } catch (const Killed&) {
    }
    for (auto& agent : agents_) {
      check(agent);
      check_that_it_is_acted_on(agent, looked);
    }
  }

  // A dead one is flagged, restarted within the pause, or handed off: it is never just let lie.
  void check_that_it_is_acted_on(Agent& agent, bool looked) {
    const Target target = kept(agent);
    const auto now = fmt::format("{} {} {} {} {} {} {} {} {}", boot_, agent.stamp, agent.unit,
                                 agent.listed, is_alive(agent), agent.trusted, agent.missing,
                                 rules_.after.count(), rules_.pause.count());
    const auto& restarts = restarts_[agent.unit];
    const bool acted = !restarts.empty() && clock_.awake - restarts.back() < 1min;
    const bool dead =
        !is_alive(agent) && agent.listed && (agent.trusted || agent.missing) && target.silence.ever;
    if (std::exchange(agent.seen, now) != now || !looked || !dead || acted)
      agent.idle = Duration::zero();
    else
      agent.idle += 1min;
    if (agent.idle <= rules_.after + 2min) return;
    ++idlers_;
    ASSERT_TRUE(target.active) << "nobody hears of a dead one";
    if (agent.unit.empty() || target.handed_off) return;
    ASSERT_LE(agent.idle, rules_.after + pause_after(rules_, target.tries) + 2min)
        << "a dead one is let lie";
  }
  static bool is_alive(const Agent& agent) { return agent.living && !agent.missing; }

  // A process of its own: all that it knows is on the disk.
  void look() {
    const auto all = settings();
    State state = parse_state(disk_);
    (void)bring_into_line(state, all, now(), clock_.wall());
    Round(all, state,
          {.clock = clock_,
           .boot = boot_,
           .host_name = "allegro",
           .runner = *this,
           .look = [&](const Watch& watch) { return sign_of(agent_named(watch.name)); },
           .keep =
               [&](const State& now) {
                 maybe_die();
                 keep(now);
                 count_restarts();
               }})
        .run();
  }

  static Sign sign_of(const Agent& agent) {
    if (agent.missing) return {Sign::Kind::missing, ""};
    if (agent.trusted) return {Sign::Kind::there, std::to_string(agent.beats)};
    return {Sign::Kind::untrusted, "a link, at \xff " + std::to_string(agent.beats)};
  }

  // Each intent that reaches the disk may have been carried out.
  void count_restarts() {
    for (const auto& agent : agents_) {
      const Target target = kept(agent);
      auto& restarts = restarts_[agent.unit];
      if (!target.intent) continue;
      if (!restarts.empty() && restarts.back() == clock_.awake) continue;
      if (target.intent->at != clock_.wall()) continue;
      ASSERT_FALSE(is_alive(agent) && agent.trusted) << "a living one is restarted";
      restarts.push_back(clock_.awake);
      const auto within = std::count_if(restarts.begin(), restarts.end(), [&](Duration at) {
        return clock_.awake - at < rules_.window;
      });
      ASSERT_LE(within, rules_.max_retries) << agent.unit;
    }
  }

  Ending alert(const Json& told) {
    Agent& agent = agent_named(told["target"].get<std::string>());
    ++alerts_;
    if (alert_is_slow_) {
      // What is left of a go comes in the next minutes.
      clock_.awake += 20s;
      clock_.since_boot += 20s;
      if (!agent.goes.empty() && clock_.awake - agent.goes.back() <= 2min) agent.goes.pop_back();
    }
    if (agent.goes.empty() || agent.goes.back() != clock_.awake) agent.goes.push_back(clock_.awake);
    if (!alert_works_) return {false, "status 1"};
    if (told["event"] == "handed_off") agent.told_of_hand_off = true;
    return {true, ""};
  }

  void check(Agent& agent) {
    std::erase_if(agent.goes, [&](Duration at) { return clock_.awake - at >= 8h; });
    ASSERT_LE(agent.goes.size(), 14u) << "alerts without end";
    const Target target = kept(agent);
    auto telling = target.telling;
    ASSERT_LE(telling.open.size(), 5u);
    ASSERT_TRUE(target.handed_off || !agent.handed_off) << "a hand-off went by an edit";
    if (target.handed_off && !agent.told_of_hand_off) {
      ASSERT_NE(telling.find(Event::handed_off), nullptr) << "a hand-off that nobody is told of";
    }
  }

  std::mt19937 random_;
  MachineClock clock_;
  std::string boot_ = "boot 0";
  int boots_ = 0;
  int names_ = 0;
  std::array<Agent, kAgents> agents_;
  // By unit: what may have been done, since a person's word.
  std::map<std::string, std::vector<Duration>> restarts_;
  Rules rules_;
  std::string disk_ = to_text(State{.id = "s"});
  State kept_state_;
  bool alert_works_ = true, alert_is_slow_ = false, takes_restarts_ = true, deadly_ = false;
  int jumps_ = 0, idlers_ = 0;
  int restarts_done_ = 0, hand_offs_ = 0, deaths_ = 0, alerts_ = 0, carried_over_ = 0;
};

TEST(RoundModel, NoUnitIsRestartedBeyondItsLimitAndNoAlertIsLost) {
  int restarts = 0, hand_offs = 0, deaths = 0, alerts = 0, carried_over = 0, idlers = 0;
  for (unsigned seed = 0; seed < 10; ++seed) {
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
    carried_over += world.carried_over();
    idlers += world.idlers();
  }
  EXPECT_GT(restarts, 30) << "these histories prove little";
  EXPECT_GT(hand_offs, 10) << "these histories prove little";
  EXPECT_GT(deaths, 30) << "these histories prove little";
  EXPECT_GT(alerts, 50) << "these histories prove little";
  EXPECT_GT(carried_over, 10) << "these histories prove little";
  EXPECT_GT(idlers, 50) << "these histories prove little";
}

}  // namespace
}  // namespace host::deadman
