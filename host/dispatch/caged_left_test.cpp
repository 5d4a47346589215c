// SPDX-License-Identifier: Apache-2.0
//
// A supervisor that has said its last while something of its run is left: nothing is done in the
// clone before that is gone.
#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>
#include <thread>

#include "base/test_folder.hpp"
#include "dispatch/caged_runs.hpp"
#include "dispatch/playbook_fixture.hpp"
#include "runs/run_lock.hpp"
#include "store/inline_store.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// Ends each run at once; its lock is held until free() is called.
class LeavesSomething final : public runs::Runner {
 public:
  LeavesSomething(Loop& loop, fs::path folder) : loop_(loop), folder_(std::move(folder)) {}
  void start(runs::RunSpec spec, Events events) override {
    make_directories(folder_ / spec.id, 0700);
    write_atomically(folder_ / spec.id / "output.log", "", 0600);
    locks_.push_back(runs::take_lock(runs::lock_path(folder_ / spec.id)));
    loop_.post([events] {
      runs::RunEnding ending;
      ending.kind = runs::RunEnding::Kind::lost;
      ending.evidence = "its supervisor is gone without a word";
      events.ended(ending);
    });
  }
  void free() { locks_.clear(); }
  [[nodiscard]] std::size_t held() const { return locks_.size(); }
  void cancel(const std::string&, std::string) override {}
  void alive(const std::string&) override {}
  void follow(const std::string&, std::uint64_t, Duration, Reply<runs::OutputPiece>) override {}
  [[nodiscard]] std::size_t running() const override { return 0; }

 private:
  Loop& loop_;
  fs::path folder_;
  std::vector<Fd> locks_;
};

class CagedLeftTest : public testing::Test {
 protected:
  CagedLeftTest() {
    cages_ = std::make_shared<ItemCages>(loop_, runner_, folders(), 1);
    runs_ = std::make_unique<CagedRuns>(RunWorld{loop_,
                                                 store_,
                                                 runner_,
                                                 blocking_,
                                                 cages_,
                                                 [] { return nullptr; },
                                                 [] { return 0; },
                                                 [] { return WallTime{}; },
                                                 [] { return false; },
                                                 folders(),
                                                 {.home = {}, .hermes_home = {}},
                                                 Log::to_memory(lines_)});
  }
  ~CagedLeftTest() override {
    cages_->close();
    blocking_.close();
  }
  [[nodiscard]] CageFolders folders() const { return {folder_ / "runs", folder_ / "scratch"}; }
  template <class Met>
  [[nodiscard]] bool run_until(Met met, Duration patience = 1min) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!met() && std::chrono::steady_clock::now() < until) {
      context_.restart();
      context_.run_one_for(20ms);
    }
    return met();
  }

  // Of the host's own, until its supervisor has said its last.
  void run_command(std::optional<Result<runs::RunEnding>>& ended) {
    blocking_.run(
        [cages = cages_] {
          runs::RunSpec spec;
          spec.id = cages->next_id();
          spec.arguments = {"/bin/true"};
          return cages->run(spec, [](std::string_view) { return true; });
        },
        Reply<runs::RunEnding>([&](Result<runs::RunEnding> ending) { ended = std::move(ending); }));
    ASSERT_TRUE(run_until([&] { return runner_.held() == 1; }));
  }

  TestFolder folder_;
  boost::asio::io_context context_;
  SystemClock wall_;
  AsioLoop loop_{context_, wall_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  InlineStore store_{loop_};
  BlockingWork blocking_{loop_};
  LeavesSomething runner_{loop_, folder_ / "runs"};
  std::shared_ptr<ItemCages> cages_;
  std::unique_ptr<CagedRuns> runs_;
};

TEST_F(CagedLeftTest, AnAgentsEndIsToldOnceNothingOfItIsLeft) {
  AttemptOrder order;
  order.run = "d1.1";
  order.work.item.repository = "org/app";
  order.work.playbook =
      std::make_shared<const Playbook>(parse_playbook(playbook_text("fixer"), "fixer.yaml"));
  order.work.lane = std::make_shared<const Lane>();
  order.work.agent.kind = AgentKind::command;
  order.work.agent.program = "/bin/true";
  order.workspace.tree = folder_ / "tree";
  fs::create_directories(order.workspace.tree);
  std::optional<Result<RunFacts>> ended;
  runs_->start(order, [&](Result<RunFacts> facts) { ended = std::move(facts); });
  ASSERT_TRUE(run_until([&] { return runner_.held() == 1 || ended; }));
  ASSERT_FALSE(ended) << ended->value().reason;
  EXPECT_FALSE(run_until([&] { return ended.has_value(); }, 300ms));
  EXPECT_EQ(runs_->running(), 1U) << "it keeps its place";
  runner_.free();
  ASSERT_TRUE(run_until([&] { return ended.has_value(); }));
  EXPECT_EQ(ended->value().how, RunEnd::interrupted);
  EXPECT_EQ(runs_->running(), 0U);
}

TEST_F(CagedLeftTest, ACommandsEndIsToldOnceNothingOfItIsLeft) {
  std::optional<Result<runs::RunEnding>> ended;
  run_command(ended);
  EXPECT_FALSE(run_until([&] { return ended.has_value(); }, 300ms));
  EXPECT_TRUE(fs::exists(folder_ / "runs" / "h1.1" / "lock")) << "others look there";
  runner_.free();
  ASSERT_TRUE(run_until([&] { return ended.has_value(); }));
  EXPECT_TRUE(ended->ok());
  EXPECT_FALSE(fs::exists(folder_ / "runs" / "h1.1"));
}

TEST_F(CagedLeftTest, AHostThatStopsWaitsForNothing) {
  std::optional<Result<runs::RunEnding>> ended;
  run_command(ended);
  (void)run_until([] { return false; }, 100ms);
  cages_->close();
  ASSERT_TRUE(run_until([&] { return ended.has_value(); }));
  EXPECT_EQ(ended->error().code(), Code::unavailable);
}

}  // namespace
}  // namespace host::dispatch
