// SPDX-License-Identifier: Apache-2.0
#include "row_key.hpp"

#include <sys/stat.h>

#include "fixture.hpp"

namespace provenance {
namespace {

using testing::HasSubstr;
using testing::Not;

class RowKeyTest : public FolderTest {
 protected:
  std::filesystem::path path() const { return out() / "row.key"; }
};

TEST_F(RowKeyTest, IsMadeOnceForNobodyElseToRead) {
  std::filesystem::remove(path());
  auto first = RowKey::of(out());
  struct stat info {};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  auto again = RowKey::of(out());
  EXPECT_EQ(first.name(), again.name());
  EXPECT_EQ(first.seal("a"), again.seal("a"));
  std::filesystem::remove(path());
  auto other = RowKey::of(out());
  EXPECT_NE(first.name(), other.name());
  EXPECT_NE(first.seal("a"), other.seal("a"));
}

// By Python's hmac, with 32 bytes of zero.
TEST_F(RowKeyTest, SealsWithHmacSha256) {
  auto key = RowKey::of(out());
  EXPECT_EQ(key.seal("abc"), "fd7adb152c05ef80dccf50a1fa4c05d5a3ec6da95575fc312ae7c5d091836351");
  EXPECT_EQ(key.seal("abc"), key.seal("abc"));
  EXPECT_EQ(key.seal(""), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST_F(RowKeyTest, AFileThatIsNoKeyIsNotWrittenOver) {
  std::ofstream(path(), std::ios::trunc) << "short\n";
  EXPECT_THROW((void)RowKey::of(out()), timmy::Permanent);
  EXPECT_EQ(text_of(path()), "short\n");
}

// What was redacted can't be guessed by what the line says of its rows.
TEST_F(RowKeyTest, ARowsOwnHashAndTheKeyStandInNoLine) {
  const auto session = Writer("s").user("call +49 170 1234567").says("A").done();
  stores_.put(session);
  ingest();
  const auto lines = text_of(out() / "pairs" / manifest().files.at(0).name);
  for (const auto& row : session.messages) {
    EXPECT_THAT(lines, Not(HasSubstr(row.digest)));
    EXPECT_THAT(lines, HasSubstr(RowKey::of(out()).seal(row.digest)));
  }
  const auto key = text_of(path()).substr(0, 64);
  EXPECT_THAT(lines, Not(HasSubstr(key)));
  EXPECT_THAT(text_of(out() / "manifest.json"), Not(HasSubstr(key)));
}

TEST_F(RowKeyTest, AnotherKeyWritesEveryPairAnew) {
  stores_.put(simple("s", "a", "A"));
  ingest();
  const auto row = [&] { return pairs().at(0).at("metadata").at("chain").at("rows").at(0); };
  const auto before = row();
  std::filesystem::remove(path());
  ingest();
  EXPECT_EQ(answers(), std::vector<std::string>{"A"});
  EXPECT_NE(row(), before);
}

}  // namespace
}  // namespace provenance
