// SPDX-License-Identifier: Apache-2.0
//
// Many runs at once on a real store and loop, for the last tokens of the budget's caps and of those
// that they set on themselves.
#include <gtest/gtest.h>

#include "base/test_folder.hpp"
#include "tokens/small_host.hpp"

namespace host {
namespace {

const ModelName kModel{"openai", "gpt-4o"};

// Runs that hold, settle with less, and hold again until there is nothing left. Half of them ask
// over the ledger's loop, half as the meter's calls do.
class Race {
 public:
  // `own`: what each run sets on itself.
  Race(SmallHost& host, std::vector<OwnCap> own) : host_(host), own_(std::move(own)) {}

  void begin(int runs) {
    running_ = runs;
    for (int i = 1; i <= runs; ++i) {
      Spender who;
      who.pipeline = "race";
      who.run = std::to_string(i) + ".1";
      host_.ledger().reserve({who, Tokens(i % 2 == 0 ? 100 : 0), {}},
                             [this, i](Result<ReservationId> id) {
                               if (id)
                                 hold({id.value(), i % 4 < 2});
                               else
                                 finish();
                             });
    }
  }
  [[nodiscard]] int granted() const { return granted_; }

 private:
  struct Run {
    ReservationId reservation;
    bool as_meter = false;
  };

  void hold(const Run& run) {
    const HoldAsk ask{kModel, Tokens(20), Tokens(80), Tokens(0), own_};
    const Reply<Hold> held = [this, run](Result<Hold> hold) {
      if (!hold) return release(run);
      ++granted_;
      look();
      settle(run, hold.value());
    };
    run.as_meter ? host_.calls().hold(run.reservation, ask, held)
                 : host_.ledger().hold(run.reservation, ask, held);
  }
  void settle(const Run& run, const Hold& hold) {
    const Settlement end{TokenUsage{hold.input, Tokens(hold.output.count() / 2), {}, {}, {}}};
    const Reply<Charge> settled = [this, run](const Result<Charge>& charge) {
      EXPECT_TRUE(charge);
      this->hold(run);
    };
    run.as_meter ? host_.calls().settle(hold.id, end, settled)
                 : host_.ledger().settle(hold.id, end, settled);
  }
  void release(const Run& run) {
    host_.ledger().release(run.reservation, [this](const Status&) { finish(); });
  }
  void finish() {
    if (--running_ == 0) host_.stop();
  }
  // What the ledger holds to at every instant, between any two of its units of work.
  void look() {
    host_.ledger().standings([this](const Result<std::vector<Standing>>& standings) {
      for (const auto& one : standings.value()) {
        const auto taken = one.settled + one.held + one.reserved;
        EXPECT_LE(taken, *one.cap.tokens);
        for (const auto& own : own_)
          if (own.dimension == one.dimension) {
            EXPECT_LE(taken, own.tokens) << one.name;
          }
      }
    });
  }

  SmallHost& host_;
  std::vector<OwnCap> own_;
  int running_ = 0;
  int granted_ = 0;
};

TEST(LedgerRaceTest, fifty_runs_race_for_the_last_tokens_and_never_get_past_the_cap) {
  const TestFolder folder;
  SmallHost host(folder.path());
  Race race(host, {});
  host.run(R"({"pipelines": {"race": {"tokens": 20000}}, "day": {"tokens": 20010}})",
           [&] { race.begin(50); });
  EXPECT_GT(race.granted(), 200);
  check_sums(host.store());
  const auto settled = number(host.store(), "SELECT settled FROM accounts WHERE name='race'");
  EXPECT_LE(settled, 20000);
  EXPECT_GT(settled, 17000) << "as far as there was any";
}

// As runs of one lane do for its tokens_per_day, and each for its playbook's limit.
TEST(LedgerRaceTest, nor_past_a_cap_that_they_set_on_themselves) {
  const TestFolder folder;
  SmallHost host(folder.path());
  Race race(host, {{Dimension::pipeline, Tokens(20000), "the lane's cap", "Raise it."},
                   {Dimension::run, Tokens(1000), "the run's own cap", "Raise it."}});
  host.run(R"({"pipelines": {"race": {"tokens": 100000}}, "run": {"tokens": 100000}})",
           [&] { race.begin(50); });
  check_sums(host.store());
  const auto settled = number(host.store(), "SELECT settled FROM accounts WHERE name='race'");
  EXPECT_LE(settled, 20000);
  EXPECT_GT(settled, 17000) << "as far as there was any";
  EXPECT_LE(number(host.store(), "SELECT max(settled) FROM accounts WHERE dimension='run'"), 1000);
}

// There is enough for all in their lane: each comes to the end of its own.
TEST(LedgerRaceTest, each_comes_to_the_end_of_its_own_and_no_further) {
  const TestFolder folder;
  SmallHost host(folder.path());
  Race race(host, {{Dimension::run, Tokens(500), "the run's own cap", "Raise it."}});
  host.run(R"({"pipelines": {"race": {"tokens": 100000}}, "run": {"tokens": 100000}})",
           [&] { race.begin(50); });
  check_sums(host.store());
  EXPECT_LE(number(host.store(), "SELECT max(settled) FROM accounts WHERE dimension='run'"), 500);
  EXPECT_GT(number(host.store(), "SELECT min(settled) FROM accounts WHERE dimension='run'"), 450);
}

}  // namespace
}  // namespace host
