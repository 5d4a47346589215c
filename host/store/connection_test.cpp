// SPDX-License-Identifier: Apache-2.0
#include "store/connection.hpp"

#include <gmock/gmock.h>
#include <sqlite3.h>

#include "base/test_folder.hpp"

namespace host {
namespace {

using testing::HasSubstr;

class ConnectionTest : public testing::Test {
 protected:
  Connection db_{{}, Connection::Mode::memory};
};

TEST_F(ConnectionTest, binds_and_reads_each_kind_of_value) {
  db_.execute("CREATE TABLE t(a INTEGER, b REAL, c TEXT, d BLOB, e INTEGER, f INTEGER) STRICT");
  const WallTime time(std::chrono::seconds(5));
  Statement(db_.handle(), "INSERT INTO t VALUES(?,?,?,?,?,?)")
      .bind_all(JobId(7), 0.5, std::string_view("a\0b", 3), Bytes{"\xff"}, time,
                std::optional<int>())
      .run();
  Statement read(db_.handle(), "SELECT * FROM t");
  ASSERT_TRUE(read.step());
  EXPECT_EQ(read.integer(0), 7);
  EXPECT_EQ(read.real(1), 0.5);
  EXPECT_EQ(read.text(2), std::string_view("a\0b", 3));
  EXPECT_EQ(read.text(3), "\xff");
  EXPECT_EQ(read.time(4), time);
  EXPECT_TRUE(read.is_null(5));
  EXPECT_EQ(read.optional_time(5), std::nullopt);
  EXPECT_FALSE(read.step());
}

TEST_F(ConnectionTest, an_empty_text_is_not_null) {
  db_.execute("CREATE TABLE t(a TEXT NOT NULL, b BLOB NOT NULL) STRICT");
  EXPECT_NO_THROW(Statement(db_.handle(), "INSERT INTO t VALUES(?,?)")
                      .bind_all(std::string_view(), Bytes{})
                      .run());
}

TEST_F(ConnectionTest, wrong_sql_is_a_bug_of_ours_and_is_named) {
  try {
    const Statement wrong(db_.handle(), "SELEC 1");
    FAIL();
  } catch (const SqliteError& error) {
    EXPECT_EQ(error.code(), Code::internal);
    EXPECT_THAT(error.message(), HasSubstr("SELEC 1"));
  }
}

TEST_F(ConnectionTest, a_parameter_too_many_is_an_error) {
  Statement statement(db_.handle(), "SELECT ?");
  EXPECT_THROW(statement.bind(2, 1), SqliteError);
}

TEST_F(ConnectionTest, a_broken_constraint_is_a_conflict_and_leaves_the_statement_usable) {
  db_.execute("CREATE TABLE t(a INTEGER PRIMARY KEY)");
  Statement insert(db_.handle(), "INSERT INTO t VALUES(?)");
  insert.bind(1, 1).run();
  try {
    insert.run();
    FAIL();
  } catch (const SqliteError& error) {
    EXPECT_EQ(error.code(), Code::conflict);
    EXPECT_EQ(error.primary_code(), SQLITE_CONSTRAINT);
  }
  EXPECT_NO_THROW(insert.bind(1, 2).run());
}

TEST_F(ConnectionTest, quick_check_of_a_sound_database_has_no_rows) {
  EXPECT_THAT(db_.quick_check(), testing::IsEmpty());
}

TEST(ConnectionFileTest, a_reader_sees_what_was_committed_and_cannot_write) {
  const TestFolder folder;
  Connection writer(folder / "x.db", Connection::Mode::writer);
  writer.use_wal();
  writer.execute("CREATE TABLE t(a); INSERT INTO t VALUES(3)");
  Connection reader(folder / "x.db", Connection::Mode::reader);
  EXPECT_EQ(reader.integer("SELECT a FROM t"), 3);
  EXPECT_THROW(reader.execute("INSERT INTO t VALUES(4)"), SqliteError);
}

TEST(ConnectionFileTest, the_writer_syncs_every_commit_and_checkpoints_only_when_told) {
  const TestFolder folder;
  Connection writer(folder / "x.db", Connection::Mode::writer);
  writer.use_wal();
  EXPECT_EQ(writer.integer("PRAGMA synchronous"), 2);
  EXPECT_EQ(writer.integer("PRAGMA wal_autocheckpoint"), 0);
  writer.execute("CREATE TABLE t(a)");
  EXPECT_GT(writer.wal_pages(), 0);
  EXPECT_GT(std::filesystem::file_size(folder / "x.db-wal"), 0u);
  writer.checkpoint(true);
  EXPECT_EQ(writer.wal_pages(), 0);
  EXPECT_EQ(std::filesystem::file_size(folder / "x.db-wal"), 0u);
}

TEST(ConnectionFileTest, a_reader_in_the_way_puts_a_checkpoint_off_without_waiting) {
  const TestFolder folder;
  Connection writer(folder / "x.db", Connection::Mode::writer);
  writer.use_wal();
  writer.execute("CREATE TABLE t(a); INSERT INTO t VALUES(1)");
  Connection reader(folder / "x.db", Connection::Mode::reader);
  reader.execute("BEGIN; SELECT * FROM t");
  writer.execute("INSERT INTO t VALUES(2)");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_NO_THROW(writer.checkpoint(true));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
  EXPECT_GT(std::filesystem::file_size(folder / "x.db-wal"), 0u);
  reader.execute("COMMIT");
  writer.checkpoint(true);
  EXPECT_EQ(std::filesystem::file_size(folder / "x.db-wal"), 0u);
}

TEST(ConnectionFileTest, a_missing_folder_is_an_io_error_with_the_path) {
  try {
    const Connection nowhere("/nowhere/x.db", Connection::Mode::writer);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::io);
    EXPECT_THAT(error.message(), HasSubstr("/nowhere/x.db"));
  }
}

TEST(SqliteErrorTest, no_memory_is_for_a_while_as_it_is_everywhere) {
  EXPECT_EQ(SqliteError(SQLITE_NOMEM, "run", "out of memory").code(), Code::unavailable);
}

}  // namespace
}  // namespace host
