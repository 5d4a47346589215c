// SPDX-License-Identifier: Apache-2.0
#include "store/backup.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "base/fake_loop.hpp"
#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "store/migrations.hpp"
#include "store/open.hpp"
#include "store/threaded_store.hpp"

namespace host {
namespace {

class BackupTest : public testing::Test {
 protected:
  BackupTest() { open(); }

  void open() {
    StoreOptions options;
    options.path = database_;
    store_ = std::make_unique<ThreadedStore>(options, loop_, log_, [](const Error&) {});
  }
  // Rows with a kilobyte each.
  void add(int count) {
    store_->run_now([count](Unit& unit) {
      for (int i = 0; i < count; ++i)
        unit.run("INSERT INTO events(at, kind, subject, detail) VALUES(1, 'k', 's', ?)",
                 std::string(1024, 'x'));
    });
  }
  static std::int64_t rows(const std::filesystem::path& file) {
    Connection reader(file, Connection::Mode::reader);
    EXPECT_TRUE(reader.quick_check().empty());
    return reader.integer("SELECT count(*) FROM events");
  }
  template <class T>
  Result<T> wait(const std::function<void(Reply<T>)>& ask) {
    std::optional<Result<T>> result;
    ask([&](Result<T> answer) { result = std::move(answer); });
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!result && std::chrono::steady_clock::now() < end) {
      loop_.drain();
      std::this_thread::yield();
    }
    return result.value();
  }
  Result<std::uint64_t> back_up(const std::filesystem::path& file, bool replace = false) {
    return wait<std::uint64_t>(
        [&](Reply<std::uint64_t> done) { store_->back_up(file, replace, std::move(done)); });
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(copies_),
                                                  std::filesystem::directory_iterator()));
  }

  TestFolder folder_;
  std::filesystem::path database_ = folder_ / "host.db";
  std::filesystem::path copies_ = folder_ / "copies";
  std::filesystem::path copy_ = copies_ / "copy.db";
  bool made_ = std::filesystem::create_directory(copies_);
  FakeLoop loop_;
  Log log_ = Log::to_memory(std::make_shared<std::vector<std::string>>());
  std::unique_ptr<ThreadedStore> store_;
};

TEST_F(BackupTest, is_one_private_file_with_everything_that_was_stored) {
  add(5000);
  const auto bytes = back_up(copy_);
  ASSERT_TRUE(bytes.ok()) << bytes.error().what();
  EXPECT_EQ(bytes.value(), std::filesystem::file_size(copy_));
  EXPECT_EQ(files(), 1u);
  struct stat info {};
  ASSERT_EQ(::stat(copy_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(rows(copy_), 5000);
  check_backup(copy_);
}

TEST_F(BackupTest, has_what_is_stored_while_it_is_taken_and_lets_it_be_stored) {
  add(20'000);
  std::optional<Result<std::uint64_t>> done;
  store_->back_up(copy_, false, [&](Result<std::uint64_t> answer) { done = std::move(answer); });
  int during = 0;
  for (; !done; ++during) {
    add(1);
    loop_.drain();
  }
  EXPECT_GT(during, 5) << "the store waited for the backup";
  EXPECT_GE(rows(copy_), 20'000 + during - 2) << "the copy is older than its last step";
}

TEST_F(BackupTest, keeps_a_file_that_is_there_unless_told_otherwise) {
  write_atomically(copy_, "precious");
  EXPECT_EQ(back_up(copy_).error().code(), Code::conflict);
  EXPECT_EQ(read_file(copy_, 100), "precious");
  EXPECT_TRUE(back_up(copy_, true).ok());
  check_backup(copy_);
}

TEST_F(BackupTest, that_fails_leaves_nothing_and_the_store_goes_on) {
  EXPECT_EQ(back_up("relative.db").error().code(), Code::usage);
  EXPECT_EQ(back_up(folder_ / "missing" / "copy.db").error().code(), Code::not_found);
  std::filesystem::create_directory(copy_);
  EXPECT_FALSE(back_up(copy_, true).ok()) << "a folder was replaced";
  EXPECT_EQ(files(), 1u);
  add(1);
}

TEST_F(BackupTest, a_store_that_stops_takes_a_half_copy_with_it) {
  add(20'000);
  store_->back_up(copy_, false, [](const auto&) {});
  store_.reset();
  EXPECT_EQ(files(), 0u);
}

TEST_F(BackupTest, a_check_on_request_answers_and_finds_damage) {
  add(5000);
  const auto check = [&] {
    return wait<Done>([&](Reply<Done> done) { store_->check(std::move(done)); });
  };
  EXPECT_TRUE(check().ok());
  EXPECT_TRUE(check().ok()) << "a second one";
  store_.reset();
  open();  // all of it is in the file now, and none in a cache
  std::fstream file(database_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(200 * 4096);
  file << std::string(40 * 4096, '\x5a') << std::flush;
  const auto damaged = check();
  ASSERT_FALSE(damaged.ok());
  EXPECT_EQ(damaged.error().code(), Code::corrupt);
}

TEST_F(BackupTest, a_restored_database_is_the_backup_and_the_one_before_is_kept) {
  add(10);
  ASSERT_TRUE(back_up(copy_).ok());
  add(7);
  const auto id = [&] {
    return store_->run_now([](Unit& unit) {
      auto& row = unit.query("SELECT value FROM settings WHERE key='store_id'");
      return row.step() ? row.string(0) : "";
    });
  };
  const auto before = id();
  store_.reset();
  const auto restored = restore_database(copy_, database_, WallTime(std::chrono::hours(24)));
  EXPECT_EQ(restored.aside, database_.string() + ".before-restore-19700102T000000Z");
  EXPECT_EQ(rows(restored.aside), 17);
  EXPECT_EQ(rows(copy_), 10);
  open();
  EXPECT_EQ(store_->run_now([](Unit& unit) {
    auto& row = unit.query("SELECT count(*) FROM events");
    return row.step() ? row.integer(0) : -1;
  }),
            10);
  EXPECT_NE(id(), before) << "idempotency keys would be given out twice";
}

TEST_F(BackupTest, the_log_of_a_host_that_was_killed_goes_aside_with_its_database) {
  ASSERT_TRUE(back_up(copy_).ok());
  add(3);
  // As a kill leaves them: the log is not yet in the file.
  const auto killed = folder_ / "killed.db";
  for (const char* const end : {"", "-wal"})
    std::filesystem::copy_file(database_.string() + end, killed.string() + end);
  const auto restored = restore_database(copy_, killed, WallTime());
  EXPECT_FALSE(std::filesystem::exists(killed.string() + "-wal"))
      << "the old log would be played into the new database";
  EXPECT_EQ(rows(killed), 0);
  EXPECT_EQ(rows(restored.aside), 3);
}

TEST_F(BackupTest, what_is_no_sound_backup_is_refused_and_the_database_left_alone) {
  add(500);
  ASSERT_TRUE(back_up(copy_).ok());
  store_.reset();
  const auto good = read_file(copy_, 1 << 26);
  const auto before = read_file(database_, 1 << 26);
  for (const auto& bytes : {std::string("garbage"), std::string(), good.substr(0, good.size() / 2),
                            good.substr(0, 68) + "ABCD" + good.substr(72),
                            good.substr(0, 60) + std::string("\0\0\0\x63", 4) + good.substr(64)}) {
    write_atomically(copy_, bytes);
    EXPECT_THROW((void)restore_database(copy_, database_, WallTime()), Error) << bytes.size();
    EXPECT_EQ(read_file(database_, 1 << 26), before);
  }
  EXPECT_THROW((void)restore_database(folder_ / "none.db", database_, WallTime()), Error);
}

}  // namespace
}  // namespace host
