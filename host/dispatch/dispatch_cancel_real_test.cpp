// SPDX-License-Identifier: Apache-2.0
//
// A cancel while a workspace is made and set up, with real git and real programs in real cages.
#include "dispatch/dispatch_real_fixture.hpp"

namespace host::dispatch {
namespace {

class CancelForReal : public DispatchForReal {
 protected:
  void cancel_and_expect_stopped(Gate gate = Gate::track) {
    const auto from = std::chrono::steady_clock::now();
    bool promised = false;
    life_->dispatcher->cancel(items().front().id, "by hand",
                              [&](const Result<Item>& item) { promised = item.ok(); });
    const auto item = ended_item();
    EXPECT_TRUE(promised);
    EXPECT_EQ(item.at, (Position{gate, ItemState::stopped})) << item.reason;
    EXPECT_EQ(item.reason, "by hand");
    EXPECT_EQ(item.runs, gate == Gate::track ? 0 : 1);
    // A fetch that nobody ends takes a minute here.
    EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::seconds(30));
    EXPECT_EQ(life_->runner.running(), 0U);
  }
  // From the next host on: fetches take for ever, until make_git_quick(). Like one that is killed
  // it leaves its lock.
  void make_git_slow() {
    git_program_ = folder_ / "bin" / "slow-git";
    put_program(git_program_,
                "#!/bin/sh\nat_work='" + at_work().string() + "'\nquick='" + quick().string() + R"('
case "$*" in *' fetch '*)
  if test ! -e "$quick"; then
    for word; do
      case $word in --git-dir=*) heads=${word#--git-dir=}/refs/forge/heads ;; esac
    done
    mkdir -p "$heads" && touch "$heads/main.lock"
    touch "$at_work"
    sleep 600 & wait
  fi ;;
esac
exec /usr/bin/git "$@"
)");
  }
  void make_git_quick() const { std::ofstream(quick()) << "now"; }
  [[nodiscard]] bool git_is_at_work() const { return std::filesystem::exists(at_work()); }

 private:
  [[nodiscard]] std::filesystem::path at_work() const { return folder_ / "at-work"; }
  [[nodiscard]] std::filesystem::path quick() const { return folder_ / "quick"; }
};

TEST_F(CancelForReal, EndsTheSetupThatIsUnderWayAndARetryBeginsItAnew) {
  agent_is(kFix);
  // It goes on for ever once, and is nothing the second time, nor where the work is verified.
  start_host_with(
      "limits: { attempts: 2, tokens: 10000, wall: 2m, stall: 60s }\n"
      "workspace: { setup: [ { run: [sh, -c, \"test -e .git/begun || grep -q 'return 0' src/main.c "
      "|| { touch .git/begun; sleep 600; }\"], timeout: 10m } ] }\n");
  ASSERT_TRUE(run_until([this] {
    for (const auto& clone : life_->git.clones().list().clones)
      if (std::filesystem::exists(clone.tree() / ".git" / "begun")) return true;
    return false;
  })) << testing::PrintToString(*lines_);
  cancel_and_expect_stopped();
  EXPECT_TRUE(std::filesystem::is_empty(state() / "s"));
  life_->dispatcher->retry(items().front().id, [](const auto&) {});
  ASSERT_TRUE(run_until([this] { return items().front().live(); }));
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::done) << name(item.at.gate) << ": " << item.reason;
}

TEST_F(CancelForReal, EndsAFetchThatIsUnderWayAndLeavesNoLockOfIt) {
  agent_is(kFix);
  make_git_slow();
  start_host();
  ASSERT_TRUE(run_until([&] { return git_is_at_work(); }));
  cancel_and_expect_stopped();
  make_git_quick();
  // In the same life of the host. The cage has no such git, so that is how far it comes.
  life_->dispatcher->retry(items().front().id, [](const auto&) {});
  EXPECT_TRUE(run_until([this] { return items().front().runs == 1; }));
  EXPECT_EQ(items().front().runs, 1) << items().front().reason;
}

TEST_F(CancelForReal, EndsTheFetchOfTheGatesToo) {
  agent_is(kFix);
  // Setup goes on for ever where the work is verified, so that the next host begins there.
  const std::string playbook =
      "limits: { attempts: 2, tokens: 10000, wall: 2m, stall: 60s }\n"
      "workspace: { setup: [ { run: [sh, -c, \"if grep -q 'return 0' src/main.c; then sleep 600; "
      "fi\"], timeout: 10m } ] }\n";
  start_host_with(playbook);
  ASSERT_TRUE(run_until([this] {
    return !items().empty() && items().front().at.gate == Gate::verify &&
           life_->runner.running() == 1;
  })) << testing::PrintToString(*lines_);
  end_host();
  make_git_slow();
  start_host_with(playbook);
  ASSERT_TRUE(run_until([&] { return git_is_at_work(); })) << testing::PrintToString(*lines_);
  cancel_and_expect_stopped(Gate::verify);
  EXPECT_EQ(life_->verifier.under_way(), 0U);
}

}  // namespace
}  // namespace host::dispatch
