// SPDX-License-Identifier: Apache-2.0
#include "tokens/sse.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"

namespace host {
namespace {

std::vector<std::string> data_of(const std::vector<SseEvent>& events) {
  std::vector<std::string> all;
  for (const auto& each : events)
    all.push_back(each.comment ? "<comment>" : each.name + "|" + each.data);
  return all;
}

std::vector<std::string> read(std::string_view text, std::size_t step) {
  SseReader reader;
  std::vector<std::string> all;
  const auto add = [&](const std::vector<SseEvent>& events) {
    for (auto& each : data_of(events)) all.push_back(std::move(each));
  };
  for (std::size_t at = 0; at < text.size(); at += step) add(reader.read(text.substr(at, step)));
  add(reader.finish());
  return all;
}

TEST(SseReader, ReadsTheSameHoweverItIsTorn) {
  const std::string text =
      "\xEF\xBB\xBF"
      "data: a\r\n\r\ndata:b\n\n: awake\n\nevent: error\rdata: c\rdata:  d\r\r"
      "id: 1\nretry: 5\n\nnothing\ndata\n\ndata: last";
  const std::vector<std::string> expected{"|a", "|b", "<comment>", "error|c\n d", "|", "|last"};
  for (std::size_t step = 1; step <= text.size(); ++step)
    EXPECT_EQ(read(text, step), expected) << step;
}

TEST(SseReader, AnEventAboveItsCapIsNotWaitedFor) {
  SseReader reader(100);
  EXPECT_TRUE(reader.read("data: " + std::string(80, 'x')).empty());
  EXPECT_THROW((void)reader.read(std::string(80, 'x')), Error);
  SseReader lines(100);
  EXPECT_THROW(for (int i = 0; i < 100; ++i)(void) lines.read("data: x\n"), Error);
  SseReader many(100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(many.read("data: x\n\n").size(), 1u);
}

TEST(SseEvents, AreWrittenAsTheyAreRead) {
  const SseEvent event{"note", "a\n b\n", false};
  const auto text = to_text(event);
  EXPECT_EQ(text, "event: note\ndata: a\ndata:  b\ndata: \n\n");
  EXPECT_EQ(read(text, 3), std::vector<std::string>{"note|a\n b\n"});
}

}  // namespace
}  // namespace host
