// SPDX-License-Identifier: Apache-2.0
#include "deadman/own_fault.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test_folder.hpp"
#include "deadman/round_fixture.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class OwnFaultTest : public ::testing::Test {
 protected:
  std::optional<Ending> tell(const std::vector<std::string>& alert = {"/alert"}) {
    return tell_own_fault({"allegro", "no space left on device", clock_.wall()}, alert, mark_,
                          runner_);
  }

  TestFolder folder_;
  std::filesystem::path mark_ = folder_ / "run" / "mark";
  FakeClock clock_;
  FakeRunner runner_;
};

TEST_F(OwnFaultTest, IsToldOnceAnHour) {
  EXPECT_TRUE(tell()->ok);
  for (int minute = 1; minute < 60; ++minute) {
    clock_.advance(1min);
    EXPECT_FALSE(tell());
  }
  EXPECT_THAT(runner_.errands, SizeIs(1));
  clock_.advance(1min);
  EXPECT_TRUE(tell()->ok);
  EXPECT_FALSE(tell());
  const auto line = Json::parse(runner_.errands[1].input);
  EXPECT_EQ(line["event"], "deadman_failed");
  EXPECT_EQ(line["host"], "allegro");
  EXPECT_THAT(line["text"].get<std::string>(), HasSubstr("no space left on device"));
}

TEST_F(OwnFaultTest, AnAlertThatFailsIsNotRunAtEachLook) {
  runner_.alert_ending = {false, "status 1"};
  EXPECT_FALSE(tell()->ok);
  EXPECT_FALSE(tell());
}

TEST_F(OwnFaultTest, AClockSetBackDoesNotSilenceIt) {
  EXPECT_TRUE(tell());
  const timespec later[2] = {{.tv_sec = 4'000'000'000, .tv_nsec = 0},
                             {.tv_sec = 4'000'000'000, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, mark_.c_str(), later, 0), 0);
  EXPECT_TRUE(tell());
}

TEST_F(OwnFaultTest, WhereNoMarkCanBeLeftNobodyIsTold) {
  mark_ = "/proc/no/mark";
  const auto ending = tell();
  ASSERT_TRUE(ending);
  EXPECT_FALSE(ending->ok);
  EXPECT_THAT(ending->text, HasSubstr("/proc/no"));
  std::filesystem::create_directory(folder_ / "run");
  mark_ = folder_ / "run" / "link";
  std::filesystem::create_symlink("/etc/passwd", mark_);
  EXPECT_FALSE(tell()->ok) << "no link is followed";
  EXPECT_THAT(runner_.errands, IsEmpty());
}

TEST_F(OwnFaultTest, WithoutAnAlertThereIsNothingToDo) {
  EXPECT_FALSE(tell({}));
  EXPECT_FALSE(std::filesystem::exists(mark_));
}

}  // namespace
}  // namespace host::deadman
