// SPDX-License-Identifier: Apache-2.0
#include "app/deadman_looks.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "base/fake_loop.hpp"
#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "deadman/round_fixture.hpp"
#include "store/inline_store.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A loop that can be waited for.
class WaitingLoop final : public Loop {
 public:
  void post(std::function<void()> work) override {
    {
      const std::scoped_lock lock(mutex_);
      inner_.post(std::move(work));
      ++posted_;
    }
    came_.notify_one();
  }
  [[nodiscard]] Timer after(Duration delay, std::function<void()> work) override {
    return inner_.after(delay, std::move(work));
  }
  [[nodiscard]] const Clock& clock() const override { return inner_.clock(); }
  [[nodiscard]] FakeClock& fake_clock() { return inner_.fake_clock(); }

  void run_until(const std::function<bool()>& met) {
    inner_.drain();
    while (!met()) {
      std::unique_lock lock(mutex_);
      const auto seen = posted_;
      lock.unlock();
      inner_.drain();
      if (met()) return;
      lock.lock();
      came_.wait(lock, [&] { return posted_ != seen; });
      lock.unlock();
      inner_.drain();
    }
  }

 private:
  FakeLoop inner_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::size_t posted_ = 0;
};

// One that is held up until it is let go.
class SlowRunner final : public deadman::Runner {
 public:
  deadman::Ending run(const deadman::Errand& errand) override {
    if (deadman::is_question(errand)) return {false, "no systemd"};
    std::unique_lock lock(mutex_);
    began_ = true;
    came_.notify_all();
    came_.wait(lock, [this] { return open_; });
    ++runs_;
    return {true, "status 0"};
  }
  [[nodiscard]] bool has_bus(deadman::Manager) const override { return true; }
  void wait_begun() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [this] { return began_; });
  }
  void open() {
    const std::scoped_lock lock(mutex_);
    open_ = true;
    came_.notify_all();
  }
  [[nodiscard]] int runs() {
    const std::scoped_lock lock(mutex_);
    return runs_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  bool began_ = false;
  bool open_ = false;
  int runs_ = 0;
};

class DeadmanLooksTest : public ::testing::Test {
 protected:
  DeadmanLooksTest() {
    std::filesystem::create_directory(folder_ / "stamps");
    ::chmod((folder_ / "stamps").c_str(), 0755);
    write_atomically(folder_ / "stamps" / "hermes", "x", 0644);
    configure("  hermes: { stamp: " + (folder_ / "stamps" / "hermes").string() +
              ", restart: { unit: h.service } }\n  train: { task: train }\n");
    looks_.set_tasks({"train"});
  }
  ~DeadmanLooksTest() override { runner_.open(); }
  void configure(const std::string& watches) {
    write_atomically(folder_ / "deadman.yaml", "watch:\n" + watches, 0600);
  }
  Result<deadman::Looked> look(const std::string& name) {
    std::optional<Result<deadman::Looked>> looked;
    looks_.look({.watch = name, .may_restart = true},
                [&](Result<deadman::Looked> answer) { looked = std::move(answer); });
    loop_.run_until([&] { return looked.has_value(); });
    loop_.run_until([] { return true; });
    return *looked;
  }
  void read() {
    bool done = false;
    looks_.read();
    // What is asked for later is answered later.
    looks_.survey(false, [&](const Result<deadman::Survey>&) { done = true; });
    loop_.run_until([&] { return done; });
    loop_.run_until([] { return true; });
  }
  // Until it is dead, and restarts are about to be made.
  void let_it_die() {
    runner_.open();
    for (int minute = 0; minute <= 10; ++minute) {
      ASSERT_TRUE(look("hermes").ok());
      loop_.fake_clock().advance(1min);
    }
  }
  std::vector<std::string> audited() {
    return store_.run_now([](Unit& unit) {
      auto& row = unit.query("SELECT what FROM audit ORDER BY id");
      std::vector<std::string> all;
      while (row.step()) all.push_back(row.string(0));
      return all;
    });
  }

  TestFolder folder_;
  Paths paths_ = Paths::from(
      Environment({{"HOME", folder_.path().string()}, {"TIMMY_HOME", folder_.path().string()}}));
  WaitingLoop loop_;
  InlineStore store_{loop_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  SlowRunner runner_;
  DeadmanLooks looks_{{.paths = paths_, .host_name = "allegro", .boot = "one", .most_waiting = 3},
                      loop_,
                      store_,
                      loop_.clock(),
                      runner_,
                      Log::to_memory(lines_)};
};

TEST_F(DeadmanLooksTest, WithoutAThreadThatIsSaidAndTheNextReadTriesAgain) {
  bool refused = true;
  DeadmanLooks looks({.paths = paths_,
                      .host_name = "allegro",
                      .boot = "one",
                      .start =
                          [&](auto work) {
                            if (refused)
                              throw std::system_error(EAGAIN, std::generic_category(), "a thread");
                            return std::thread(std::move(work));
                          }},
                     loop_, store_, loop_.clock(), runner_, Log::to_memory(lines_));
  looks.read();
  loop_.run_until([&] { return !lines_->empty(); });
  EXPECT_THAT(*lines_, Contains(HasSubstr("can't be read")));
  refused = false;
  looks.read();
  loop_.run_until([&] { return looks.report().value("watches", Json::array()).size() == 2; });
}

TEST_F(DeadmanLooksTest, ALookIsAnsweredOnTheLoopAndAudited) {
  const auto loop_thread = std::this_thread::get_id();
  let_it_die();
  EXPECT_EQ(runner_.runs(), 1);
  EXPECT_THAT(audited(), ElementsAre("deadman.died", "deadman.restarting", "deadman.restarted"));
  std::optional<std::thread::id> answered;
  looks_.look({.watch = "hermes"},
              [&](const Result<deadman::Looked>&) { answered = std::this_thread::get_id(); });
  EXPECT_FALSE(answered) << "never from inside the call";
  loop_.run_until([&] { return answered.has_value(); });
  EXPECT_EQ(answered, loop_thread);
  EXPECT_EQ(audited().size(), 3u);
}

TEST_F(DeadmanLooksTest, TheReportIsAsOfTheLastLook) {
  EXPECT_EQ(looks_.report(), (Json{{"configured", false}}));
  read();
  EXPECT_EQ(looks_.report()["watches"][0]["state"], "unseen");
  let_it_die();
  EXPECT_EQ(looks_.report()["deadman_active"], true);
  EXPECT_EQ(looks_.report()["watches"][0]["name"], "hermes");
  EXPECT_EQ(looks_.report()["watches"][0]["tries"], 1);
}

TEST_F(DeadmanLooksTest, WhatAOneShotRecordedIsTakenOverOnce) {
  read();
  {
    deadman::StateFile file(deadman::state_path(paths_, false));
    const auto all = deadman::load_settings(deadman::settings_path(paths_), paths_);
    auto state = file.load(all, loop_.clock().wall());
    state.target(all.find("hermes")).active = true;
    state.add({.at = loop_.clock().wall(), .target = "hermes", .text = "died"});
    file.save(state);
  }
  read();
  read();
  EXPECT_THAT(audited(), ElementsAre("deadman.died"));
  EXPECT_EQ(looks_.report()["deadman_active"], true);
}

TEST_F(DeadmanLooksTest, AWatchOfATaskSeesItsRunsThatComplete) {
  EXPECT_EQ(look("train").value().standing.state, "waiting");
  looks_.completed("train", 7);
  EXPECT_EQ(look("train").value().standing.state, "alive");
  looks_.set_tasks({});
  looks_.completed("train", 8);
  EXPECT_THAT(look("train").value().standing.text,
              HasSubstr("no task \"train\" runs on this host"));
}

TEST_F(DeadmanLooksTest, WhatAPluginMayNotRestartIsKnownWithEachReadAndLookUntilItMay) {
  configure("  train: { task: train, restart: { unit: t.service } }\n");
  std::vector<std::set<std::string>> noted;
  looks_.when_noted([&](const deadman::Survey& survey) { noted.push_back(survey.withheld); });
  const auto look_and_read = [&](bool may) {
    bool looked = false;
    read();
    looks_.look({.watch = "train", .may_restart = may}, [&](const auto&) { looked = true; });
    loop_.run_until([&] { return looked; });
    read();
  };
  look_and_read(false);
  look_and_read(true);
  const std::set<std::string> none;
  const std::set<std::string> train{"train"};
  EXPECT_THAT(noted, ElementsAre(none, train, train, train, none, none));
}

TEST_F(DeadmanLooksTest, ARestartThatTakesLongHoldsUpNobodyAndLooksAreBounded) {
  ASSERT_TRUE(look("hermes").ok());
  std::vector<Code> refused;
  int answered = 0;
  const auto ask = [&] {
    looks_.look({.watch = "hermes", .may_restart = true}, [&](const Result<deadman::Looked>& it) {
      ++answered;
      if (!it.ok()) refused.push_back(it.error().code());
    });
  };
  for (int minute = 0; minute < 9; ++minute) {
    loop_.fake_clock().advance(1min);
    ASSERT_TRUE(look("hermes").ok());
  }
  loop_.fake_clock().advance(1min);
  ask();
  runner_.wait_begun();
  for (int i = 0; i < 4; ++i) ask();
  loop_.run_until([&] { return answered == 1; });
  EXPECT_THAT(refused, ElementsAre(Code::rate_limited)) << "three wait, the fourth is refused";
  runner_.open();
  loop_.run_until([&] { return answered == 5; });
  EXPECT_EQ(runner_.runs(), 1);
}

TEST_F(DeadmanLooksTest, ATaskThatCompletesWhileItsLookWaitsIsAlive) {
  for (int minute = 0; minute < 10; ++minute) {
    ASSERT_TRUE(look("hermes").ok());
    loop_.fake_clock().advance(1min);
  }
  looks_.look({.watch = "hermes", .may_restart = true}, [](const auto&) {});
  runner_.wait_begun();
  std::optional<std::string> state;
  looks_.look({.watch = "train"}, [&](const Result<deadman::Looked>& looked) {
    state = looked.value().standing.state;
  });
  looks_.completed("train", 7);
  runner_.open();
  loop_.run_until([&] { return state.has_value(); });
  EXPECT_EQ(state, "alive") << "it was judged by what was known when it was asked for";
}

TEST_F(DeadmanLooksTest, HoweverManyLooksWaitItReadsHowThingsStand) {
  ASSERT_TRUE(look("hermes").ok());
  for (int minute = 0; minute < 9; ++minute) {
    loop_.fake_clock().advance(1min);
    ASSERT_TRUE(look("hermes").ok());
  }
  loop_.fake_clock().advance(1min);
  std::vector<std::string> reports;
  const auto ask = [&] {
    looks_.look({.watch = "hermes", .may_restart = true}, [&](const Result<deadman::Looked>&) {
      reports.push_back(to_text(looks_.report()));
    });
  };
  ask();
  runner_.wait_begun();
  for (int i = 0; i < 3; ++i) ask();
  configure("  ada: { stamp: /stamps/ada }\n  hermes: { stamp: /stamps/hermes }\n");
  looks_.read();
  runner_.open();
  loop_.run_until([&] { return reports.size() == 4; });
  EXPECT_THAT(reports[1], HasSubstr("ada")) << "before the looks that waited";
  EXPECT_EQ(looks_.report()["fault"], "");
}

TEST_F(DeadmanLooksTest, ALookThatHangsKeepsNeitherOthersNorTheHostsEnd) {
  std::promise<void> back;
  {
    const auto hang = [gone = back.get_future().share()](const auto&, const auto&) {
      gone.wait();
      return deadman::Sign{};
    };
    DeadmanLooks looks({.paths = paths_,
                        .host_name = "allegro",
                        .boot = "one",
                        .stamps = deadman::StampLooker(1ms, hang)},
                       loop_, store_, loop_.clock(), runner_, Log::to_memory(lines_));
    looks.set_tasks({"train"});
    std::vector<std::string> told;
    for (const auto* name : {"hermes", "train", "hermes"})
      looks.look({.watch = name}, [&](const Result<deadman::Looked>& looked) {
        told.push_back(looked.value().standing.text);
      });
    loop_.run_until([&] { return told.size() == 3; });
    EXPECT_THAT(told[0], HasSubstr("takes longer than 1ms"));
    EXPECT_THAT(told[1], HasSubstr("no sign of life was ever seen"));
    EXPECT_EQ(told[2], told[0]);
  }
  back.set_value();
}

TEST_F(DeadmanLooksTest, AFaultOfDeadmanYamlIsLoggedOnceAndReported) {
  configure("  hermes: { stmp: /s }\n");
  read();
  read();
  EXPECT_THAT(looks_.report()["fault"].get<std::string>(), HasSubstr("stamp"));
  int said = 0;
  for (const auto& line : *lines_) said += line.find("deadman.yaml") != std::string::npos;
  EXPECT_EQ(said, 1);
  EXPECT_THAT(audited(), IsEmpty());
}

TEST_F(DeadmanLooksTest, WhatTheStoreDidNotTakeComesWithTheNextState) {
  read();
  store_.run_now([](Unit& unit) { unit.run("ALTER TABLE audit RENAME TO away"); });
  let_it_die();
  store_.run_now([](Unit& unit) { unit.run("ALTER TABLE away RENAME TO audit"); });
  read();
  EXPECT_THAT(audited(), Contains("deadman.restarted"));
  EXPECT_EQ(audited().size(), 3u);
}

}  // namespace
}  // namespace host
