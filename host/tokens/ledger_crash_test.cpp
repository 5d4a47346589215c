// SPDX-License-Identifier: Apache-2.0
//
// The ledger on a real store and loop, in processes that are killed: what was answered is there
// when the next one opens the file, what was open is charged whole, and no cap is passed, of the
// budget's or of a run's own.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <sstream>

#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "tokens/small_host.hpp"

namespace host {
namespace {

const ModelName kModel{"openai", "gpt-4o"};

constexpr std::int64_t kOfPipeline = 400;

// What runs set on themselves, as those of playbooks and lanes do: each a few calls' worth, and all
// of one pipeline what is left of that for them together.
std::int64_t own_cap(int run) { return 20 + 15 * (run % 4); }
std::vector<OwnCap> own_caps(int run, const std::string& pipeline) {
  std::vector<OwnCap> caps{
      {Dimension::run, Tokens(own_cap(run)), "the run's own cap", "Raise it."}};
  if (pipeline.ends_with(".3"))
    caps.push_back({Dimension::pipeline, Tokens(kOfPipeline), "its lane's cap", "Raise it."});
  return caps;
}

// What a process that is going to be killed does: eight runs at once that reserve, hold, settle,
// drop, overrun, hold again until they are refused, or leave a hold open, and tell each answer on a
// pipe.
class RandomRuns {
 public:
  RandomRuns(SmallHost& host, int life, int pipe) : host_(host), life_(life), pipe_(pipe) {
    random_.seed(static_cast<unsigned>(life));
  }
  void begin() {
    for (int i = 0; i < 8; ++i) next();
  }

 private:
  struct Run {
    std::string name;
    ReservationId reservation;
    std::vector<OwnCap> caps;
  };

  int any(int least, int most) { return std::uniform_int_distribution(least, most)(random_); }

  void note(const std::string& line) {
    const auto text = line + "\n";
    if (::write(pipe_, text.data(), text.size()) < 0) std::abort();
  }

  void next() {
    const int number = ++runs_;
    Spender who;
    who.pipeline = "p" + std::to_string(life_ / 4) + "." + std::to_string(any(1, 3));
    who.run = std::to_string(life_) + "." + std::to_string(number);
    Run run{who.run, {}, own_caps(number, who.pipeline)};
    host_.calls().reserve({who, Tokens(any(0, 60)), {}}, [this, run](Result<ReservationId> id) {
      if (id) return hold({run.name, id.value(), run.caps});
      note("r " + run.name + " 0");
      next();
    });
  }

  void hold(const Run& run) {
    const HoldAsk ask{kModel, Tokens(any(1, 10)), Tokens(any(10, 30)), Tokens(1), run.caps};
    host_.calls().hold(run.reservation, ask, [this, run](Result<Hold> hold) {
      if (!hold) {
        note("r " + run.name + " 0");
        return release(run);
      }
      const auto total = (hold.value().input + hold.value().output).count();
      note("h " + run.name + " " + std::to_string(total));
      end(run, hold.value().id, static_cast<int>(total));
    });
  }

  void end(const Run& run, HoldId id, int total) {
    const auto how = any(0, 9);
    if (how == 0) return next();  // and stays open for the host after this one
    if (how == 1)
      return host_.calls().drop(id, [this, run](const Status&) {
        note("d " + run.name + " 0");
        hold(run);
      });
    const auto used = how == 2 ? total + 5 : any(0, total);
    const Settlement settlement{TokenUsage{Tokens(used), {}, {}, {}, {}}};
    host_.calls().settle(id, settlement, [this, run, used](const Result<Charge>&) {
      note("s " + run.name + " " + std::to_string(used));
      hold(run);
    });
  }

  void release(const Run& run) {
    host_.calls().release(run.reservation, [this](const Status&) { next(); });
  }

  SmallHost& host_;
  int life_;
  int pipe_;
  int runs_ = 0;
  std::mt19937 random_;
};

constexpr const char* kCaps = R"({"pipelines": {"*": {"tokens": 3000}}})";

// Runs a life in a process of its own and kills it once it has told `lines` answers. What it told.
std::string live_and_die(const std::filesystem::path& folder, int life, int lines) {
  int ends[2];
  if (::pipe(ends) != 0) throw system_error("making a pipe");
  Fd in(ends[0]);
  Fd out(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    SmallHost host(folder);
    RandomRuns runs(host, life, out.get());
    host.run(kCaps, [&] { runs.begin(); });
    std::_Exit(1);
  }
  out.reset();
  std::string told;
  char buffer[4096];
  while (std::count(told.begin(), told.end(), '\n') < lines) {
    const auto got = ::read(in.get(), buffer, sizeof buffer);
    if (got <= 0) break;
    told.append(buffer, static_cast<std::size_t>(got));
  }
  ::kill(child, SIGKILL);
  told += read_all(in.get(), 1 << 20, "the pipe");
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  return told.substr(0, told.rfind('\n') + 1);
}

// Each answer that was given against the rows of its run: all that was settled is there, and of the
// call that was under way nothing, what it used or all that it held.
void check_answers(Store& store, const std::string& told) {
  std::istringstream lines(told);
  char what = 0;
  std::string run;
  std::int64_t tokens = 0;
  struct Told {
    std::int64_t settled = 0;
    std::int64_t held = 0;  // and not ended
  };
  std::map<std::string, Told> all;
  while (lines >> what >> run >> tokens) {
    if (what == 's') all[run].settled += tokens;
    if (what != 'r') all[run].held = what == 'h' ? tokens : 0;
  }
  for (const auto& [name, answers] : all) {
    const auto rows = " FROM ledger WHERE run='" + name + "'";
    const auto sum = number(store, "SELECT coalesce(sum(input+output), 0)" + rows);
    const auto unknown =
        number(store, "SELECT coalesce(sum(input+output), 0)" + rows + " AND source='hold'");
    const auto rest = sum - answers.settled - unknown;
    EXPECT_GE(rest, 0) << name;
    if (answers.held == 0) {
      // The next call's hold may be on the disk, and nobody was told.
      EXPECT_EQ(rest, 0) << name;
    } else if (unknown > 0) {
      EXPECT_EQ(unknown, answers.held) << name;
      EXPECT_EQ(rest, 0) << name;
    } else {
      EXPECT_LE(rest, answers.held + 5) << name;
    }
  }
}

// What each run set on itself was passed by nothing but what its calls used above their holds.
void check_own_caps(Store& store) {
  store.run_now([](Unit& unit) {
    auto& row = unit.query("SELECT name, settled, overrun FROM accounts WHERE dimension='run'");
    while (row.step()) {
      const auto name = row.string(0);
      EXPECT_LE(row.integer(1),
                own_cap(std::stoi(name.substr(name.find('.') + 1))) + row.integer(2))
          << name;
    }
  });
  EXPECT_EQ(number(store,
                   "SELECT count(*) FROM accounts WHERE dimension='pipeline' AND name LIKE '%.3' "
                   "AND settled > overrun + " +
                       std::to_string(kOfPipeline)),
            0);
}

TEST(LedgerCrashTest, whenever_it_is_killed_what_it_answered_is_there_and_no_cap_is_passed) {
  const TestFolder folder;
  std::mt19937 random(7);
  int charged = 0;
  for (int life = 1; life <= 24 && !testing::Test::HasFailure(); ++life) {
    SCOPED_TRACE(life);
    const auto told =
        live_and_die(folder.path(), life, std::uniform_int_distribution(1, 200)(random));
    SmallHost next(folder.path());
    next.run(kCaps, [&] { next.stop(); });
    charged += next.recovered().holds;
    check_sums(next.store());
    check_answers(next.store(), told);
    check_own_caps(next.store());
    EXPECT_EQ(number(next.store(),
                     "SELECT count(*) FROM accounts WHERE dimension='pipeline' AND "
                     "settled > 3000 + overrun"),
              0);
    if (life < 24) continue;
    EXPECT_GT(number(next.store(),
                     "SELECT count(*) FROM accounts WHERE dimension='pipeline' AND name LIKE "
                     "'%.3' AND settled > 390"),
              0)
        << "or no run came near its pipeline's own cap";
  }
  EXPECT_GT(charged, 24) << "or it was never killed with holds open";
}

}  // namespace
}  // namespace host
