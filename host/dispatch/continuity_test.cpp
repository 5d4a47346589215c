// SPDX-License-Identifier: Apache-2.0
#include "dispatch/continuity.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "base/error.hpp"
#include "base/fake_loop.hpp"
#include "base/file.hpp"
#include "base/test_folder.hpp"

namespace host::dispatch {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Continuity : public testing::Test {
 protected:
  static Item item() {
    Item item;
    item.id = ItemId(7);
    item.repository = "org/app";
    item.number = 12;
    item.title = "Crash\n# when `empty`";
    item.playbook = "bug-fixer";
    item.lane = "code";
    item.at = {Gate::verify, ItemState::running};
    item.runs = 2, item.attempts = 1, item.tokens = 1234;
    item.run = "7.2";
    item.branch = "timmy/issue-12";
    item.head = "abc";
    return item;
  }
  std::string flush(const std::vector<Item>& items, const std::string& occasion = "asked for") {
    file_ = flush_continuity(folder_.path() / "daily-notes", {"allegro", occasion, items},
                             clock_.wall(), Zone());
    return read_file(file_, 1 << 20);
  }

  TestFolder folder_;
  FakeClock clock_;
  std::filesystem::path file_;
};

TEST_F(Continuity, SaysWhatIsInHandForAPersonToRead) {
  const auto text = flush({item()}, "before shutdown");
  EXPECT_EQ(file_.filename(), "2026-01-05.md");
  EXPECT_THAT(text, StartsWith("# 2026-01-05\n\n## 12:00 UTC, timmy-host on allegro: 1 item in "
                               "hand (before shutdown)\n\n- org/app#12 "));
  EXPECT_THAT(text, HasSubstr("item 7 by bug-fixer in lane code: running at verify"));
  EXPECT_THAT(text, HasSubstr("1 attempt used up, 1234 tokens spent, last run 7.2"));
  EXPECT_THAT(text, HasSubstr("abc on timmy/issue-12, not pushed"));
}

TEST_F(Continuity, WhatPeopleWroteIsNoMarkup) {
  const auto text = flush({item()});
  EXPECT_THAT(text, Not(HasSubstr("\n# when")));
}

TEST_F(Continuity, AddsToTheNoteAndKeepsWhatOthersWrote) {
  flush({});
  std::ofstream(file_, std::ios::app) << "a line of somebody's, without its end";
  const auto text = flush({item()});
  EXPECT_THAT(text, HasSubstr("nothing in hand"));
  EXPECT_THAT(text, HasSubstr("a line of somebody's, without its end\n## 12:00"));
  EXPECT_THAT(text, EndsWith(".\n\n"));
}

TEST_F(Continuity, EachDayHasItsOwnNoteByTheZonesMidnight) {
  flush({});
  clock_.advance(std::chrono::hours(13));
  flush({});
  EXPECT_EQ(file_.filename(), "2026-01-06.md");
  const auto west = flush_continuity(folder_.path() / "west", {"allegro", "asked for", {}},
                                     clock_.wall(), Zone::load("America/New_York"));
  EXPECT_EQ(west.filename(), "2026-01-05.md");
}

TEST_F(Continuity, ANoteThatIsALinkIsLeftAlone) {
  flush({});
  const auto elsewhere = folder_.path() / "elsewhere";
  std::filesystem::rename(file_, elsewhere);
  std::filesystem::create_symlink(elsewhere, file_);
  EXPECT_THROW(flush({}), Error);
}

TEST_F(Continuity, AnEntryThatCantBeWrittenLeavesTheNoteAsItWas) {
  const auto before = flush({item()});
  const auto folder = file_.parent_path();
  ASSERT_EQ(::chmod(folder.c_str(), 0500), 0);
  if (::geteuid() != 0) {
    EXPECT_THROW(flush({item()}), Error);
    EXPECT_EQ(read_file(file_, 1 << 20), before);
  }
  ASSERT_EQ(::chmod(folder.c_str(), 0700), 0);
}

}  // namespace
}  // namespace host::dispatch
