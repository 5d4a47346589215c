// SPDX-License-Identifier: Apache-2.0
#include "deadman/stamp_looker.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <system_error>
#include <thread>

#include "base/file.hpp"
#include "base/test_folder.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

// A file system where every look at /away hangs until it is back.
class StampLookerTest : public ::testing::Test {
 protected:
  StampLookerTest() {
    look_ = [back = back_.get_future().share(), looks = looks_](const auto& stamp, const auto&) {
      ++*looks;
      if (stamp == "/away") back.wait();
      return Sign{Sign::Kind::there, stamp.string()};
    };
  }
  ~StampLookerTest() override { come_back(); }
  void come_back() {
    if (!std::exchange(is_back_, true)) back_.set_value();
  }

  std::promise<void> back_;
  bool is_back_ = false;
  std::shared_ptr<std::atomic<int>> looks_ = std::make_shared<std::atomic<int>>(0);
  StampLooker::Look look_;
};

TEST_F(StampLookerTest, SaysWhatIsSeen) {
  const TestFolder folder;
  write_atomically(folder / "stamp", "x", 0644);
  StampLooker looker;
  EXPECT_EQ(looker.look(folder / "stamp", ""), look_at_stamp(folder / "stamp", ""));
  EXPECT_EQ(looker.look(folder / "stamp", "").kind, Sign::Kind::there);
  EXPECT_EQ(looker.look(folder / "none", "").kind, Sign::Kind::missing);
}

TEST_F(StampLookerTest, ALookThatHangsSaysNothingEitherWayAndHoldsUpNoOther) {
  StampLooker looker(1ms, look_);
  const auto hung = looker.look("/away", "");
  EXPECT_EQ(hung.kind, Sign::Kind::untrusted);
  EXPECT_THAT(hung.mark, AllOf(HasSubstr("/away"), HasSubstr("longer than 1ms")));
  StampLooker patient(1h, look_);
  EXPECT_EQ(patient.look("/here", "").kind, Sign::Kind::there);
}

TEST_F(StampLookerTest, WhileOneHangsTheNextIsAnsweredAtOnceAndWithTheSameWords) {
  StampLooker looker(1ms, look_);
  const auto hung = looker.look("/away", "");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(looker.look("/away", ""), hung);
  EXPECT_LE(*looks_, 1) << "a thread for each look";
}

TEST_F(StampLookerTest, WhatComesBackIsSeenAnewAndNotAsItWasWhenItWentAway) {
  const auto mark = std::make_shared<std::atomic<int>>(1);
  StampLooker looker(500ms, [mark, look = look_](const auto& stamp, const auto& user) {
    const std::string seen = std::to_string(*mark);
    (void)look(stamp, user);
    return Sign{Sign::Kind::there, seen};
  });
  (void)looker.look("/away", "");
  *mark = 2;  // which another deadman has judged by now
  come_back();
  auto seen = looker.look("/away", "");
  while (seen.kind != Sign::Kind::there) seen = looker.look("/away", "");
  EXPECT_EQ(seen.mark, "2") << "an older sign would pass for life";
}

TEST_F(StampLookerTest, OneStampOfTwoUsersIsTwo) {
  StampLooker looker(1ms, [look = look_](const auto& stamp, const auto& user) {
    (void)look(stamp, user);
    return Sign{Sign::Kind::there, user};
  });
  (void)looker.look("/away", "ada");
  (void)looker.look("/away", "hermes");
  come_back();
  auto seen = looker.look("/away", "hermes");
  while (seen.kind != Sign::Kind::there) seen = looker.look("/away", "hermes");
  EXPECT_EQ(seen.mark, "hermes");
}

TEST_F(StampLookerTest, TheMoreOfThemHangNowTheShorterIsWaitedForTheNext) {
  std::promise<void> later;
  // Each look that is under way has a part in it.
  const auto token = std::make_shared<int>();
  const auto look = [token, look = look_, gone = later.get_future().share()](const auto& stamp,
                                                                             const auto& user) {
    if (stamp == "/later") gone.wait();
    return look(stamp, user);
  };
  StampLooker looker(8ms, look);
  const auto idle = token.use_count();
  EXPECT_THAT(looker.look("/away", "1").mark, HasSubstr("longer than 8ms"));
  EXPECT_THAT(looker.look("/away", "2").mark, HasSubstr("longer than 4ms"));
  EXPECT_THAT(looker.look("/away", "3").mark, HasSubstr("longer than 2ms"));
  EXPECT_THAT(looker.look("/away", "1").mark, HasSubstr("longer than 8ms")) << "the same words";
  come_back();
  while (token.use_count() > idle) std::this_thread::yield();
  EXPECT_THAT(looker.look("/later", "").mark, HasSubstr("longer than 8ms"))
      << "it waits less for those that nobody asks for any more";
  later.set_value();
}

TEST_F(StampLookerTest, ALookThatHangsKeepsNoneOfTheProcessesFilesOpenAndNoneOfItsLocks) {
  const TestFolder folder;
  const Fd held(::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  std::promise<bool> has_it;
  StampLooker looker(1h, [&](const auto&, const auto&) {
    has_it.set_value(::fcntl(held.get(), F_GETFD) >= 0);
    return Sign{};
  });
  (void)looker.look("/s", "");
  EXPECT_FALSE(has_it.get_future().get())
      << "a process that is killed while it hangs in the kernel would keep them";
  EXPECT_GE(::fcntl(held.get(), F_GETFD), 0) << "the others have lost them";
}

TEST_F(StampLookerTest, WhereNoThreadIsToBeHadThatIsSaidAndTheNextLookTriesAgain) {
  bool none_left = true;  // as past TasksMax= of the unit
  StampLooker looker(
      1h,
      [](const auto&, const auto&) {
        return Sign{Sign::Kind::there, "1"};
      },
      [&](const std::function<void()>& work) {
        if (none_left) throw std::system_error(EAGAIN, std::generic_category(), "a thread");
        work();
      });
  const auto refused = looker.look("/s", "");
  EXPECT_EQ(refused.kind, Sign::Kind::untrusted) << "nobody is dead for it";
  EXPECT_THAT(refused.mark, HasSubstr("no thread can be had"));
  none_left = false;
  EXPECT_EQ(looker.look("/s", "").kind, Sign::Kind::there);
}

TEST_F(StampLookerTest, WhatItThrowsIsWhyNothingIsSeen) {
  StampLooker looker(1h, [](const auto&, const auto&) -> Sign {
    throw std::runtime_error("too many open files");
  });
  const Sign expected{Sign::Kind::untrusted, "too many open files"};
  EXPECT_EQ(looker.look("/s", ""), expected);
}

}  // namespace
}  // namespace host::deadman
