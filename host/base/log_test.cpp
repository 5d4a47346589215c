// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/log_loss.hpp"
#include "base/redactor.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;

TEST(Log, NamesItsSourceAndScrubsSecretsInEveryForm) {
  const auto lines = std::make_shared<std::vector<std::string>>();
  const auto log = Log::to_memory(lines).named("gitea");
  log.redactor()->add(Secret("c4n4ry+s3cret"));
  log.warn("sent {} to {}", "c4n4ry+s3cret", "example");
  log.info("as {} and {}", "YzRuNHJ5K3MzY3JldA==", "c4n4ry%2Bs3cret");
  EXPECT_THAT(*lines, ElementsAre("warn gitea: sent [redacted] to example",
                                  "info gitea: as [redacted] and [redacted]"));
}

TEST(Log, LinesBeginWithTheTimeInUtcAndTheLevelAsHostYamlHasIt) {
  ::setenv("TZ", "Asia/Tokyo", 1);
  ::tzset();
  const auto before = format_utc(SystemClock().wall());
  testing::internal::CaptureStderr();
  Log::to_stderr(Level::info, std::make_shared<Redactor>()).named("gitea").warn("it is late");
  const std::string line = testing::internal::GetCapturedStderr();
  ::unsetenv("TZ");
  ::tzset();
  if (std::getenv("JOURNAL_STREAM") != nullptr) GTEST_SKIP() << "journald puts the time itself";
  const auto second = line.substr(0, std::string("2026-01-31T12:00:00").size());
  EXPECT_LE(before.substr(0, second.size()), second);
  EXPECT_GE(format_utc(SystemClock().wall()).substr(0, second.size()), second);
  EXPECT_EQ(line.find("Z "), line.find(' ') - 1);
  EXPECT_EQ(line.substr(line.find(' ')), " warn gitea: it is late\n");
}

TEST(Log, CountsTheLinesThatStderrDoesNotTake) {
  const auto log = Log::to_stderr(Level::info, std::make_shared<Redactor>());
  const Fd real(::dup(STDERR_FILENO)), full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ::dup2(full.get(), STDERR_FILENO);
  const auto before = lost_log_lines();
  log.warn("one");
  log.named("gitea").warn("two");
  log.debug("not asked for");
  ::dup2(real.get(), STDERR_FILENO);
  EXPECT_EQ(lost_log_lines() - before, 2U);
}

}  // namespace
}  // namespace host
