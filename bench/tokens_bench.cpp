// SPDX-License-Identifier: Apache-2.0
#include "tokens_bench.hpp"

#include <algorithm>

#include "base/test_folder.hpp"
#include "store/migrations.hpp"
#include "store/unit.hpp"
#include "tokens/granting.hpp"
#include "tokens/settling.hpp"

namespace bench {
namespace {

using namespace host;

constexpr std::int64_t kMany = 10'000'000, kFew = 100;
constexpr int kRunsAtOnce = 20, kCalls = 100;
const ModelName kModel{"openai", "gpt-4o"};

// A ledger with so many rows, ten a run, over 500 days and 10,000 issues, and their accounts.
void fill(Connection& database, std::int64_t rows) {
  migrate(database);
  // Nobody needs this one after a crash.
  database.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-200000");
  database.execute("DROP INDEX ledger_run; DROP INDEX ledger_issue; BEGIN");
  Statement(database.handle(),
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1) "
            "INSERT INTO ledger(at, day, host, plugin, task, pipeline, playbook, job, attempt, "
            "run, repo, issue, provider, model, input, output, cache_read, cache_write, "
            "reasoning, cost, source, bypassable) "
            "SELECT i, 20000 + i * 500 / ?1, 'allegro', 'triage', 'triage_issues', "
            "'pipeline ' || (i % 20), '', i / 10, 1, (i / 10) || '.1', 'owner/name', "
            "1 + i / 10 % 10000, 'openai', 'gpt-4o', 1000, 100, 0, 0, 0, 3500000, 'meter', 0 "
            "FROM n")
      .bind_all(rows)
      .run();
  // As many accounts as these rows have; what is in them makes no difference to what they cost.
  const auto accounts = [&](std::int64_t count, const char* day, const char* dimension,
                            const char* name) {
    Statement(database.handle(),
              std::string("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE "
                          "i + 1 < ?1) INSERT INTO accounts(day, dimension, name, settled, calls, "
                          "input, output, cost_settled, updated) SELECT ") +
                  day + ", '" + dimension + "', " + name +
                  ", 11000, 10, 10000, 1000, 35000000, i FROM n")
        .bind_all(count)
        .run();
  };
  accounts(std::min<std::int64_t>(rows, 500), "20000 + i", "day", "''");
  accounts(std::min<std::int64_t>(rows, 500), "20000 + i", "model", "'openai/gpt-4o'");
  accounts(std::min<std::int64_t>(rows, 10'000), "20000 + i / 20", "pipeline",
           "'pipeline ' || (i % 20)");
  accounts(std::min<std::int64_t>(rows / 10, 10'000), "0", "issue", "'owner/name#' || (i + 1)");
  accounts(rows / 10, "0", "run", "i || '.1'");
  database.execute("COMMIT");
  database.execute("CREATE INDEX ledger_run ON ledger(run) WHERE run <> ''");
  database.execute(
      "CREATE INDEX ledger_issue ON ledger(repo COLLATE NOCASE, issue) WHERE repo <> ''");
  database.execute("PRAGMA cache_size=-8192");
  database.use_wal();
  database.execute("PRAGMA synchronous=OFF");
}

// Runs at work on a ledger, whose calls are held and settled in transactions of a hundred.
class Calls {
 public:
  Calls(const TestFolder& folder, std::int64_t rows)
      : database_(folder / "host.db", Connection::Mode::writer) {
    fill(database_, rows);
    unit_.emplace(database_);
    terms_.budget = std::make_shared<const Budget>(parse_budget(
        R"({"day": {"tokens": 900000000000, "cost": 900000}, "pipelines": {"*": {"tokens":
        900000000000}}, "models": {"*": {"tokens": 900000000000}}, "issue": {"tokens":
        900000000000}, "run": {"tokens": 900000000000},
        "prices": {"openai/*": {"input": 2.5, "output": 10}}})",
        "bench"));
    terms_.host = "allegro";
    terms_.today = 20499;
    transaction([&] {
      for (int i = 0; i < kRunsAtOnce; ++i) begin_run(i);
    });
  }

  // Microseconds a hold, and a settlement, in one transaction of each.
  struct Times {
    double hold = 0, settle = 0;
  };
  Times once() {
    std::vector<HoldId> holds;
    Times times;
    times.hold = transaction([&] {
      for (int i = 0; i < kCalls; ++i) {
        const auto run = reservations_.at(static_cast<std::size_t>(i % kRunsAtOnce));
        const auto held =
            grant_hold(*unit_, terms_, run, {kModel, Tokens(1000), Tokens(500), Tokens(1)});
        holds.push_back(held.value.value().id);
      }
    });
    times.settle = transaction([&] {
      LedgerNotes notes;
      for (const auto id : holds)
        (void)settle_hold(*unit_, terms_, id, {TokenUsage{Tokens(900), Tokens(100), {}, {}, {}}},
                          notes);
    });
    return times;
  }

 private:
  void begin_run(int number) {
    Spender who;
    who.plugin = "triage";
    who.task = "triage_issues";
    who.pipeline = "pipeline " + std::to_string(number);
    who.run = std::to_string(2'000'000 + number) + ".1";
    who.repo = "owner/name";
    who.issue = 1 + number * 371;
    const auto granted = grant_reservation(*unit_, terms_, {who, Tokens(0), {}});
    reservations_.push_back(granted.value.value());
  }

  // Microseconds of each of its calls, the commit's writing among them, but no waiting for the
  // disk.
  template <class Work>
  double transaction(Work work) {
    const auto start = std::chrono::steady_clock::now();
    database_.execute("BEGIN IMMEDIATE");
    work();
    unit_->end_operation();
    database_.execute("COMMIT");
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    return took.count() / kCalls;
  }

  Connection database_;
  std::optional<Unit> unit_;
  LedgerTerms terms_;
  std::vector<ReservationId> reservations_;
};

}  // namespace

void tokens_growth(const Output& output) {
  const TestFolder much, little;
  Calls many(much, kMany), few(little, kFew);
  struct Figures {
    Series hold, settle;
    void measure(Calls& calls) {
      std::vector<double> holds, settles;
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < 50; ++i) {
        const auto times = calls.once();
        holds.push_back(times.hold);
        settles.push_back(times.settle);
      }
      const Seconds took = std::chrono::steady_clock::now() - start;
      hold.add(bench::median(holds), took);
      settle.add(bench::median(settles), took);
    }
  } of_many, of_few, warm_up;
  warm_up.measure(few);
  warm_up.measure(many);
  for (int run = 0; run < kRuns; ++run) {
    of_few.measure(few);
    of_many.measure(many);
  }
  output.print({"tokens.check_growth", of_many.hold.median(), "us", of_few.hold.median(),
                "a hold checked against five caps, 10,000,000 rows; " + of_many.hold.note() +
                    "; baseline: 100 rows, " + of_few.hold.note()});
  output.print({"tokens.insert_growth", of_many.settle.median(), "us", of_few.settle.median(),
                "a hold settled with a row of the ledger, 10,000,000 rows; " +
                    of_many.settle.note() + "; baseline: 100 rows, " + of_few.settle.note()});
}

}  // namespace bench
