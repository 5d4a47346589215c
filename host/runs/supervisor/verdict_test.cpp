// SPDX-License-Identifier: Apache-2.0
#include "runs/supervisor/verdict.hpp"

#include <gmock/gmock.h>
#include <signal.h>

namespace host::runs::supervisor {
namespace {

using Kind = RunEnding::Kind;
using testing::HasSubstr;

TEST(RunVerdict, OfAProgramThatEndedByItselfIsItsStatus) {
  const auto ending = ending_of({.program = ProgramEnd{false, 0}});
  EXPECT_TRUE(ending.exited_zero());
  EXPECT_EQ(ending_of({.program = ProgramEnd{false, 3}}).number, 3);
}

TEST(RunVerdict, NamesTheSignal) {
  const auto ending = ending_of({.program = ProgramEnd{true, SIGABRT}});
  EXPECT_EQ(ending.kind, Kind::signalled);
  EXPECT_THAT(ending.evidence, HasSubstr("SIGABRT"));
}

TEST(RunVerdict, OfOneThatWasStoppedIsWhyWhateverItDidThen) {
  const auto ending = ending_of(
      {.stop = Kind::deadline, .why = "it ran for 1h, its limit", .program = ProgramEnd{false, 0}});
  EXPECT_EQ(ending.kind, Kind::deadline);
  EXPECT_FALSE(ending.exited_zero());
  EXPECT_EQ(ending.evidence,
            "it ran for 1h, its limit, upon which the program ended with status 0");
}

TEST(RunVerdict, SaysThatItTookSigkill) {
  const auto ending = ending_of({.stop = Kind::stalled, .why = "it stalled", .killed = true});
  EXPECT_TRUE(ending.killed);
  EXPECT_EQ(ending.evidence, "it stalled; it took SIGKILL");
}

TEST(RunVerdict, IsMemoryWhenTheKernelKilledForIt) {
  const auto ending = ending_of(
      {.program = ProgramEnd{true, SIGKILL}, .out_of_memory = true, .most_memory = 64u << 20});
  EXPECT_EQ(ending.kind, Kind::memory);
  EXPECT_THAT(ending.evidence, HasSubstr("64 MiB"));
  // A program that lived on without the process that was killed ended as it did.
  EXPECT_EQ(ending_of({.program = ProgramEnd{false, 1}, .out_of_memory = true}).kind, Kind::exited);
}

TEST(RunVerdict, OfARunWhoseFirstProcessWasKilledSaysSo) {
  const auto ending = ending_of({});
  EXPECT_EQ(ending.kind, Kind::signalled);
  EXPECT_THAT(ending.evidence, HasSubstr("from outside"));
}

}  // namespace
}  // namespace host::runs::supervisor
