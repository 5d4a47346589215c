// SPDX-License-Identifier: Apache-2.0
//
// A run that is killed at any step leaves an output that is whole, and the next one ends where an
// undisturbed one would have.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include <timmy/failure.hpp>

#include "fixture.hpp"
#include "validation.hpp"

namespace provenance {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

class KillTest : public FolderTest {
 protected:
  // How many steps a run has; it is done in a process of its own that is killed at the n-th of
  // them. True: it was killed there. False: it ended before.
  bool killed_at(int n) {
    const auto child = ::fork();
    if (child == 0) {
      int step = 0;
      try {
        (void)ingest(false, [&](std::string_view) {
          if (++step == n) ::kill(::getpid(), SIGKILL);
        });
      } catch (...) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
  }

  // Each file that the manifest lists is there with its bytes; lines that it does not list may be.
  void expect_whole() const {
    Sha256 hash;
    for (const auto& file : manifest().files)
      EXPECT_EQ(hash.of(text_of(out() / "pairs" / file.name)), file.sha256);
  }

  void copy_home(const std::filesystem::path& from, const std::filesystem::path& to) const {
    std::filesystem::remove_all(to);
    std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  }

  // A run that fails when the index is committed and the manifest is not.
  void stop_at_manifest() {
    struct Ended {};
    EXPECT_THROW(ingest(false,
                        [](std::string_view step) {
                          if (step == "manifest") throw Ended();
                        }),
                 Ended);
  }

  void look() const {
    try {
      (void)validate_output(settings(), [](std::int64_t) {});
    } catch (const timmy::Permanent& offence) {
      EXPECT_THAT(offence.what(), AnyOf(HasSubstr("a run was ended midway"),
                                        HasSubstr("is not consented to as its pairs say")));
    }
  }

  // From what is there now, kills a run at each of its steps in turn, and at last after all of
  // them, before its job was completed; and goes on after each, with so many runs.
  // With and without somebody who looks at what each of them left.
  void kill_everywhere(const std::vector<std::string>& expected,
                       const std::string& must_be_gone = "", int runs = 1) {
    const auto saved = saved_;
    const auto at_first = home_ / "at first";
    copy_home(out(), at_first);
    for (const bool validated : {false, true}) {
      copy_home(at_first, out());
      saved_ = saved;
      kill_everywhere(validated, expected, must_be_gone, runs);
    }
    std::filesystem::remove_all(at_first);
  }
  void kill_everywhere(bool validated, const std::vector<std::string>& expected,
                       const std::string& must_be_gone, int runs) {
    const auto kept = home_ / "kept";
    copy_home(out(), kept);
    const auto saved = saved_;
    int kills = 0;
    for (bool killed = true; killed;) {
      const int n = kills + 1;
      copy_home(kept, out());
      saved_ = saved;  // the job was not completed
      killed = killed_at(n);
      if (killed) ++kills;
      expect_whole();
      if (validated) look();
      for (int run = 0; run < runs; ++run) ingest();
      EXPECT_EQ(answers(), expected) << "killed at step " << n;
      EXPECT_NO_THROW((void)validate_output(settings(), [](std::int64_t) {})) << n;
      if (!must_be_gone.empty()) {
        EXPECT_THAT(everything(), Not(HasSubstr(must_be_gone))) << n;
      }
    }
    EXPECT_GE(kills, 3);
    std::filesystem::remove_all(kept);
  }
};

TEST_F(KillTest, TheFirstRun) {
  std::filesystem::create_directories(out());
  config_["file_pairs"] = 2;
  for (int i = 0; i < 5; ++i)
    stores_.put(simple("s" + std::to_string(i), "a", "A" + std::to_string(i)));
  kill_everywhere({"A0", "A1", "A2", "A3", "A4"});
}

TEST_F(KillTest, ARunThatGoesOnAndTakesBack) {
  config_["file_pairs"] = 2;
  for (int i = 0; i < 5; ++i)
    stores_.put(simple("s" + std::to_string(i), "a", "A" + std::to_string(i)));
  ingest();
  stores_.put(simple("s1", "a", "changed"));
  stores_.put(simple("s4", "a", "changed too"));
  stores_.put(simple("s5", "a", "A5"));
  kill_everywhere({"A0", "A2", "A3", "A5", "changed", "changed too"});
}

TEST_F(KillTest, AWithdrawal) {
  config_["file_pairs"] = 2;
  for (int i = 0; i < 5; ++i)
    stores_.put(simple("s" + std::to_string(i), "a", "words of " + std::to_string(i)));
  ingest();
  stores_.put(simple("s7", "a", "words of 7"));
  allow({rule("own", "internal", {{"source", "cli"}}),
         rule("gone", "none", {{"session", {"s1", "s4"}}})});
  kill_everywhere({"words of 0", "words of 2", "words of 3", "words of 7"}, "words of 1");
}

// What it found is in the index; that there is more to do was to come with its job.
TEST_F(KillTest, ARunThatLeadsToAnother) {
  stores_.put(simple("s", "a", "A"));
  stores_.put(simple("t", "a", "A"));  // comes when s no longer says so
  stores_.put(Writer("child", "tool").child_of("parent").user("c").says("C").done());
  ingest();
  ASSERT_EQ(answers(), std::vector<std::string>{"A"});
  stores_.put(simple("s", "a", "changed"));
  stores_.put(simple("parent", "p", "P"));
  kill_everywhere({"A", "C", "P", "changed"}, "", 2);
}

TEST_F(KillTest, ARunThatEndedWithoutItsJobIsNotDoneTwice) {
  stores_.put(simple("s", "a", "A"));
  const auto saved = saved_;
  ingest();
  const auto before = text_of(out() / "manifest.json");
  saved_ = saved;
  ingest();
  EXPECT_EQ(answers(), std::vector<std::string>{"A"});
  auto once = timmy::Json::parse(before);
  auto twice = timmy::Json::parse(text_of(out() / "manifest.json"));
  for (auto* each : {&once, &twice}) each->erase("generation");
  EXPECT_EQ(twice, once) << "the same files, pairs and counts";
  EXPECT_NO_THROW((void)validate_output(settings(), [](std::int64_t) {}));
}

TEST_F(KillTest, ARunThatSeesThatASessionIsSomebodyElses) {
  stores_.put(simple("parent", "p", "P"));
  stores_.put(Writer("child", "tool").child_of("parent").user("c").says("C").done());
  ingest();
  ASSERT_EQ(answers(), (std::vector<std::string>{"C", "P"}));
  stores_.put(Writer("parent", "telegram").of_user("9").user("p").says("P").done());
  kill_everywhere({}, "\"C\"");
}

TEST_F(KillTest, ARunThatSeesThatASessionIsTheOperatorsOwnAfterAll) {
  stores_.put(Writer("parent", "telegram").of_user("9").user("p").says("P").done());
  stores_.put(Writer("child", "tool").child_of("parent").user("c").says("C").done());
  ingest();
  ASSERT_EQ(answers(), std::vector<std::string>{});
  stores_.put(simple("parent", "p", "P"));
  kill_everywhere({"C", "P"}, "", 2);
}

// Nothing of the parent's came out, so only that it was heard of leads to its child.
TEST_F(KillTest, WhatAKilledRunSawIsNotForgottenByWhoLooksOrIsKilledNext) {
  for (const bool twice : {false, true}) {
    stores_.put(Writer("parent").user("p").done());
    stores_.put(Writer("child", "tool").child_of("parent").user("c").says("C").done());
    ingest(true);
    ingest();
    ASSERT_EQ(answers(), std::vector<std::string>{"C"});
    stores_.put(Writer("parent", "telegram").of_user("9").user("p").done());
    if (twice) stop_at_manifest();
    kill_everywhere({}, "\"C\"");
  }
}

TEST_F(KillTest, WhatAKilledRunLetInComesWhoeverLooksOrIsKilledNext) {
  for (const bool twice : {false, true}) {
    stores_.put(Writer("parent", "telegram").of_user("9").user("p").done());
    stores_.put(Writer("child", "tool").child_of("parent").user("c").says("C").done());
    ingest(true);
    ingest();
    ASSERT_EQ(answers(), std::vector<std::string>{});
    stores_.put(Writer("parent").user("p").done());
    if (twice) stop_at_manifest();
    kill_everywhere({"C"}, "", 2);
  }
}

// The index has it from a run that came to nothing else.
TEST_F(KillTest, WhatAKilledRunHeardOfASessionDecidesThoughNoStoreHasItAnyLonger) {
  stores_.put(simple("parent", "p", "P"));
  stores_.put(Writer("child", "tool").child_of("parent").user("c").says("C").done());
  ingest();
  stores_.put(Writer("parent", "telegram").of_user("9").user("p").says("P").done());
  stop_at_manifest();
  EXPECT_THROW((void)validate_output(settings(), [](std::int64_t) {}), timmy::Permanent)
      << "what it heard is not looked into";
  ASSERT_EQ(answers(), (std::vector<std::string>{"C", "P"}));
  stores_.erase("parent");
  stores_.erase("child");
  ingest();
  EXPECT_EQ(answers(), std::vector<std::string>{});
  EXPECT_NO_THROW((void)validate_output(settings(), [](std::int64_t) {}));
}

}  // namespace
}  // namespace provenance
