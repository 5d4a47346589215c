// SPDX-License-Identifier: Apache-2.0
#include "deadman/state.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/error.hpp"
#include "base/test_folder.hpp"
#include "deadman/round_fixture.hpp"
#include "deadman/upkeep.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class StateTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path file() const { return folder_ / "deadman" / "state.json"; }
  void write(const std::string& text) {
    std::filesystem::create_directory(folder_ / "deadman");
    std::ofstream(file()) << text;
    ::chmod(file().c_str(), 0600);
  }
  [[nodiscard]] static State sample() {
    State state{.id = "abc", .kept_up = {"boot one", 6h}};
    Target& target = state.targets["system:h.service"];
    target.watch = "hermes";
    target.unwatched = 6min;
    target.watched = "/stamps/hermes";
    target.silence = {{"boot one", 5h}, "1:2.3:4", true, true, 7min, 4min, true};
    target.active = target.handed_off = target.beats = true;
    target.last_sign = WallTime(3s);
    target.tries = 3;
    target.failed = 2;
    target.restarts = {2h, 1h};
    target.well = 9min;
    target.trouble = "a link";
    target.troubled = 8min;
    target.trouble_told = true;
    target.trouble_pause = 4min;
    target.intent = Intent{WallTime(77s)};
    target.telling = {.open = {{Event::died, "no sign", "systemd took it"}},
                      .goes = {2min, 1min},
                      .failures = 2,
                      .failing_since = WallTime(99s)};
    state.add({.at = WallTime(5s),
               .target = "hermes",
               .event = Event::died,
               .text = "no sign",
               .evidence = {{"mark", "m"}}});
    return state;
  }
  Code refusal() {
    try {
      (void)read_state(file());
    } catch (const Error& error) {
      text_ = error.what();
      return error.code();
    }
    ADD_FAILURE() << "it was taken";
    return Code::internal;
  }

  TestFolder folder_;
  std::string text_;
};

TEST_F(StateTest, ComesBackAsItWas) {
  StateFile kept(file());
  kept.save(sample());
  EXPECT_EQ(to_text(read_state(file())), to_text(sample()));
  EXPECT_EQ(read_state(file()).record_bytes, sample().record_bytes);
  const auto back = read_state(file()).targets.at("system:h.service");
  EXPECT_EQ(back.restarts, (std::vector<Duration>{2h, 1h}));
  EXPECT_EQ(back.telling.open.at(0).then, "systemd took it");
  EXPECT_EQ(back.telling.goes, (std::vector<Duration>{2min, 1min}));
  EXPECT_EQ(back.trouble_pause, 4min);
  EXPECT_EQ(back.watch, "hermes");
  EXPECT_EQ(back.silence.excused, 4min);
  EXPECT_TRUE(back.silence.excusing);
  EXPECT_EQ(back.unwatched, 6min);
  struct stat info {};
  ASSERT_EQ(::stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(StateTest, NumbersItsRecordsAndKeepsTheLast) {
  State state;
  for (std::size_t i = 0; i < kMostRecords + 3; ++i) state.add({});
  EXPECT_EQ(state.records.size(), kMostRecords);
  EXPECT_EQ(state.records.front().number, 4);
  EXPECT_EQ(state.records.back().number, static_cast<std::int64_t>(kMostRecords) + 3);
}

TEST_F(StateTest, LongRecordsTakeThePlaceOfMore) {
  State state;
  for (int i = 0; i < 100; ++i) state.add({.text = std::string(kRecordBytes / 10, 'x')});
  EXPECT_EQ(state.records.size(), 9u);
  EXPECT_EQ(state.records.back().number, 100);
  EXPECT_LE(state.record_bytes, kRecordBytes);
  state.add({.text = std::string(2 * kRecordBytes, 'x')});
  EXPECT_EQ(state.records.size(), 1u) << "the newest stays in any case";
}

TEST_F(StateTest, TheLargestIsStillRead) {
  const std::string longest(500, '\1');  // which JSON writes as six bytes
  State state = sample();
  for (int watch = 0; watch < 100; ++watch) {
    Target& target = state.targets["watch-" + std::to_string(watch)];
    target.watched = target.trouble = target.silence.mark = longest;
    for (const auto event : {Event::died, Event::unwatchable, Event::handed_off, Event::state_lost})
      target.telling.raise(event, longest);
  }
  for (std::size_t i = 0; i < kMostRecords; ++i)
    state.add({.text = std::string(kRecordBytes / kMostRecords, 'x')});
  StateFile kept(file());
  kept.save(state);
  EXPECT_EQ(read_state(file()).targets.size(), 101u);
}

TEST_F(StateTest, OneThatCouldNotBeReadAgainIsRefusedAloudAndTheOldOneStays) {
  StateFile kept(file());
  kept.save(sample());
  State state = sample();
  for (std::size_t i = 0; i < kStateBytes / 1000; ++i)
    state.targets["watch-" + std::to_string(i)].trouble = std::string(1000, 'x');
  try {
    kept.save(state);
    FAIL() << "it was kept";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::too_large);
    EXPECT_THAT(error.what(), HasSubstr("Take watches out of deadman.yaml"));
  }
  EXPECT_EQ(to_text(read_state(file())), to_text(sample()));
}

TEST_F(StateTest, WhereThereIsNoneNothingWasSeen) {
  EXPECT_TRUE(read_state(file()).targets.empty());
  StateFile kept(file());
  EXPECT_FALSE(kept.load(hermes_settings(), {}).id.empty());
  EXPECT_FALSE(std::filesystem::exists(file())) << "it is written when there is something to keep";
}

TEST_F(StateTest, EachDamagedOneTakesHandsOffAndIsSetAside) {
  const auto whole = to_text(sample());
  for (const auto& damaged : {std::string(), whole.substr(0, whole.size() / 2), std::string("{}"),
                              std::string("[1]"), std::string(100, '\0')}) {
    write(damaged);
    EXPECT_EQ(refusal(), Code::corrupt) << damaged;
    {
      StateFile kept(file());
      auto all = hermes_settings();
      all.watches.push_back({.name = "host", .kind = Watch::Kind::host});
      State state = kept.load(all, {});
      EXPECT_TRUE(state.targets.at("system:h.service").handed_off);
      EXPECT_NE(state.targets.at("host").telling.find(Event::state_lost), nullptr);
      EXPECT_EQ(state.records.size(), 2u);
      all.watches[0].restart->unit = "corrected.service";
      (void)carry_over(state, all);
      EXPECT_TRUE(state.target(all.watches[0]).handed_off) << "an edit puts hands on again";
    }
    EXPECT_TRUE(read_state(file()).targets.at("system:h.service").handed_off)
        << "it is kept at once";
    EXPECT_TRUE(std::filesystem::exists(file().string() + ".damaged"));
  }
}

TEST_F(StateTest, CountsThatNobodyWroteAreDamage) {
  for (const char* lie : {R"("tries":-5)", R"("tries":"no")", R"("tries":99999999999)"}) {
    auto text = to_text(sample());
    text.replace(text.find(R"("tries":3)"), 9, lie);
    write(text);
    EXPECT_EQ(refusal(), Code::corrupt) << lie;
  }
}

TEST_F(StateTest, OneOfALaterVersionIsLeftAsItIs) {
  auto text = to_text(sample());
  text.replace(text.find(R"("version":2)"), 11, R"("version":3)");
  write(text);
  StateFile kept(file());
  EXPECT_THROW((void)kept.load(hermes_settings(), {}), Error);
  EXPECT_EQ(refusal(), Code::unsupported);
}

TEST_F(StateTest, OneOfAnEarlierVersionIsNotGuessedAt) {
  for (const char* earlier : {R"("version":1)", R"("version":0)"}) {
    auto text = to_text(sample());
    text.replace(text.find(R"("version":2)"), 11, earlier);
    write(text);
    EXPECT_EQ(refusal(), Code::corrupt);
  }
  StateFile kept(file());
  EXPECT_TRUE(kept.load(hermes_settings(), {}).targets.at("system:h.service").handed_off);
}

TEST_F(StateTest, OneThatOthersCouldHaveWrittenIsRefused) {
  write(to_text(sample()));
  ::chmod(file().c_str(), 0666);
  EXPECT_EQ(refusal(), Code::denied);
  EXPECT_THAT(text_, HasSubstr("chmod go-w"));
  ::chmod(file().c_str(), 0600);
  ::chmod((folder_ / "deadman").c_str(), 0777);
  EXPECT_EQ(refusal(), Code::denied);
}

TEST_F(StateTest, ALinkAndAPipeAreRefused) {
  write(to_text(sample()));
  std::filesystem::rename(file(), folder_ / "elsewhere");
  std::filesystem::create_symlink(folder_ / "elsewhere", file());
  EXPECT_EQ(refusal(), Code::denied);
  std::filesystem::remove(file());
  ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
  EXPECT_EQ(refusal(), Code::denied);
}

TEST_F(StateTest, OneOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a file of another user";
  write(to_text(sample()));
  ASSERT_EQ(::chown(file().c_str(), 65534, 65534), 0);
  EXPECT_EQ(refusal(), Code::denied);
}

TEST_F(StateTest, AStateThatCantBeKeptLeavesTheOldOne) {
  if (::geteuid() == 0) GTEST_SKIP() << "root writes everywhere";
  StateFile kept(file());
  kept.save(sample());
  ::chmod((folder_ / "deadman").c_str(), 0500);
  EXPECT_THROW(kept.save(State{}), Error);
  EXPECT_EQ(to_text(read_state(file())), to_text(sample()));
  ::chmod((folder_ / "deadman").c_str(), 0700);
}

TEST_F(StateTest, IsInOneProcesssHandsAtATime) {
  StateFile kept(file());
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      const StateFile other(file());
      ::_exit(1);
    } catch (const Error& error) {
      const bool named =
          error.message().find("pid " + std::to_string(::getppid())) != std::string::npos;
      ::_exit(error.code() == Code::already_running && named ? 0 : 2);
    }
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace host::deadman
