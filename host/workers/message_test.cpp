// SPDX-License-Identifier: Apache-2.0
#include "workers/message.hpp"

#include <gtest/gtest.h>
#include <timmy/abi.h>

#include "base/error.hpp"

namespace host {
namespace {

TEST(Message, HelloCarriesWhatAWorkerMayTouch) {
  Hello hello;
  hello.rehearsals = 2;
  hello.plugin_id = "triage";
  hello.config_json = R"({"rules":[]})";
  hello.cage = {.readable = {"/a"},
                .writable = {"/b", "/c"},
                .scratch = "/s",
                .forbidden = {{"/s"}, {"/home/x"}}};
  hello.cage.limits.files = 12;
  hello.cpu_per_run = std::chrono::seconds(3);
  const auto read = decode_hello(encode(hello));
  EXPECT_EQ(read.plugin_id, "triage");
  EXPECT_EQ(read.config_json, hello.config_json);
  EXPECT_EQ(read.cage, hello.cage);
  EXPECT_EQ(read.cpu_per_run, hello.cpu_per_run);
  EXPECT_EQ(read.rehearsals, 2);
  EXPECT_EQ(read.versions, std::vector<int>{kFrameVersion});
}

TEST(Message, ReadyCarriesTheCagesReport) {
  Ready ready;
  ready.cage.layers = {{"landlock", false, "no such kernel"}, {"seccomp", true, ""}};
  ready.cage.notes = {"granted, but not there"};
  const auto read = decode_ready(encode(ready));
  EXPECT_EQ(read.cage.layers, ready.cage.layers);
  EXPECT_EQ(read.cage.notes, ready.cage.notes);
  EXPECT_EQ(read.cage.missing(), "landlock (no such kernel)");
  EXPECT_TRUE(read.cage.in_force("seccomp"));
}

TEST(Message, ResultComesOutAsItWentIn) {
  const ResultMessage result{.status = TIMMY_RETRYABLE,
                             .delay_ms = 17,
                             .code = "unavailable",
                             .message = "later",
                             .result = "{}",
                             .cpu = Duration(5),
                             .max_rss_bytes = 1ull << 40,
                             .threads = 1,
                             .descriptors = 2,
                             .children = 3};
  std::string body;
  encode_to(body, result);
  const auto read = decode_result(body);
  std::string again;
  encode_to(again, read);
  EXPECT_EQ(again, body);
  EXPECT_EQ(read.message, "later");
  EXPECT_EQ(read.max_rss_bytes, 1ull << 40);
  EXPECT_FALSE(read.clean());
}

TEST(Message, TooShortOrTooLongIsRefused) {
  std::string body;
  encode_to(body, ResultMessage{.code = "x"});
  for (std::size_t size = 0; size < body.size(); ++size)
    EXPECT_THROW((void)decode_result(std::string_view(body).substr(0, size)), Error) << size;
  EXPECT_THROW((void)decode_result(body + "x"), Error);
  EXPECT_THROW((void)decode_ready("{}"), Error);
  EXPECT_THROW((void)decode_ready("[[["), Error);
  EXPECT_THROW((void)decode_hello(R"({"versions":"1"})"), Error);
}

TEST(Message, AWorkerEndsAfterAFailureOrWhatWasLeftBehind) {
  EXPECT_FALSE(ends_worker({.status = TIMMY_OK}));
  EXPECT_FALSE(ends_worker({.status = TIMMY_SNOOZE}));
  EXPECT_FALSE(ends_worker({.status = TIMMY_CANCELLED}));
  EXPECT_TRUE(ends_worker({.status = TIMMY_RETRYABLE}));
  EXPECT_TRUE(ends_worker({.status = TIMMY_PERMANENT}));
  EXPECT_TRUE(ends_worker({.status = 77}));
  EXPECT_TRUE(ends_worker({.status = TIMMY_OK, .threads = 1}));
  // Counts that add up to 2^32.
  EXPECT_TRUE(ends_worker({.status = TIMMY_OK, .threads = 1u << 31, .descriptors = 1u << 31}));
}

}  // namespace
}  // namespace host
