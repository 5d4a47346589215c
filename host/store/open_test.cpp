// SPDX-License-Identifier: Apache-2.0
//
// Rows S6 and S7: what a host does about a database that is not as it left it.
#include "store/open.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <set>

#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "store/migrations.hpp"

namespace host {
namespace {

using testing::HasSubstr;

class OpenTest : public testing::Test {
 protected:
  OpenedDatabase open(bool init = false) { return open_database({path_, init, 1ull << 30, {}}); }

  // A database with some pages of data, closed as a host does.
  void make() {
    auto opened = open();
    opened.connection.execute("BEGIN");
    for (int i = 0; i < 400; ++i) {
      Statement(opened.connection.handle(), "INSERT INTO events VALUES(NULL, 1, 'k', 's', ?)")
          .bind_all(std::string(400, 'x'))
          .run();
    }
    opened.connection.execute("COMMIT");
    close_cleanly(opened.connection);
  }

  [[nodiscard]] std::string content() const { return read_file(path_, 1u << 30); }
  void write(std::string_view text) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << text;
  }

  [[nodiscard]] std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(folder_.path()))
      names.insert(file.path().filename());
    return names;
  }
  // Who only looks is told the same, unless there is a log that only a host may read.
  void expect_inspection_refuses(Code code, const std::string& part) {
    const auto before = files();
    const bool has_log = before.contains("host.db-wal");
    try {
      const auto inspected = inspect_database({path_, false, 1ull << 30, {}});
      EXPECT_TRUE(has_log && !inspected.unchecked.empty()) << "found sound";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.message(), HasSubstr(part));
    }
    EXPECT_EQ(files(), before);
  }

  // Refused with `code` and a next step, the file as it was.
  void expect_refused(Code code, const std::string& part) {
    const bool there = std::filesystem::exists(path_);
    const auto before = there ? content() : "";
    expect_inspection_refuses(code, part);
    try {
      static_cast<void>(open());
      FAIL() << "opened";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.message(), HasSubstr(part));
      EXPECT_NE(error.next_step(), "");
    }
    EXPECT_EQ(std::filesystem::exists(path_), there);
    if (there) {
      EXPECT_TRUE(content() == before) << "the file was changed";
    }
  }

  TestFolder folder_;
  std::filesystem::path path_ = folder_ / "host.db";
};

TEST_F(OpenTest, makes_a_fresh_one_that_nobody_else_can_read_and_sets_the_marker) {
  const auto opened = open();
  EXPECT_TRUE(opened.fresh);
  EXPECT_FALSE(opened.unclean);
  EXPECT_TRUE(std::filesystem::exists(marker_of(path_)));
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(OpenTest, opens_again_and_knows_whether_it_was_closed) {
  make();
  {
    const auto clean = open();
    EXPECT_FALSE(clean.fresh);
    EXPECT_FALSE(clean.unclean);
  }
  EXPECT_TRUE(open().unclean);
}

TEST_F(OpenTest, a_missing_database_is_refused_where_there_was_one) {
  make();
  std::filesystem::remove(path_);
  expect_refused(Code::corrupt, "missing");
}

TEST_F(OpenTest, an_emptied_database_is_refused_where_there_was_one) {
  make();
  write("");
  expect_refused(Code::corrupt, "empty");
}

TEST_F(OpenTest, init_makes_a_new_one_where_there_was_one) {
  make();
  write("");
  EXPECT_TRUE(open(true).fresh);
}

TEST_F(OpenTest, an_empty_file_without_a_marker_is_a_start_that_was_cut_short) {
  write("");
  EXPECT_TRUE(open().fresh);
}

TEST_F(OpenTest, init_leaves_a_good_database_alone) {
  make();
  auto opened = open(true);
  EXPECT_EQ(opened.connection.integer("SELECT count(*) FROM events"), 400);
}

TEST_F(OpenTest, a_lost_marker_is_set_again) {
  make();
  std::filesystem::remove(marker_of(path_));
  static_cast<void>(open());
  EXPECT_TRUE(std::filesystem::exists(marker_of(path_)));
}

TEST_F(OpenTest, a_bad_header_is_refused) {
  make();
  auto bytes = content();
  bytes[3] ^= 1;
  write(bytes);
  expect_refused(Code::corrupt, "does not begin like an SQLite database");
}

TEST_F(OpenTest, text_is_refused) {
  write("jobs: []\n");
  expect_refused(Code::corrupt, "does not begin");
}

TEST_F(OpenTest, half_a_file_is_refused) {
  make();
  const auto bytes = content();
  write(std::string_view(bytes).substr(0, bytes.size() / 2));
  expect_refused(Code::corrupt, "damaged");
}

TEST_F(OpenTest, a_page_cut_short_is_refused) {
  make();
  auto bytes = content();
  bytes.resize(bytes.size() - 1000);
  write(bytes);
  expect_refused(Code::corrupt, "damaged");
}

TEST_F(OpenTest, random_pages_are_refused_even_after_a_clean_stop) {
  make();
  auto bytes = content();
  // Three pages in the midst of the data.
  for (const std::size_t page : {40u, 41u, 42u}) {
    for (std::size_t i = 0; i < 4096; ++i) {
      bytes.at(page * 4096 + i) = static_cast<char>((i * 7919 + page) >> 3);
    }
  }
  write(bytes);
  expect_refused(Code::corrupt, "damaged");
}

TEST_F(OpenTest, another_programs_database_is_refused) {
  {
    Connection other(path_, Connection::Mode::writer);
    other.execute("CREATE TABLE theirs(a)");
  }
  expect_refused(Code::corrupt, "another program's");
}

TEST_F(OpenTest, another_programs_wal_is_not_written_back) {
  {
    Connection other(path_, Connection::Mode::writer);
    other.use_wal();
    other.execute("PRAGMA application_id=7; CREATE TABLE theirs(a)");
  }
  const auto wal = read_file(path_.string() + "-wal", 1u << 20);
  ASSERT_NE(wal, "");
  expect_refused(Code::corrupt, "another program's");
  EXPECT_TRUE(read_file(path_.string() + "-wal", 1u << 20) == wal);
}

TEST_F(OpenTest, a_newer_schema_is_refused) {
  make();
  {
    Connection later(path_, Connection::Mode::writer);
    later.use_wal();
    later.execute("PRAGMA user_version=99");
    later.checkpoint(true);
  }
  expect_refused(Code::invalid, "schema version 99");
}

TEST_F(OpenTest, a_folder_in_its_place_is_refused) {
  std::filesystem::create_directory(path_);
  try {
    static_cast<void>(open());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::corrupt);
  }
}

TEST_F(OpenTest, a_large_file_is_checked_later_and_only_after_an_unclean_stop) {
  make();
  const OpenRequest request{path_, false, 1, {}};
  EXPECT_FALSE(open_database(request).check_pending);
  EXPECT_TRUE(open_database(request).check_pending);
}

TEST_F(OpenTest, looking_leaves_nothing_behind) {
  EXPECT_FALSE(inspect_database({path_, false, 1ull << 30, {}}).there);
  EXPECT_FALSE(std::filesystem::exists(path_));
  make();
  for (const char* left : {"-wal", "-shm"}) std::filesystem::remove(path_.string() + left);
  const auto before = files();
  const auto sound = inspect_database({path_, false, 1ull << 30, {}});
  EXPECT_TRUE(sound.there);
  EXPECT_EQ(sound.unchecked, "");
  EXPECT_NE(inspect_database({path_, false, 1, {}}).unchecked, "") << "too large";
  EXPECT_EQ(files(), before);
}

TEST_F(OpenTest, looking_says_that_a_host_did_not_stop_cleanly) {
  make();
  { const auto cut_short = open(); }
  EXPECT_THAT(inspect_database({path_, false, 1ull << 30, {}}).unchecked,
              HasSubstr("did not stop cleanly"));
}

TEST(MigrationTest, a_second_migration_changes_nothing) {
  Connection db({}, Connection::Mode::memory);
  migrate(db);
  const auto id = db.text("SELECT value FROM settings WHERE key='store_id'");
  migrate(db);
  EXPECT_EQ(db.text("SELECT value FROM settings WHERE key='store_id'"), id);
  EXPECT_EQ(id.size(), 16u);
}

TEST(MigrationTest, what_an_older_version_holds_stays) {
  Connection db({}, Connection::Mode::memory);
  migrate(db, 7);
  db.execute(
      "INSERT INTO jobs(task, state, priority, rank, due, max_attempts, inserted_at, source, "
      "payload) VALUES('nightly', 'scheduled', 0, 5, 5, 3, 1, 'cli', x'7b7d');"
      "INSERT INTO reservations(at, day, plugin, task, pipeline, playbook, job, attempt, run, repo,"
      " issue, provider, model, free) "
      "VALUES(1, 20000, 'triage', 'nightly', 'nightly', '', 1, 1, '1.1', '', 0, NULL, NULL, 60)");
  migrate(db);
  EXPECT_EQ(db.integer("PRAGMA user_version"), kSchemaVersion);
  EXPECT_EQ(db.text("SELECT task || due FROM jobs"), "nightly5");
  EXPECT_EQ(db.text("SELECT run || ' ' || free || ' ' || bypassable FROM reservations"),
            "1.1 60 0");
  EXPECT_EQ(db.integer("SELECT count(generation) FROM budget_waits"), 0);
}

TEST(MigrationTest, a_version_8_that_has_waits_of_another_kind_gets_the_present_ones) {
  Connection db({}, Connection::Mode::memory);
  migrate(db, 8);
  db.execute("CREATE TABLE budget_waits(id INTEGER PRIMARY KEY, budget TEXT NOT NULL) STRICT");
  db.execute("INSERT INTO budget_waits(budget) VALUES('a mark')");
  migrate(db);
  EXPECT_EQ(db.integer("SELECT count(generation) FROM budget_waits"), 0);
}

}  // namespace
}  // namespace host
