// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "fixture.hpp"

namespace budget {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using timmy::Json;

class DailyReset : public BudgetTest {
 protected:
  DailyReset() {
    std::string name = (fs::canonical(fs::temp_directory_path()) / "budget.XXXXXX").string();
    top_ = ::mkdtemp(name.data());
    folder_ = top_ / "cache";
    fs::create_directory(folder_);
  }
  ~DailyReset() override { fs::remove_all(top_); }

  // A file that was changed so many days ago, by the world's clock.
  fs::path file(const fs::path& path, int days_ago) const {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "12345";
    const timespec then{std::chrono::duration_cast<std::chrono::seconds>(
                            (world_.now() - std::chrono::days(days_ago)).time_since_epoch())
                            .count(),
                        0};
    const timespec both[] = {then, then};
    EXPECT_EQ(::utimensat(AT_FDCWD, path.c_str(), both, 0), 0);
    return path;
  }
  timmy::testing::Outcome reset() { return reset(folder_); }
  timmy::testing::Outcome reset(const fs::path& folder) {
    return run("daily_reset", {{"caches", {{{"folder", folder.string()}, {"older_than", "7d"}}}}});
  }
  fs::path top_, folder_;
};

TEST_F(DailyReset, HasTheLogPutAwayAndKeepsSoManyOld) {
  const auto outcome = run("daily_reset", {{"keep_logs", 5}});
  EXPECT_EQ(outcome.result.at("log"), "token_usage-2026-01-05.jsonl") << outcome.message;
  EXPECT_THAT(account_.rotated, ElementsAre(5));
  account_.log_exists = false;
  EXPECT_EQ(run("daily_reset").result.at("log"), nullptr);
}

TEST_F(DailyReset, LeavesTheLogWhereThatIsNotWanted) {
  EXPECT_EQ(run("daily_reset", {{"keep_logs", 0}}).result.at("log"), nullptr);
  EXPECT_THAT(account_.rotated, IsEmpty());
}

TEST_F(DailyReset, SaysWhereItMayNotPutTheLogAwayAndDoesTheRest) {
  world_.fail("tokens/1.rotate_log", timmy::Permanent("not_granted", "add tokens.rotate"));
  const auto old = file(folder_ / "old", 8);
  const auto outcome = reset();
  EXPECT_EQ(outcome.result.at("log"), "not granted") << outcome.message;
  EXPECT_THAT(world_.log_text(), HasSubstr("add tokens.rotate"));
  EXPECT_FALSE(fs::exists(old));
}

TEST_F(DailyReset, RemovesWhatHasExpiredAndNothingElse) {
  const auto old = file(folder_ / "a/b/old", 8);
  const auto recent = file(folder_ / "a/b/recent", 6);
  const auto beside = file(top_ / "beside", 100);
  const auto outcome = reset();
  EXPECT_EQ(outcome.result.at("removed"), 1) << outcome.message;
  EXPECT_EQ(outcome.result.at("bytes"), 5);
  EXPECT_EQ(outcome.result.at("left"), false);
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(recent));
  EXPECT_TRUE(fs::exists(beside));
}

TEST_F(DailyReset, FollowsNoLinkInTheFolder) {
  const auto elsewhere = file(top_ / "elsewhere/old", 100);
  fs::create_directory_symlink(top_ / "elsewhere", folder_ / "link");
  fs::create_symlink(elsewhere, folder_ / "file");
  EXPECT_EQ(reset().result.at("removed"), 0);
  EXPECT_TRUE(fs::exists(elsewhere));
  EXPECT_TRUE(fs::is_symlink(folder_ / "file"));
}

TEST_F(DailyReset, FollowsNoLinkOnTheWay) {
  const auto old = file(folder_ / "in/old", 100);
  fs::create_directory_symlink(folder_, top_ / "way");
  for (const auto& path : {top_ / "way", top_ / "way/in"}) {
    const auto outcome = reset(path);
    EXPECT_EQ(outcome.code, "incomplete");
    EXPECT_THAT(outcome.message, HasSubstr("no symbolic link is followed"));
  }
  EXPECT_TRUE(fs::exists(old));
}

TEST_F(DailyReset, AFolderThatIsNotThereKeepsNoOtherFromItsTurn) {
  const auto old = file(folder_ / "old", 8);
  const auto outcome =
      run("daily_reset", {{"caches",
                           {{{"folder", (top_ / "gone").string()}, {"older_than", "7d"}},
                            {{"folder", folder_.string() + "/"}, {"older_than", "7d"}}}}});
  EXPECT_EQ(outcome.status, TIMMY_RETRYABLE);
  EXPECT_THAT(outcome.message, HasSubstr("gone: No such file"));
  EXPECT_FALSE(fs::exists(old));
}

TEST_F(DailyReset, StopsAtItsBoundsAndSaysSo) {
  for (int i = 0; i < 10'010; ++i) std::ofstream(folder_ / std::to_string(i));
  world_.advance(std::chrono::days(100'000));
  const auto first = reset();
  EXPECT_EQ(first.result.at("removed"), 10'000) << first.message;
  EXPECT_EQ(first.result.at("left"), true);
  const auto second = reset();
  EXPECT_EQ(second.result.at("removed"), 10);
  EXPECT_EQ(second.result.at("left"), false);
}

TEST_F(DailyReset, GoesOnlySoDeep) {
  auto deep = folder_;
  for (int i = 0; i < 20; ++i) deep /= "d";
  const auto old = file(deep / "old", 8);
  EXPECT_EQ(reset().result.at("left"), true);
  EXPECT_TRUE(fs::exists(old));
}

TEST_F(DailyReset, StopsWhereItIsCancelled) {
  file(folder_ / "old", 8);
  world_.cancel_at_call(1);
  EXPECT_EQ(reset().status, TIMMY_CANCELLED);
  EXPECT_TRUE(fs::exists(folder_ / "old"));
}

TEST_F(DailyReset, RefusesWhatIsNoFolderAndNoTime) {
  const auto refuse = [&](const char* folder, const char* older_than) {
    try {
      (void)run("daily_reset", {{"caches", {{{"folder", folder}, {"older_than", older_than}}}}});
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(refuse("cache", "7d"), HasSubstr("expected an absolute path"));
  EXPECT_THAT(refuse("/", "7d"), HasSubstr("expected an absolute path"));
  EXPECT_THAT(refuse("/x", "7"), HasSubstr("expected as 7d"));
  EXPECT_THAT(refuse("/x", "0d"), HasSubstr("expected as 7d"));
}

}  // namespace
}  // namespace budget
