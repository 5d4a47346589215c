// SPDX-License-Identifier: Apache-2.0
#include "tokens/budget_file.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "tokens/ledger_fixture.hpp"

namespace host {
namespace {

using testing::HasSubstr;

class BudgetFileTest : public LedgerTest {
 protected:
  void write(const std::string& text) { write_atomically(path_, text, 0600); }
  Status read() {
    return wait<Done>([&](auto done) { file_.read(done); });
  }

  TestFolder folder_;
  std::filesystem::path path_ = folder_ / "token_budget.json";
  BudgetFile file_{path_, *ledger_, loop_, Log::to_memory(lines_)};
};

TEST_F(BudgetFileTest, what_it_says_is_in_force) {
  write(R"({"day": {"tokens": 100}})");
  EXPECT_TRUE(read());
  EXPECT_TRUE(reserve(100));
  write(R"({"day": {"tokens": 110}})");
  EXPECT_TRUE(read());
  EXPECT_TRUE(reserve(10));
  EXPECT_FALSE(reserve(1));
}

TEST_F(BudgetFileTest, an_invalid_change_keeps_the_last_good_caps_and_says_so) {
  write(R"({"day": {"tokens": 100}})");
  EXPECT_TRUE(read());
  write(R"({"day": {"token": 1000}})");
  EXPECT_EQ(read().error().code(), Code::invalid);
  EXPECT_TRUE(logged("the last good caps hold"));
  EXPECT_TRUE(logged("token_budget.json:1:10"));
  EXPECT_TRUE(file_.fault());
  EXPECT_FALSE(reserve(101));
  EXPECT_TRUE(reserve(100));
  const auto lines = lines_->size();
  EXPECT_FALSE(read());
  EXPECT_EQ(lines_->size(), lines) << "said once";
  write(R"({"day": {"tokens": 200}})");
  EXPECT_TRUE(read());
  EXPECT_FALSE(file_.fault());
}

TEST_F(BudgetFileTest, where_there_never_was_a_good_one_nothing_is_granted) {
  write("{}");
  EXPECT_FALSE(read());
  EXPECT_EQ(reserve(1).error().code(), Code::unavailable);
  EXPECT_TRUE(logged("no tokens are granted"));
}

TEST_F(BudgetFileTest, a_file_that_is_gone_takes_the_caps_along) {
  write(R"({"day": {"tokens": 100}})");
  EXPECT_TRUE(read());
  const auto held = hold(reserve(50).value(), 10, 10).value();
  std::filesystem::remove(path_);
  EXPECT_EQ(read().error().code(), Code::not_found);
  EXPECT_EQ(reserve(1).error().code(), Code::unavailable);
  EXPECT_TRUE(settle(held.id, 1, 1)) << "what was granted is settled all the same";
  EXPECT_FALSE(start().has_budget);
}

TEST_F(BudgetFileTest, a_file_that_others_could_have_written_changes_nothing) {
  write(R"({"day": {"tokens": 100}})");
  EXPECT_TRUE(read());
  write(R"({"day": {"tokens": 1000}})");
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  const auto refused = read();
  EXPECT_EQ(refused.error().code(), Code::denied);
  EXPECT_THAT(refused.error().next_step(), HasSubstr("chmod"));
  EXPECT_FALSE(reserve(101));
}

TEST_F(BudgetFileTest, a_change_that_the_store_refused_is_tried_again) {
  write(R"({"day": {"tokens": 100}})");
  EXPECT_TRUE(read());
  write(R"({"day": {"tokens": 50}})");
  store_.fail_next(Error(Code::unavailable, "the disk is full"), 2);
  EXPECT_EQ(read().error().code(), Code::unavailable);
  loop_.advance(std::chrono::seconds(1));
  EXPECT_TRUE(file_.fault());
  loop_.advance(std::chrono::seconds(1));
  EXPECT_FALSE(file_.fault());
  EXPECT_EQ(loop_.armed(), 0u);
  EXPECT_FALSE(reserve(51));
  std::filesystem::remove(path_);
  store_.fail_next(Error(Code::unavailable, "the disk is full"));
  EXPECT_EQ(read().error().code(), Code::unavailable);
  EXPECT_TRUE(ledger_->budget());
  loop_.advance(std::chrono::seconds(1));
  EXPECT_FALSE(ledger_->budget());
}

TEST_F(BudgetFileTest, a_change_that_is_taken_back_while_it_is_on_its_way_is_not_in_force) {
  write(R"({"day": {"tokens": 100}})");
  EXPECT_TRUE(read());
  write(R"({"day": {"tokens": 200}})");
  file_.read({});
  write(R"({"day": {"tokens": 100}})");
  EXPECT_TRUE(read());
  EXPECT_FALSE(reserve(101));
  EXPECT_TRUE(reserve(100));
}

TEST_F(BudgetFileTest, what_is_no_file_or_too_large_is_refused) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(read().error().code(), Code::invalid);
  write(std::string(kBudgetFileBytes + 1, ' '));
  EXPECT_EQ(read().error().code(), Code::too_large);
}

}  // namespace
}  // namespace host
