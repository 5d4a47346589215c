// SPDX-License-Identifier: Apache-2.0
//
// The ledger on a real store and loop, in processes that are killed: what was answered is there
// when the next one opens the file, what was open is charged whole, and no cap is passed.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdlib>
#include <random>
#include <sstream>

#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "store/threaded_store.hpp"
#include "tokens/call_ledger.hpp"
#include "tokens/ledger.hpp"

namespace host {
namespace {

const ModelName kModel{"openai", "gpt-4o"};

// One host's store and ledger on a real loop.
class SmallHost {
 public:
  explicit SmallHost(const std::filesystem::path& folder)
      : store_({.path = folder / "host.db"}, loop_, log_, [](const Error&) { std::abort(); }),
        ledger_(store_, loop_, clock_, log_, "allegro", "boot 1") {}

  // Recovers, sets the caps, calls `then`, and runs the loop until it is stopped.
  void run(const std::string& caps, const std::function<void()>& then) {
    ledger_.recover([&, then](Result<Ledger::Recovery> recovery) {
      recovered_ = recovery.value();
      ledger_.set_budget(parse_budget(caps, "f"), [then](const Status& set) {
        if (!set) std::abort();
        then();
      });
    });
    io_.run_for(std::chrono::seconds(100));
    io_.restart();
  }
  void stop() { io_.stop(); }

  Ledger& ledger() { return ledger_; }
  // The way of the meter's calls, whose ends are patient.
  CallLedger& calls() { return *calls_; }
  Store& store() { return store_; }
  [[nodiscard]] const Ledger::Recovery& recovered() const { return recovered_; }

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{
      io_.get_executor()};
  SystemClock clock_;
  AsioLoop loop_{io_, clock_};
  Log log_ = Log::to_memory(std::make_shared<std::vector<std::string>>());
  ThreadedStore store_;
  Ledger ledger_;
  std::unique_ptr<CallLedger> calls_ = make_call_ledger(ledger_, loop_, loop_);
  Ledger::Recovery recovered_;
};

std::int64_t number(Store& store, const std::string& sql) {
  return store.run_now([&sql](Unit& unit) {
    auto& row = unit.query(sql);
    row.step();
    return row.integer(0);
  });
}

// Accounts against rows, and nothing open.
void check_sums(Store& store) {
  EXPECT_EQ(number(store, "SELECT count(*) FROM holds"), 0);
  EXPECT_EQ(number(store, "SELECT count(*) FROM reservations"), 0);
  EXPECT_EQ(number(store, "SELECT count(*) FROM accounts WHERE held<>0 OR reserved<>0"), 0);
  EXPECT_EQ(number(store,
                   "SELECT count(*) FROM accounts WHERE dimension='pipeline' AND settled <> "
                   "(SELECT coalesce(sum(input+output), 0) FROM ledger "
                   "WHERE pipeline=name AND ledger.day=accounts.day)"),
            0);
  EXPECT_EQ(number(store, "SELECT coalesce(sum(settled), 0) FROM accounts WHERE dimension='run'"),
            number(store, "SELECT coalesce(sum(input+output), 0) FROM ledger"));
}

// What a process that is going to be killed does: eight runs at once that reserve, hold, settle,
// drop, overrun, or leave a hold open, and tell each answer on a pipe.
class RandomRuns {
 public:
  RandomRuns(SmallHost& host, int life, int pipe) : host_(host), life_(life), pipe_(pipe) {
    random_.seed(static_cast<unsigned>(life));
  }
  void begin() {
    for (int i = 0; i < 8; ++i) next();
  }

 private:
  int any(int least, int most) { return std::uniform_int_distribution(least, most)(random_); }

  void note(const std::string& line) {
    const auto text = line + "\n";
    if (::write(pipe_, text.data(), text.size()) < 0) std::abort();
  }

  void next() {
    const auto run = std::to_string(life_) + "." + std::to_string(++runs_);
    Spender who;
    who.pipeline = "p" + std::to_string(life_ / 4) + "." + std::to_string(any(1, 3));
    who.run = run;
    host_.calls().reserve({who, Tokens(any(0, 60)), {}}, [this, run](Result<ReservationId> id) {
      if (id) return hold(run, id.value());
      note("r " + run + " 0");
      next();
    });
  }

  void hold(const std::string& run, ReservationId reservation) {
    const HoldAsk ask{kModel, Tokens(any(1, 30)), Tokens(any(10, 30)), Tokens(1)};
    host_.calls().hold(reservation, ask, [this, run, reservation](Result<Hold> hold) {
      if (!hold) {
        note("r " + run + " 0");
        return release(reservation);
      }
      const auto total = (hold.value().input + hold.value().output).count();
      note("h " + run + " " + std::to_string(total));
      end(run, reservation, hold.value().id, static_cast<int>(total));
    });
  }

  void end(const std::string& run, ReservationId reservation, HoldId id, int total) {
    const auto how = any(0, 9);
    if (how == 0) return next();  // and stays open for the host after this one
    if (how == 1)
      return host_.calls().drop(id, [this, run, reservation](const Status&) {
        note("d " + run + " 0");
        release(reservation);
      });
    const auto used = how == 2 ? total + 5 : any(0, total);
    const Settlement settlement{TokenUsage{Tokens(used), {}, {}, {}, {}}};
    host_.calls().settle(id, settlement, [this, run, reservation, used](const Result<Charge>&) {
      note("s " + run + " " + std::to_string(used));
      release(reservation);
    });
  }

  void release(ReservationId reservation) {
    host_.calls().release(reservation, [this](const Status&) { next(); });
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

// Each answer that was given against the rows of its run.
void check_answers(Store& store, const std::string& told) {
  std::istringstream lines(told);
  char what = 0;
  std::string run;
  std::int64_t tokens = 0;
  std::map<std::string, std::pair<char, std::int64_t>> last;
  std::map<std::string, std::int64_t> held;
  while (lines >> what >> run >> tokens) {
    if (what == 'r') continue;
    last[run] = {what, tokens};
    if (what == 'h') held[run] = tokens;
  }
  for (const auto& [name, answer] : last) {
    const auto rows = " FROM ledger WHERE run='" + name + "'";
    const auto sum = number(store, "SELECT coalesce(sum(input+output), 0)" + rows);
    const auto unknown = number(store, "SELECT count(*)" + rows + " AND source='hold'");
    if (answer.first == 's') {
      EXPECT_EQ(sum, answer.second) << name;
      EXPECT_EQ(unknown, 0) << name;
    } else if (answer.first == 'd') {
      EXPECT_EQ(sum, 0) << name;
    } else if (unknown > 0) {
      EXPECT_EQ(sum, held[name]) << name;
    }
  }
}

TEST(LedgerCrashTest, whenever_it_is_killed_what_it_answered_is_there_and_no_cap_is_passed) {
  const TestFolder folder;
  std::mt19937 random(7);
  int charged = 0;
  for (int life = 1; life <= 24 && !testing::Test::HasFailure(); ++life) {
    SCOPED_TRACE(life);
    const auto told =
        live_and_die(folder.path(), life, std::uniform_int_distribution(1, 120)(random));
    SmallHost next(folder.path());
    next.run(kCaps, [&] { next.stop(); });
    charged += next.recovered().holds;
    check_sums(next.store());
    check_answers(next.store(), told);
    EXPECT_EQ(number(next.store(),
                     "SELECT count(*) FROM accounts WHERE dimension='pipeline' AND "
                     "settled > 3000 + overrun"),
              0);
  }
  EXPECT_GT(charged, 24) << "or it was never killed with holds open";
}

// Runs that hold, settle with less, and hold again until there is nothing left.
class Race {
 public:
  explicit Race(SmallHost& host) : host_(host) {}

  void begin(int runs) {
    running_ = runs;
    for (int i = 1; i <= runs; ++i) {
      Spender who;
      who.pipeline = "race";
      who.run = std::to_string(i) + ".1";
      host_.ledger().reserve({who, Tokens(i % 2 == 0 ? 100 : 0), {}},
                             [this](Result<ReservationId> id) {
                               if (id)
                                 hold(id.value());
                               else
                                 finish();
                             });
    }
  }
  [[nodiscard]] int granted() const { return granted_; }

 private:
  void hold(ReservationId reservation) {
    host_.ledger().hold(reservation, {kModel, Tokens(20), Tokens(80), Tokens(0)},
                        [this, reservation](Result<Hold> hold) {
                          if (!hold) return release(reservation);
                          ++granted_;
                          look();
                          settle(reservation, hold.value());
                        });
  }
  void settle(ReservationId reservation, const Hold& hold) {
    const TokenUsage usage{hold.input, Tokens(hold.output.count() / 2), {}, {}, {}};
    host_.ledger().settle(hold.id, {usage}, [this, reservation](const Result<Charge>& charge) {
      EXPECT_TRUE(charge);
      this->hold(reservation);
    });
  }
  void release(ReservationId reservation) {
    host_.ledger().release(reservation, [this](const Status&) { finish(); });
  }
  void finish() {
    if (--running_ == 0) host_.stop();
  }
  // What the ledger holds to at every instant, between any two of its units of work.
  void look() {
    host_.ledger().standings([](const Result<std::vector<Standing>>& standings) {
      for (const auto& one : standings.value())
        EXPECT_LE(one.settled + one.held + one.reserved, *one.cap.tokens);
    });
  }

  SmallHost& host_;
  int running_ = 0;
  int granted_ = 0;
};

TEST(LedgerRaceTest, fifty_runs_race_for_the_last_tokens_and_never_get_past_the_cap) {
  const TestFolder folder;
  SmallHost host(folder.path());
  Race race(host);
  host.run(R"({"pipelines": {"race": {"tokens": 20000}}, "day": {"tokens": 20010}})",
           [&] { race.begin(50); });
  EXPECT_GT(race.granted(), 200);
  check_sums(host.store());
  const auto settled = number(host.store(), "SELECT settled FROM accounts WHERE name='race'");
  EXPECT_LE(settled, 20000);
  EXPECT_GT(settled, 17000) << "as far as there was any";
}

}  // namespace
}  // namespace host
