// SPDX-License-Identifier: Apache-2.0
#include "store/group_commit.hpp"

#include <gmock/gmock.h>

namespace host {
namespace {

class GroupCommitTest : public testing::Test {
 protected:
  GroupCommitTest() {
    group_.connection().execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT)");
  }

  void insert(int id) {
    operations_.push_back({[id](Unit& unit) { unit.run("INSERT INTO t(id) VALUES(?)", id); }, {}});
  }
  void work(Store::Work work) { operations_.push_back({std::move(work), {}}); }

  std::vector<bool> run() {
    std::vector<bool> good;
    for (const auto& error : group_.run(operations_)) good.push_back(!error);
    return good;
  }
  std::int64_t count() { return group_.connection().integer("SELECT count(*) FROM t"); }

  GroupCommit group_{Connection({}, Connection::Mode::memory)};
  std::vector<Store::Operation> operations_;
};

TEST_F(GroupCommitTest, operations_share_one_commit) {
  insert(1), insert(2), insert(3);
  EXPECT_THAT(run(), testing::Each(true));
  EXPECT_EQ(count(), 3);
  EXPECT_EQ(group_.figures().commits, 1u);
}

TEST_F(GroupCommitTest, an_operation_that_throws_after_writing_is_undone_alone) {
  insert(1);
  work([](Unit& unit) {
    unit.run("INSERT INTO t(id) VALUES(50)");
    throw Error(Code::invalid, "no");
  });
  insert(2);
  EXPECT_THAT(run(), testing::ElementsAre(true, false, true));
  EXPECT_EQ(count(), 2);
  EXPECT_EQ(group_.figures().commits, 1u);
}

TEST_F(GroupCommitTest, an_operation_that_throws_before_writing_costs_no_second_run) {
  int runs = 0;
  work([&](Unit& unit) {
    ++runs;
    unit.run("INSERT INTO t(id) VALUES(1)");
  });
  work([](Unit&) { throw Error(Code::not_found, "no such thing"); });
  EXPECT_THAT(run(), testing::ElementsAre(true, false));
  EXPECT_EQ(runs, 1);
}

TEST_F(GroupCommitTest, a_broken_constraint_fails_its_operation_only) {
  insert(1), insert(1), insert(2);
  EXPECT_THAT(run(), testing::ElementsAre(true, false, true));
  EXPECT_EQ(count(), 2);
}

TEST_F(GroupCommitTest, an_exception_of_another_kind_is_an_internal_error) {
  work([](Unit&) { throw std::runtime_error("odd"); });
  EXPECT_EQ(group_.run(operations_).front()->code(), Code::internal);
}

TEST_F(GroupCommitTest, an_operation_that_ends_the_transaction_takes_nobody_with_it) {
  insert(1);
  work([](Unit& unit) { unit.run("ROLLBACK"); });
  insert(2);
  EXPECT_THAT(run(), testing::ElementsAre(true, false, true));
  EXPECT_EQ(count(), 2);
}

TEST_F(GroupCommitTest, a_later_operation_sees_what_an_earlier_one_of_its_group_wrote) {
  insert(1);
  std::int64_t seen = 0;
  work([&](Unit& unit) {
    auto& row = unit.query("SELECT count(*) FROM t");
    row.step();
    seen = row.integer(0);
  });
  run();
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace host
