// SPDX-License-Identifier: Apache-2.0
#include "workspaces/import_changes.hpp"

#include <gmock/gmock.h>

#include <vector>

#include "base/error.hpp"

namespace host::workspaces {
namespace {

std::string raw(const std::string& modes, char status, const std::string& path) {
  return ":" + modes + " " + std::string(40, '0') + " " + std::string(40, 'a') + " " + status +
         std::string(1, '\0') + path + std::string(1, '\0');
}

TEST(TreeChanges, AreReadInPiecesOfAnySize) {
  const std::string text = raw("000000 100644", 'A', "a b\n") + raw("100644 120000", 'T', "src/x");
  for (std::size_t size = 1; size <= text.size(); ++size) {
    TreeChanges reader;
    std::vector<TreeChange> all;
    for (std::size_t at = 0; at < text.size(); at += size)
      ASSERT_TRUE(reader.take(std::string_view(text).substr(at, size), [&](TreeChange change) {
        all.push_back(std::move(change));
        return true;
      }));
    ASSERT_EQ(all.size(), 2u) << size;
    EXPECT_EQ(all[0].mode, "100644");
    EXPECT_EQ(all[0].status, 'A');
    EXPECT_EQ(all[0].path, "a b\n");
    EXPECT_EQ(all[1].mode, "120000");
    EXPECT_EQ(all[1].id.text(), std::string(40, 'a'));
    EXPECT_EQ(all[1].path, "src/x");
    EXPECT_TRUE(reader.ended());
  }
}

TEST(TreeChanges, EndWhenTheReaderHasEnough) {
  TreeChanges reader;
  EXPECT_FALSE(
      reader.take(raw("000000 100644", 'A', "a"), [](const TreeChange&) { return false; }));
}

TEST(TreeChanges, OfAnotherFormAreRefused) {
  for (const auto& text :
       {std::string("x\0y\0", 4), raw("0 1", 'A', "a"), "x" + raw("000000 100644", 'A', "a")}) {
    TreeChanges reader;
    EXPECT_THROW((void)reader.take(text, [](const TreeChange&) { return true; }), Error);
  }
  TreeChanges endless;
  EXPECT_THROW(
      (void)endless.take(":" + std::string(2'000'000, 'x'), [](const TreeChange&) { return true; }),
      Error);
}

}  // namespace
}  // namespace host::workspaces
