// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Log, NamesItsSourceAndScrubsSecretsInEveryForm) {
  const auto lines = std::make_shared<std::vector<std::string>>();
  const auto log = Log::to_memory(lines).named("gitea");
  log.redactor()->add(Secret("c4n4ry+s3cret"));
  log.warn("sent {} to {}", "c4n4ry+s3cret", "example");
  log.info("as {} and {}", "YzRuNHJ5K3MzY3JldA==", "c4n4ry%2Bs3cret");
  EXPECT_THAT(*lines, ElementsAre("warning gitea: sent [redacted] to example",
                                  "info gitea: as [redacted] and [redacted]"));
}

TEST(Redactor, BlotsOutCredentialsThatNobodyRegistered) {
  const Redactor redactor;
  EXPECT_EQ(redactor.scrub("Authorization: token abc\r\nHost: x"),
            "Authorization: [redacted]\r\nHost: x");
  EXPECT_EQ(redactor.scrub("GET /x?token=abc&page=2"), "GET /x?token=[redacted]&page=2");
}

TEST(Redactor, DoesNotBlotOutWordsForAShortSecret) {
  Redactor redactor;
  redactor.add(Secret("a"));
  EXPECT_EQ(redactor.scrub("a banana"), "a banana");
}

}  // namespace
}  // namespace host
