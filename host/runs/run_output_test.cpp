// SPDX-License-Identifier: Apache-2.0
#include "runs/run_output.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "base/test_folder.hpp"

namespace host::runs {
namespace {

using testing::HasSubstr;

std::string all_of(const std::filesystem::path& folder, std::size_t most = 7) {
  std::string all;
  for (OutputPiece piece; !(piece = read_output(folder, piece.next, most)).text.empty();)
    all += piece.text;
  return all;
}

// 1000 lines of 10 bytes.
std::string line(int number) {
  auto text = std::to_string(100'000'000 + number);
  return text + "\n";
}

class Output : public testing::Test {
 protected:
  void write_lines(OutputWriter& writer, int from, int to) {
    for (int i = from; i < to; ++i) writer.append(line(i));
  }
  TestFolder folder_;
  std::shared_ptr<Redactor> redactor_ = std::make_shared<Redactor>();
};

TEST_F(Output, IsKeptWholeWhenItIsShort) {
  OutputWriter writer(folder_.path(), 1000, redactor_);
  writer.append("one\ntw");
  writer.append("o\nthree");
  EXPECT_EQ(all_of(folder_.path()), "one\ntwo\n") << "a line is there once it has its end";
  writer.finish();
  EXPECT_EQ(all_of(folder_.path()), "one\ntwo\nthree");
  EXPECT_EQ(writer.total(), 13u);
}

TEST_F(Output, IsKeptInItsFirstHalfAndItsEndAndSaysWhatIsMissing) {
  OutputWriter writer(folder_.path(), 400, redactor_);
  write_lines(writer, 0, 1000);
  writer.finish();
  const auto log = read_file(folder_ / "output.log", 10'000);
  EXPECT_THAT(log, testing::StartsWith(line(0)));
  EXPECT_THAT(log, HasSubstr(line(19)));
  EXPECT_THAT(log, testing::EndsWith(line(999)));
  EXPECT_LT(log.size(), 500u);
  const auto kept = log.size() - std::string("\n[timmy-host left out 9600 bytes here]\n").size();
  EXPECT_THAT(log, HasSubstr("[timmy-host left out " + std::to_string(10'000 - kept) + " bytes"));
  EXPECT_EQ(all_of(folder_.path()), log);
}

TEST_F(Output, TakesNoMoreDiskWhileItComesThanItKeeps) {
  OutputWriter writer(folder_.path(), 400, redactor_);
  for (int i = 0; i < 1000; ++i) {
    writer.append(line(i));
    std::uintmax_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      bytes += entry.file_size();
    ASSERT_LE(bytes, 400u);
  }
}

TEST_F(Output, CanBeReadWhileItComesByTheSameOffsetsAsAfterwards) {
  OutputWriter writer(folder_.path(), 400, redactor_);
  write_lines(writer, 0, 22);
  EXPECT_EQ(read_output(folder_.path(), 190, 100).text, line(19));
  EXPECT_EQ(read_output(folder_.path(), 200, 100).text, line(20) + line(21));
  write_lines(writer, 22, 1000);
  const auto gap = read_output(folder_.path(), 220, 15);
  EXPECT_THAT(gap.text, HasSubstr("left out"));
  const auto before = read_output(folder_.path(), 9980, 100);
  EXPECT_EQ(before.text, line(998) + line(999));
  EXPECT_EQ(before.next, 10'000u);
  writer.finish();
  const auto after = read_output(folder_.path(), 9980, 100);
  EXPECT_EQ(after.text, before.text);
  EXPECT_EQ(after.next, before.next);
  EXPECT_EQ(read_output(folder_.path(), 10'000, 100).text, "");
}

TEST_F(Output, IsReadAfterACrashThatLeftItsPartsApart) {
  {
    OutputWriter writer(folder_.path(), 400, redactor_);
    write_lines(writer, 0, 1000);
  }
  EXPECT_THAT(all_of(folder_.path()), testing::EndsWith(line(999)));
}

TEST_F(Output, HasNoSecretsHoweverTheyArrive) {
  redactor_->add(Secret("s3cr3t-value"));
  const std::string text = "a s3cr3t-value b\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    StreamRedactor stream(redactor_);
    std::string seen;
    for (std::size_t at = 0; at < text.size(); at += piece)
      seen += stream.feed(std::string_view(text).substr(at, piece));
    EXPECT_EQ(seen + stream.finish(), "a [redacted] b\n");
  }
}

TEST_F(Output, HasNoSecretsInALineWithoutEndEither) {
  redactor_->add(Secret("s3cr3t-value"));
  for (int before = 8180; before < 8200; ++before) {
    StreamRedactor stream(redactor_);
    std::string seen;
    seen += stream.feed(std::string(static_cast<std::size_t>(before), 'x'));
    seen += stream.feed("s3cr3t-value");
    seen += stream.feed(std::string(20'000, 'y'));
    seen += stream.finish();
    EXPECT_EQ(seen.find("s3cr3t"), std::string::npos) << before;
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(before) + 10 + 20'000);
  }
}

TEST_F(Output, ThatIsNotThereIsNotFound) {
  EXPECT_THROW((void)read_output(folder_ / "none", 0, 10), Error);
}

}  // namespace
}  // namespace host::runs
