// SPDX-License-Identifier: Apache-2.0
//
// Rounds as processes of their own, on a real state file: raced, and killed between decision,
// action and record. What a process truly restarted, it writes into a file of its own.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/error.hpp"
#include "base/test_folder.hpp"
#include "deadman/round_fixture.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;

enum class Death { none, before_the_action, after_the_action };

class RoundProcessTest : public ::testing::Test {
 protected:
  class ActingRunner final : public Runner {
   public:
    ActingRunner(std::filesystem::path done, Death death) : done_(std::move(done)), death_(death) {}
    Ending run(const Errand& errand) override {
      if (errand.arguments.front() == "/alert") return {true, ""};
      if (death_ == Death::before_the_action) ::raise(SIGKILL);
      std::ofstream(done_, std::ios::app) << "restart\n" << std::flush;
      if (death_ == Death::after_the_action) ::raise(SIGKILL);
      return {true, ""};
    }
    [[nodiscard]] bool has_bus(Manager) const override { return true; }

   private:
    std::filesystem::path done_;
    Death death_;
  };

  // 0, or the signal or status that it ended by.
  static int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  }

  // One look at the present minute, by a new process.
  pid_t start(Death death = Death::none) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(look(death));
    return child;
  }
  int look(Death death) {
    try {
      StateFile file(folder_ / "deadman" / "state.json");
      State state = file.load(hermes_settings(), clock_.wall());
      ActingRunner runner(folder_ / "done", death);
      Settings settings = hermes_settings();
      settings.watches[0].rules.pause = 2min;
      Round round(settings, state,
                  {.clock = clock_,
                   .boot = "one",
                   .runner = runner,
                   .look =
                       [](const Watch&) {
                         return Sign{Sign::Kind::there, "the last"};
                       },
                   .keep = [&](const State& kept) { file.save(kept); }});
      round.run();
      return 0;
    } catch (const Error& error) {
      return error.code() == Code::already_running ? 75 : 70;
    }
  }
  void pass(Duration time) {
    for (Duration passed{}; passed < time; passed += 1min) {
      clock_.advance(1min);
      ASSERT_EQ(wait_for(start()), 0);
    }
  }
  [[nodiscard]] int restarts() const {
    std::ifstream file(folder_ / "done");
    int count = 0;
    for (std::string line; std::getline(file, line);) ++count;
    return count;
  }
  [[nodiscard]] State kept() const { return read_state(folder_ / "deadman" / "state.json"); }
  [[nodiscard]] int recorded(Event event) const {
    int count = 0;
    for (const auto& record : kept().records) count += record.event == event;
    return count;
  }

  TestFolder folder_;
  FakeClock clock_;
};

TEST_F(RoundProcessTest, ManyAtOnceMakeOneRestart) {
  ASSERT_EQ(wait_for(start()), 0);
  pass(9min);
  for (int round = 1; round <= 3; ++round) {
    clock_.advance(1min);
    std::vector<pid_t> children;
    for (int i = 0; i < 8; ++i) children.push_back(start());
    int looked = 0;
    for (const pid_t child : children) {
      const int status = wait_for(child);
      EXPECT_TRUE(status == 0 || status == 75) << status;
      looked += status == 0;
    }
    EXPECT_GE(looked, 1);
    EXPECT_EQ(restarts(), round);
    EXPECT_EQ(recorded(Event::restarting), round);
    pass(9min);
  }
}

TEST_F(RoundProcessTest, OneKilledBeforeTheActionRestartsNothingAndIsSucceeded) {
  ASSERT_EQ(wait_for(start()), 0);
  pass(9min);
  clock_.advance(1min);
  ASSERT_EQ(wait_for(start(Death::before_the_action)), SIGKILL);
  EXPECT_EQ(restarts(), 0);
  EXPECT_TRUE(kept().targets.at("system:h.service").intent);
  pass(9min);
  EXPECT_EQ(restarts(), 0) << "nobody knows that it was not done";
  EXPECT_EQ(recorded(Event::restart_unknown), 1);
  pass(2h);
  EXPECT_EQ(restarts(), 2) << "it counted as one of three";
  EXPECT_TRUE(kept().targets.at("system:h.service").handed_off);
}

TEST_F(RoundProcessTest, OneKilledBetweenActionAndRecordRestartsNothingTwice) {
  ASSERT_EQ(wait_for(start()), 0);
  pass(9min);
  clock_.advance(1min);
  ASSERT_EQ(wait_for(start(Death::after_the_action)), SIGKILL);
  EXPECT_EQ(restarts(), 1);
  pass(9min);
  EXPECT_EQ(restarts(), 1);
  pass(2h);
  EXPECT_EQ(restarts(), 3);
  EXPECT_EQ(recorded(Event::restarting), 3);
  EXPECT_EQ(recorded(Event::restarted), 2);
  EXPECT_EQ(recorded(Event::restart_unknown), 1);
}

TEST_F(RoundProcessTest, OneKilledEachTimeStaysWithinItsLimit) {
  ASSERT_EQ(wait_for(start()), 0);
  for (int i = 0; i < 120; ++i) {
    clock_.advance(1min);
    (void)wait_for(start(Death::after_the_action));
  }
  EXPECT_EQ(restarts(), 3);
}

}  // namespace
}  // namespace host::deadman
