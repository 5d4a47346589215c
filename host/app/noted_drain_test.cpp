// SPDX-License-Identifier: Apache-2.0
#include "app/noted_drain.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "base/fake_loop.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class NotedDrainTest : public ::testing::Test {
 protected:
  void begin() {
    drain_.begin(20s, {.end_work = [this](std::function<void()> ended) { ended_ = ended; },
                       .gives_up = [this] { seen_.push_back("gives up"); },
                       .write_note = [this] { seen_.push_back("note"); },
                       .done = [this] { seen_.push_back("done"); }});
  }

  FakeLoop loop_;
  NotedDrain drain_{loop_};
  std::function<void()> ended_;
  std::vector<std::string> seen_;
};

TEST_F(NotedDrainTest, TheNoteIsWrittenWhenWorkHasEnded) {
  begin();
  loop_.advance(19s);
  EXPECT_THAT(seen_, IsEmpty());
  ended_();
  EXPECT_THAT(seen_, ElementsAre("note", "done"));
  loop_.advance(1min);
  EXPECT_THAT(seen_, ElementsAre("note", "done"));
}

TEST_F(NotedDrainTest, TheNoteIsWrittenBeforeItGivesUpOnWorkThatDoesNotEnd) {
  begin();
  loop_.advance(20s);
  EXPECT_THAT(seen_, ElementsAre("gives up", "note", "done"));
  ended_();
  EXPECT_THAT(seen_, ElementsAre("gives up", "note", "done")) << "once";
}

}  // namespace
}  // namespace host
