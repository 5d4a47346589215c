// SPDX-License-Identifier: Apache-2.0
#include "store/unit.hpp"

#include <gtest/gtest.h>

namespace host {
namespace {

class UnitTest : public testing::Test {
 protected:
  UnitTest() { db_.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT)"); }
  Connection db_{{}, Connection::Mode::memory};
  Unit unit_{db_};
};

TEST_F(UnitTest, the_same_text_is_the_same_statement_wherever_it_stands) {
  const std::string here = "SELECT 1";
  const std::string there = "SELECT 1";
  EXPECT_EQ(&unit_.prepare(here), &unit_.prepare(there));
}

TEST_F(UnitTest, another_text_at_the_same_address_is_another_statement) {
  std::string text = "SELECT 1";
  Statement& one = unit_.prepare(text);
  text[7] = '2';
  Statement& two = unit_.prepare(text);
  EXPECT_NE(&one, &two);
  ASSERT_TRUE(two.step());
  EXPECT_EQ(two.integer(0), 2);
}

TEST_F(UnitTest, a_prepared_statement_has_no_bindings_from_before) {
  unit_.run("INSERT INTO t(a) VALUES(?)", "x");
  unit_.prepare("INSERT INTO t(a) VALUES(?)").run();
  EXPECT_EQ(db_.integer("SELECT count(*) FROM t WHERE a IS NULL"), 1);
}

TEST_F(UnitTest, tells_what_was_changed) {
  unit_.run("INSERT INTO t(id, a) VALUES(?, ?)", 41, "x");
  EXPECT_EQ(unit_.last_rowid(), 41);
  unit_.run("UPDATE t SET a='y' WHERE a='nobody'");
  EXPECT_EQ(unit_.changes(), 0);
}

TEST_F(UnitTest, a_statement_left_half_read_is_reset_when_the_operation_ends) {
  unit_.run("INSERT INTO t(a) VALUES('x'), ('y')");
  db_.execute("BEGIN");
  ASSERT_TRUE(unit_.query("UPDATE t SET a='z' RETURNING id").step());
  unit_.end_operation();
  EXPECT_NO_THROW(db_.execute("COMMIT"));
}

}  // namespace
}  // namespace host
