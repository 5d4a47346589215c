// SPDX-License-Identifier: Apache-2.0
//
// The exporter in a process of its own, with a real store, killed where it hurts.
#ifdef TIMMY_FAILPOINTS

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <sstream>

#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "store/threaded_store.hpp"
#include "tokens/ledger_sample.hpp"
#include "tokens/usage_export.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAreArray;

class UsageExportKillTest : public ::testing::Test {
 protected:
  // One host's life: `rows` come in, each is written before the next. Dies at `failpoint`.
  int live(int rows, const std::string& failpoint) {
    const auto child = ::fork();
    if (child == 0) {
      if (!failpoint.empty()) ::setenv("TIMMY_FAILPOINT", (failpoint + "=kill").c_str(), 1);
      run_host(rows);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
  }

  void run_host(int rows) const {
    boost::asio::io_context context;
    const auto work = boost::asio::make_work_guard(context);
    SystemClock clock;
    AsioLoop loop(context, clock);
    const Log log = Log::to_memory(std::make_shared<std::vector<std::string>>());
    ThreadedStore store({.path = folder_ / "host.db"}, loop, log, [](const Error&) {});
    UsageExport exporter(store, loop, log, folder_ / "token_usage.jsonl");
    exporter.start();
    // What an earlier life left goes out first, then row by row.
    for (int i = 0; i <= rows; ++i) {
      const auto last = i == 0 ? last_row(store) : add_row(store, {});
      exporter.rows_committed();
      while (exporter.state().through < last) context.run_one();
    }
  }
  static std::int64_t last_row(Store& store) {
    return store.run_now([](Unit& unit) {
      auto& row = unit.prepare("SELECT coalesce(max(id), 0) FROM ledger");
      return row.step() ? row.integer(0) : 0;
    });
  }

  // The ids in this file, in its order.
  void collect(const fs::path& file, std::vector<std::int64_t>& ids) const {
    if (!fs::exists(file)) return;
    std::istringstream lines(read_file(file, 1 << 24));
    for (std::string line; std::getline(lines, line);)
      ids.push_back(Json::parse(line).at("id").get<std::int64_t>());
  }

  TestFolder folder_;
};

TEST_F(UsageExportKillTest, EveryRowIsWrittenOnceWhereverTheHostWasKilledAndTheFileRenamed) {
  int renamed = 0, life = 0;
  for (const std::string point :
       {"tokens.export.noted", "tokens.export.written", "tokens.export.written:2",
        "tokens.export.noted:3", "tokens.export.written", "tokens.export.noted:2"}) {
    const auto status = live(3, point);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << point << " was not reached";
    if (life++ % 2 == 0 && fs::exists(folder_ / "token_usage.jsonl"))
      fs::rename(folder_ / "token_usage.jsonl",
                 folder_ / ("away-" + std::to_string(renamed++) + ".jsonl"));
  }
  ASSERT_EQ(live(2, ""), 0);
  std::vector<std::int64_t> ids;
  for (int i = 0; i < renamed; ++i)
    collect(folder_ / ("away-" + std::to_string(i) + ".jsonl"), ids);
  collect(folder_ / "token_usage.jsonl", ids);
  std::vector<std::int64_t> all(ids.empty() ? 0 : static_cast<std::size_t>(ids.back()));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i) + 1;
  EXPECT_GT(all.size(), 5u);
  EXPECT_GT(renamed, 1);
  EXPECT_THAT(ids, ElementsAreArray(all));
}

}  // namespace
}  // namespace host

#endif
