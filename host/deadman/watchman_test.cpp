// SPDX-License-Identifier: Apache-2.0
#include "deadman/watchman.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>

#include "base/error.hpp"
#include "base/test_folder.hpp"
#include "deadman/round_fixture.hpp"
#include "deadman/stamp.hpp"
#include "deadman/turn.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kSystemctl = "/usr/bin/systemctl";

class WatchmanTest : public ::testing::Test {
 protected:
  WatchmanTest() {
    std::filesystem::create_directory(folder_ / "stamps");
    ::chmod((folder_ / "stamps").c_str(), 0755);
    beat("first");
    configure("");
  }
  void configure(const std::string& more, const std::string& task = "train") {
    write_atomically(folder_ / "deadman.yaml",
                     more +
                         "watch:\n"
                         "  hermes: { stamp: " +
                         stamp() +
                         ", restart: { unit: h.service } }\n"
                         "  nightly: { task: " +
                         task +
                         ", restart: { unit: t.service } }\n"
                         "  ada: { work: { repositories: [org/app], user: ada } }\n"
                         "  host: { host: true }\n",
                     0600);
  }
  void beat(const std::string& text) { write_atomically(stamp(), text, 0644); }
  [[nodiscard]] std::string stamp() const { return (folder_ / "stamps" / "hermes").string(); }

  LookOrder order(const std::string& watch) const {
    return {.watch = watch, .tasks = tasks_, .may_restart = true};
  }
  Looked look(const LookOrder& order) { return watchman_.look(order); }
  // A look each minute; all that was recorded.
  std::vector<std::string> pass(Duration time, const LookOrder& order) {
    std::vector<std::string> events;
    for (Duration passed{}; passed < time; passed += 1min) {
      clock_.advance(1min);
      for (const auto& record : look(order).records) events.emplace_back(name(record.event));
    }
    return events;
  }
  Error refusal(const LookOrder& order) {
    try {
      (void)look(order);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "it was looked at";
    return Error(Code::internal, "");
  }
  [[nodiscard]] Duration now() const {
    return std::chrono::duration_cast<Duration>(clock_.monotonic().time_since_epoch());
  }
  [[nodiscard]] std::filesystem::path state_file() const {
    return folder_ / "deadman" / "state.json";
  }

  TestFolder folder_;
  Paths paths_ = Paths::from(
      Environment({{"HOME", folder_.path().string()}, {"TIMMY_HOME", folder_.path().string()}}));
  FakeClock clock_;
  FakeRunner runner_;
  std::map<std::string, std::string> tasks_{{"train", ""}};
  std::vector<Duration> pauses_;
  std::function<void()> on_pause_;
  Watchman watchman_{
      paths_, clock_, runner_, "one", "allegro", StampLooker(), [this](Duration time) {
        pauses_.push_back(time);
        if (on_pause_) on_pause_();
      }};
};

TEST_F(WatchmanTest, AStampThatStandsStillIsADeathThatIsRestarted) {
  look(order("hermes"));
  EXPECT_THAT(pass(10min, order("hermes")), ElementsAre("died", "restarting", "restarted"));
  EXPECT_THAT(runner_.of(kSystemctl), SizeIs(1));
  const auto after = look(order("hermes"));
  EXPECT_TRUE(after.standing.active);
  EXPECT_EQ(after.standing.tries, 1);
  EXPECT_THAT(after.state.records, SizeIs(3));
  EXPECT_EQ(read_state(state_file()).last_record, 3) << "as the one-shot will find it";
}

TEST_F(WatchmanTest, AStampAtWhichLooksHangIsNobodyElses) {
  std::promise<void> back;
  Watchman watchman(paths_, clock_, runner_, "one", "allegro",
                    StampLooker(1ms, [gone = back.get_future().share()](const auto&, const auto&) {
                      gone.wait();
                      return Sign{};
                    }));
  EXPECT_THAT(watchman.look(order("hermes")).standing.text, HasSubstr("takes longer than 1ms"));
  EXPECT_EQ(watchman.look(order("nightly")).standing.state, "waiting");
  std::vector<std::string> events;
  for (int minute = 0; minute < 180; ++minute) {
    clock_.advance(1min);
    for (const auto& record : watchman.look(order("hermes")).records)
      events.emplace_back(name(record.event));
  }
  EXPECT_THAT(events, ElementsAre("unwatchable")) << "nobody is dead for it";
  back.set_value();
}

TEST_F(WatchmanTest, AProgramThatHangsAsItIsCheckedIsATryThatFailedAndLeavesTheStateToOthers) {
  std::promise<void> back;
  ProgramRunner away(Environment(), 1ms,
                     [gone = back.get_future().share()](const std::string&) { gone.wait(); });
  Watchman watchman(paths_, clock_, away, "one", "allegro", StampLooker(), [](Duration) {});
  std::vector<std::string> events;
  for (int minute = 0; minute <= 10; ++minute) {
    for (const auto& record : watchman.look(order("hermes")).records)
      events.emplace_back(name(record.event));
    clock_.advance(1min);
  }
  EXPECT_THAT(events, ElementsAre("died", "restarting", "restart_failed"));
  const auto after = look(order("hermes"));
  EXPECT_EQ(after.standing.tries, 1);
  EXPECT_THAT(after.state.records.back().text, HasSubstr("takes too long"));
  back.set_value();
}

TEST_F(WatchmanTest, WhoMayNotRestartFlagsAlone) {
  auto mine = order("hermes");
  mine.may_restart = false;
  look(mine);
  EXPECT_THAT(pass(3h, mine), ElementsAre("died"));
  EXPECT_THAT(runner_.errands, IsEmpty());
  EXPECT_TRUE(look(mine).standing.active);
  EXPECT_TRUE(look(mine).watch.restart) << "what is declared is told all the same";
}

TEST_F(WatchmanTest, WhatNoOneShotSeesIsNotRestartedAtAllByWhoMayNot) {
  for (const bool may : {false, true}) {
    auto mine = order("nightly");
    mine.may_restart = may;
    EXPECT_EQ(look(mine).withheld, !may);
    mine.watch = "hermes";
    EXPECT_FALSE(look(mine).withheld) << "a one-shot restarts it";
  }
  auto mine = LookOrder{.watch = "ada", .sign = Sign{Sign::Kind::there, "1"}};
  EXPECT_FALSE(look(mine).withheld) << "nothing is declared";
}

TEST_F(WatchmanTest, WhoMayNotRestartCountsWithWhoMay) {
  look(order("hermes"));
  pass(3h, order("hermes"));
  auto mine = order("hermes");
  mine.may_restart = false;
  EXPECT_TRUE(look(mine).standing.handed_off);
  EXPECT_EQ(look(mine).standing.tries, 3);
}

TEST_F(WatchmanTest, TheMarkOfATaskIsNoneOfAnother) {
  tasks_["train"] = "job 7";
  look(order("nightly"));
  configure("", "tune");
  tasks_ = {{"tune", ""}};
  EXPECT_EQ(look(order("nightly")).standing.state, "waiting");
}

TEST_F(WatchmanTest, TheOneShotAndTheHostShareTheirThreeRestarts) {
  look(order("hermes"));
  for (int minute = 0; minute < 600; ++minute) {
    clock_.advance(1min);
    if (minute % 2 == 0) {
      look(order("hermes"));
      continue;
    }
    const auto settings = seen_from_outside(load_settings(settings_path(paths_), paths_));
    StateFile file(state_file());
    State state = file.load(settings, clock_.wall());
    Round(settings, state,
          {.clock = clock_,
           .boot = "one",
           .runner = runner_,
           .look =
               [](const Watch& watch) {
                 return watch.kind == Watch::Kind::host ? Sign{}
                                                        : look_at_stamp(watch.stamp, watch.user);
               },
           .keep = [&](const State& kept) { file.save(kept); }})
        .run();
  }
  EXPECT_THAT(runner_.of(kSystemctl), SizeIs(3));
  EXPECT_TRUE(look(order("hermes")).standing.handed_off);
}

TEST_F(WatchmanTest, ATaskLivesByItsRunsThatComplete) {
  EXPECT_EQ(look(order("nightly")).standing.state, "waiting");
  for (int job = 1; job <= 30; ++job) {
    tasks_["train"] = "job " + std::to_string(job);
    EXPECT_THAT(pass(5min, order("nightly")), IsEmpty());
  }
  EXPECT_THAT(pass(10min, order("nightly")), ElementsAre("died", "restarting", "restarted"));
}

TEST_F(WatchmanTest, ARestartOfTheHostIsNoSignOfATask) {
  tasks_["train"] = "job 7";
  look(order("nightly"));
  EXPECT_THAT(pass(6min, order("nightly")), IsEmpty());
  tasks_["train"] = "";  // another host, in which none has completed yet
  EXPECT_THAT(pass(4min, order("nightly")), ElementsAre("died", "restarting", "restarted"));
}

TEST_F(WatchmanTest, ATaskThatDoesNotRunHereCantBeWatched) {
  tasks_.clear();
  const auto looked = look(order("nightly"));
  EXPECT_THAT(looked.standing.text, HasSubstr("no task \"train\" runs on this host"));
  EXPECT_THAT(pass(3h, order("nightly")), ElementsAre("unwatchable"));
  EXPECT_EQ(look(order("nightly")).standing.state, "unwatchable");
  EXPECT_THAT(runner_.of(kSystemctl), IsEmpty());
}

TEST_F(WatchmanTest, OfWorkItTakesTheSignThatIsHandedIn) {
  auto ada = order("ada");
  ada.sign = Sign{Sign::Kind::there, "comment 1"};
  look(ada);
  EXPECT_THAT(pass(9min, ada), IsEmpty());
  ada.sign->mark = "comment 2";
  EXPECT_THAT(pass(9min, ada), IsEmpty());
  EXPECT_THAT(pass(3min, ada), ElementsAre("died"));
}

TEST_F(WatchmanTest, ASignThatDoesNotFitIsRefused) {
  EXPECT_EQ(refusal(order("ada")).code(), Code::usage);
  auto forged = order("hermes");
  forged.sign = Sign{Sign::Kind::there, "alive, honestly"};
  EXPECT_EQ(refusal(forged).code(), Code::usage);
  auto ada = order("ada");
  ada.sign = Sign{Sign::Kind::there, std::string(501, 'x')};
  EXPECT_EQ(refusal(ada).code(), Code::too_large);
  ada.sign = Sign{Sign::Kind::there, ""};
  EXPECT_EQ(refusal(ada).code(), Code::usage);
  EXPECT_EQ(refusal(order("nobody")).code(), Code::not_found);
  EXPECT_FALSE(std::filesystem::exists(state_file()));
}

TEST_F(WatchmanTest, AtTheHostItselfItDoesNotLook) {
  const auto looked = look(order("host"));
  EXPECT_EQ(looked.standing.state, "unseen");
  EXPECT_THAT(looked.standing.text, HasSubstr("looked at by timmy-host deadman --once"));
  EXPECT_FALSE(std::filesystem::exists(state_file())) << "nothing was seen";
}

TEST_F(WatchmanTest, ADryRunHasAStateOfItsOwnAndRunsNothing) {
  auto dry = order("hermes");
  dry.dry_run = true;
  look(dry);
  EXPECT_THAT(pass(3h, dry),
              ElementsAre("died", "restarting", "restarting", "restarting", "handed_off"));
  EXPECT_THAT(runner_.errands, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(state_file()));
  EXPECT_TRUE(survey(paths_, true).settings.dry_run);
  EXPECT_TRUE(survey(paths_, true).state.targets.at("system:h.service").handed_off);
  EXPECT_TRUE(survey(paths_).state.targets.empty());
}

TEST_F(WatchmanTest, WhatDeadmanYamlSaysOfADryRunHolds) {
  configure("dry_run: true\n");
  EXPECT_TRUE(look(order("hermes")).dry_run);
  EXPECT_FALSE(std::filesystem::exists(state_file()));
}

TEST_F(WatchmanTest, BetweenTwoLooksOthersHaveTwoStepsToFindTheStateFree) {
  look(order("hermes"));
  EXPECT_THAT(pauses_, IsEmpty());
  look(order("nightly"));
  EXPECT_THAT(pauses_, ElementsAre(2 * kTurnStep));
  clock_.advance(2 * kTurnStep);
  look(order("hermes"));
  EXPECT_THAT(pauses_, SizeIs(1)) << "they had it";
}

TEST_F(WatchmanTest, TheAlertsOfAllLooksOfAMinuteTogetherHaveHalfAMinute) {
  configure("alert: [/alert]\n");
  tasks_["train"] = "job 7";
  runner_.clock = &clock_;
  runner_.alert_takes = 20s;
  look(order("hermes"));
  look(order("nightly"));
  for (int minute = 0; minute < 9; ++minute) {
    clock_.advance(1min);
    look(order("hermes"));
    look(order("nightly"));
  }
  clock_.advance(1min);
  look(order("hermes"));
  look(order("nightly"));
  EXPECT_THAT(runner_.of("/alert"), SizeIs(1));
  clock_.advance(1min);
  look(order("nightly"));
  EXPECT_THAT(runner_.of("/alert"), SizeIs(2)) << "it is told in the next minute";
}

// Another deadman, which has the state in a process of its own until it is ended.
class Other {
 public:
  explicit Other(const std::filesystem::path& state) {
    int ready[2];
    EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      const StateFile held(state);
      (void)!::write(ready[1], "x", 1);
      for (;;) ::pause();
    }
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  Other(const Other&) = delete;
  Other& operator=(const Other&) = delete;
  ~Other() { end(); }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

TEST_F(WatchmanTest, WhileAnotherDeadmanIsAtWorkItIsForLater) {
  Other other(state_file());
  const auto refused = refusal(order("hermes"));
  EXPECT_EQ(refused.code(), Code::unavailable);
  EXPECT_THAT(refused.message(), HasSubstr(std::to_string(other.pid())));
  other.end();
  EXPECT_EQ(look(order("hermes")).standing.state, "alive");
}

TEST_F(WatchmanTest, ForAnotherThatIsDoneAtOnceItWaits) {
  Other other(state_file());
  on_pause_ = [&] {
    if (pauses_.size() == 3) other.end();
  };
  EXPECT_EQ(look(order("hermes")).standing.state, "alive");
  EXPECT_THAT(pauses_, ElementsAre(kTurnStep, kTurnStep, kTurnStep));
}

TEST_F(WatchmanTest, AllLooksOfAMinuteTogetherWaitFiveSecondsForAnother) {
  const Other other(state_file());
  const auto waited = [&] { return pauses_.size() * kTurnStep; };
  (void)refusal(order("hermes"));
  EXPECT_EQ(waited(), 5s);
  (void)refusal(order("nightly"));
  EXPECT_EQ(waited(), 5s) << "a run over many watches would wait for ever";
  clock_.advance(1min);
  (void)refusal(order("nightly"));
  EXPECT_EQ(waited(), 10s);
}

TEST_F(WatchmanTest, WhatItSawBeforeItsTurnIsNoSignOfLifeAfterALaterOne) {
  look(order("hermes"));
  clock_.advance(1min);
  Other other(state_file());
  // What the other sees and keeps meanwhile; then the agent dies.
  on_pause_ = [&] {
    if (pauses_.size() > 1) return;
    beat("the last");
    other.end();
    StateFile file(state_file());
    State state = file.load({}, clock_.wall());
    (void)state.targets.at("system:h.service")
        .silence.look(look_at_stamp(stamp(), ""), {"one", now()}, 10min);
    file.save(state);
  };
  EXPECT_EQ(look(order("hermes")).state.targets.at("system:h.service").silence.mark,
            look_at_stamp(stamp(), "").mark);
  on_pause_ = nullptr;
  EXPECT_THAT(pass(9min, order("hermes")), IsEmpty());
  EXPECT_THAT(pass(1min, order("hermes")), ElementsAre("died", "restarting", "restarted"))
      << "it was kept alive by a look of before";
}

// No wait for the lock says so: it was free again by then.
TEST_F(WatchmanTest, WhatAnotherJudgedWhileItLookedIsNotTakenBack) {
  look(order("hermes"));
  clock_.advance(1min);
  int looks = 0;
  const auto overtaken = [&](const auto&, const auto&) {
    if (++looks > 1) return Sign{Sign::Kind::there, "newer"};
    clock_.advance(1s);
    StateFile file(state_file());
    State state = file.load({}, clock_.wall());
    (void)state.targets.at("system:h.service")
        .silence.look({Sign::Kind::there, "newer"}, {"one", now()}, 10min);
    file.save(state);
    clock_.advance(1s);
    return Sign{Sign::Kind::there, "older"};
  };
  Watchman other(paths_, clock_, runner_, "one", "allegro",
                 StampLooker(1h, overtaken, [](const auto& work) { work(); }));
  const auto looked = other.look(order("hermes"));
  EXPECT_EQ(looks, 2);
  EXPECT_EQ(looked.state.targets.at("system:h.service").silence.mark, "newer");
  EXPECT_EQ(looked.standing.silent, 1s) << "an older sign was taken for life";
}

TEST_F(WatchmanTest, TellsWhatIsWatchedAndHowItStands) {
  look(order("hermes"));
  const auto seen = survey(paths_);
  std::vector<std::string> names;
  for (const auto& watch : seen.settings.watches) names.push_back(watch.name);
  EXPECT_THAT(names, ElementsAre("ada", "hermes", "host", "nightly"));
  const auto all = standings(seen.settings, seen.state, {"one", 100h + 1min});
  EXPECT_EQ(all.at(1).state, "alive");
  EXPECT_EQ(all.at(0).watched, "work of ada in org/app");
  EXPECT_EQ(all.at(3).watched, "task train");
}

}  // namespace
}  // namespace host::deadman
