// SPDX-License-Identifier: Apache-2.0
#include "reading_ahead.hpp"

#include <gmock/gmock.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace provenance {
namespace {

using testing::ElementsAre;

using timmy::Json;

constexpr std::size_t kLarge = 1 << 20;

Session session(const std::string& id, std::size_t bytes = 10) {
  Session made;
  made.id = id;
  made.messages.emplace_back().content = std::string(bytes, 'x');
  return made;
}

// One text of a session that a store may have made large, each in turn.
using Put = void (*)(Session&, std::string);
constexpr Put kTexts[] = {
    [](Session& all, std::string text) { all.id = std::move(text); },
    [](Session& all, std::string text) { all.store.path = std::move(text); },
    [](Session& all, std::string text) { all.source = std::move(text); },
    [](Session& all, std::string text) { all.user = std::move(text); },
    [](Session& all, std::string text) { all.chat = std::move(text); },
    [](Session& all, std::string text) { all.provider = std::move(text); },
    [](Session& all, std::string text) { all.model = std::move(text); },
    [](Session& all, std::string text) { all.parent = std::move(text); },
    [](Session& all, std::string text) { all.end_reason = std::move(text); },
    [](Session& all, std::string text) { all.digest = std::move(text); },
    [](Session& all, std::string text) { all.damaged.push_back(std::move(text)); },
    [](Session& all, std::string text) { all.remarks.push_back(std::move(text)); },
    [](Session& all, std::string text) { all.messages[0].content = std::move(text); },
    [](Session& all, std::string text) { all.messages[0].call_id = std::move(text); },
    [](Session& all, std::string text) { all.messages[0].tool_name = std::move(text); },
    [](Session& all, std::string text) { all.messages[0].finish_reason = std::move(text); },
    [](Session& all, std::string text) { all.messages[0].anchor = std::move(text); },
    [](Session& all, std::string text) { all.messages[0].digest = std::move(text); },
    [](Session& all, std::string text) {
      all.messages[0].calls.push_back({text, "", ""});
    },
    [](Session& all, std::string text) {
      all.messages[0].calls.push_back({"", text, ""});
    },
    [](Session& all, std::string text) {
      all.messages[0].calls.push_back({"", "", text});
    },
};

// Hands over what it is told to, and says how far it is.
class Scripted final : public SessionSource {
 public:
  Passed read(const Json& cursor, const std::function<void(Session&&)>& take) override {
    thread = std::this_thread::get_id();
    seen = cursor;
    for (const auto& [id, bytes] : sessions) {
      ++begun;
      auto made = session(id, bytes);
      if (put != nullptr) put(made, std::string(2 * kLarge, 'x'));
      take(std::move(made));
    }
    if (fails) throw std::runtime_error("the disk is gone");
    return {Json{{"at", 7}}, {"a trouble"}};
  }
  std::optional<Session> find(const std::string& id) override { return session(id); }

  std::vector<std::pair<std::string, std::size_t>> sessions;
  Put put = nullptr;
  bool fails = false;
  std::atomic<std::size_t> begun = 0;
  std::thread::id thread;
  Json seen;
};

class ReadingAheadTest : public testing::Test {
 protected:
  std::vector<std::string> read() {
    std::vector<std::string> ids;
    passed_ = ahead_.read({{"from", 3}}, [&](Session&& each) {
      EXPECT_EQ(std::this_thread::get_id(), here_);
      ids.push_back(each.id);
    });
    return ids;
  }
  Scripted source_;
  ReadingAhead ahead_{source_, kLarge};
  std::thread::id here_ = std::this_thread::get_id();
  Passed passed_;
};

TEST_F(ReadingAheadTest, WhatIsTakenIsTakenHereInTheOrderInWhichAnotherThreadReadsIt) {
  std::vector<std::string> all;
  for (int i = 0; i < 1000; ++i) {
    all.push_back(std::to_string(i));
    source_.sessions.emplace_back(all.back(), i % 7 == 0 ? kLarge / 3 : 10);
  }
  EXPECT_EQ(read(), all);
  EXPECT_NE(source_.thread, here_);
  EXPECT_EQ(source_.seen, (Json{{"from", 3}}));
  EXPECT_EQ(passed_.cursor, (Json{{"at", 7}}));
  EXPECT_THAT(passed_.troubles, ElementsAre("a trouble"));
}

TEST_F(ReadingAheadTest, TheNextIsBegunWhileOneIsTaken) {
  source_.sessions = {{"a", 10}, {"b", 10}};
  std::vector<std::string> ids;
  (void)ahead_.read({}, [&](Session&& each) {
    ids.push_back(each.id);
    while (source_.begun < 2) std::this_thread::yield();
    EXPECT_EQ(ahead_.find("p")->id, "p") << "and others can be asked for meanwhile";
  });
  EXPECT_THAT(ids, ElementsAre("a", "b"));
}

TEST_F(ReadingAheadTest, OfLargeOnesNoneIsBegunBeforeTheLastIsDoneWith) {
  source_.sessions = {{"a", 2 * kLarge}, {"b", 2 * kLarge}, {"c", 10}};
  std::size_t taken = 0;
  (void)ahead_.read({}, [&](Session&&) {
    ++taken;
    // Time enough for one who does not wait.
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    EXPECT_LE(source_.begun, taken);
  });
  EXPECT_EQ(taken, 3u);
}

TEST_F(ReadingAheadTest, WhicheverTextIsLargeASessionIsLarge) {
  source_.sessions = {{"a", 10}, {"b", 10}, {"c", 10}, {"d", 10}};
  for (std::size_t text = 0; text < std::size(kTexts); ++text) {
    source_.put = kTexts[text];
    source_.begun = 0;
    std::size_t taken = 0;
    (void)ahead_.read({}, [&](Session&&) {
      ++taken;
      for (int i = 0; i < 1000; ++i) std::this_thread::yield();
      EXPECT_LE(source_.begun, taken) << "text " << text;
    });
    EXPECT_EQ(taken, 4u);
  }
}

TEST_F(ReadingAheadTest, WhatTheReaderThrowsComesAfterWhatItReadBefore) {
  source_.sessions = {{"a", 10}, {"b", 10}};
  source_.fails = true;
  std::vector<std::string> ids;
  EXPECT_THROW((void)ahead_.read({}, [&](Session&& each) { ids.push_back(each.id); }),
               std::runtime_error);
  EXPECT_THAT(ids, ElementsAre("a", "b"));
}

TEST_F(ReadingAheadTest, WhatTheTakerThrowsEndsTheReading) {
  for (int i = 0; i < 1000; ++i) source_.sessions.emplace_back(std::to_string(i), kLarge);
  EXPECT_THROW((void)ahead_.read({}, [](Session&&) { throw std::logic_error("enough"); }),
               std::logic_error);
  EXPECT_EQ(source_.begun, 1u);
}

// Where there is no room for another stack.
TEST_F(ReadingAheadTest, WithoutAThreadItReadsByItself) {
  source_.sessions = {{"a", 10}, {"b", 10}};
  const auto child = ::fork();
  if (child == 0) {
    pthread_attr_t attributes;
    bool right = ::pthread_attr_init(&attributes) == 0 &&
                 ::pthread_attr_setstacksize(&attributes, std::size_t{1} << 47) == 0 &&
                 ::pthread_setattr_default_np(&attributes) == 0;
    try {
      right = right && read() == std::vector<std::string>{"a", "b"} && source_.thread == here_;
    } catch (...) {
      right = false;
    }
    ::_exit(right ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace provenance
