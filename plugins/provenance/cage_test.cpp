// SPDX-License-Identifier: Apache-2.0
//
// Databases of Hermes from within a cage, in which nothing of theirs may be written: by Landlock,
// as the host's own cage, so that it holds for root too.
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "database_reader.hpp"
#include "store_fixture.hpp"

namespace provenance {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Caged : public testing::Test {
 protected:
  void SetUp() override {
    if (::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1)
      GTEST_SKIP() << "this kernel has no Landlock";
  }
  [[nodiscard]] fs::path path() const { return folder_.path() / "state.db"; }

  // What a process reads that may read everything and write nothing: ids, or why not.
  [[nodiscard]] std::string read_in_a_cage() const {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const std::string text = enter_cage() ? read() : "no cage";
      (void)!::write(ends[1], text.data(), text.size());
      ::_exit(0);
    }
    ::close(ends[1]);
    std::string text(4096, '\0');
    const auto got = ::read(ends[0], text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    ::close(ends[0]);
    EXPECT_EQ(::waitpid(child, nullptr, 0), child);
    return text;
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : fs::directory_iterator(folder_.path()))
      all.push_back(entry.path().filename().string());
    std::sort(all.begin(), all.end());
    return all;
  }
  TempFolder folder_;

 private:
  static bool enter_cage() {
    landlock_ruleset_attr attributes{};
    attributes.handled_access_fs = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
                                   LANDLOCK_ACCESS_FS_REMOVE_FILE;
    const auto ruleset = ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    return ruleset >= 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  }
  [[nodiscard]] std::string read() const {
    try {
      DatabaseReader reader(path(), Caps());
      std::string ids;
      for (const auto& session : read_from(reader).sessions)
        ids += session.id + ":" + std::to_string(session.messages.size()) + " ";
      return ids;
    } catch (const std::exception& error) {
      return error.what();
    }
  }
};

TEST_F(Caged, ReadsAStoreThatIsBeingWritten) {
  StateDb db(path());
  db.session("s1");
  db.message("s1", "user", "in the log");
  EXPECT_EQ(read_in_a_cage(), "s1:1 ");
  db.message("s1", "user", "and on");
  EXPECT_EQ(read_in_a_cage(), "s1:2 ");
}

TEST_F(Caged, ReadsAStoreWhoseWriterWasKilled) {
  {
    StateDb db(path());
    db.session("s1");
    db.message("s1", "user", "in the log");
    fs::create_directory(folder_.path() / "aside");
    for (const char* name : {"state.db", "state.db-wal", "state.db-shm"})
      fs::copy_file(folder_.path() / name, folder_.path() / "aside" / name);
    db.close();
  }
  for (const char* name : {"state.db", "state.db-wal", "state.db-shm"})
    fs::rename(folder_.path() / "aside" / name, folder_.path() / name);
  EXPECT_EQ(read_in_a_cage(), "s1:1 ");
}

TEST_F(Caged, ReadsAStoreThatWasClosed) {
  {
    StateDb db(path());
    db.session("s1");
    db.message("s1", "user", "checkpointed");
    db.close();
  }
  ASSERT_EQ(names(), std::vector<std::string>{"state.db"});
  EXPECT_EQ(read_in_a_cage(), "s1:1 ");
  EXPECT_EQ(names(), std::vector<std::string>{"state.db"});
}

TEST_F(Caged, ReadsAStoreWithARollbackJournal) {
  StateDb db(path(), 6, StateDb::Journal::rollback);
  db.session("s1");
  EXPECT_EQ(read_in_a_cage(), "s1:0 ");
}

TEST_F(Caged, SaysOfALogThatNeedsAWriterWhatToDo) {
  {
    StateDb db(path());
    db.session("s1");
    fs::create_directory(folder_.path() / "aside");
    for (const char* name : {"state.db", "state.db-wal"})
      fs::copy_file(folder_.path() / name, folder_.path() / "aside" / name);
    db.close();
  }
  for (const char* name : {"state.db", "state.db-wal"})
    fs::rename(folder_.path() / "aside" / name, folder_.path() / name);
  EXPECT_THAT(read_in_a_cage(), HasSubstr("start and end Hermes there once"));
}

}  // namespace
}  // namespace provenance
