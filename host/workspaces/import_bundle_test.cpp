// SPDX-License-Identifier: Apache-2.0
#include "workspaces/import_bundle.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"

namespace host::workspaces {
namespace {

using ::testing::HasSubstr;

const std::string kOne(40, '1');
const std::string kTwo(40, '2');
const std::string kPack("PACK\0\0\0\2\0\0\1\5rest", 16);

BundleHeader parse(const std::string& header) { return parse_bundle_header(header + kPack); }

TEST(BundleHeader, OfVersionTwo) {
  const std::string text = "# v2 git bundle\n-" + kOne + " a subject\n" + kTwo + " HEAD\n\n";
  const auto header = parse(text);
  EXPECT_EQ(header.version, 2);
  ASSERT_EQ(header.prerequisites.size(), 1u);
  EXPECT_EQ(header.prerequisites[0].text(), kOne);
  EXPECT_EQ(header.head.text(), kTwo);
  EXPECT_EQ(header.ref, "HEAD");
  EXPECT_EQ(header.pack_at, text.size());
  EXPECT_EQ(header.objects, 261u);
}

TEST(BundleHeader, OfVersionThree) {
  const auto header =
      parse("# v3 git bundle\n@object-format=sha1\n-" + kOne + "\n" + kTwo + " refs/heads/x\n\n");
  EXPECT_EQ(header.version, 3);
  EXPECT_EQ(header.ref, "refs/heads/x");
}

TEST(BundleHeader, NeedsNoPrerequisite) {
  EXPECT_TRUE(parse("# v2 git bundle\n" + kTwo + " HEAD\n\n").prerequisites.empty());
}

TEST(BundleHeader, TakesNothingElse) {
  const std::string v2 = "# v2 git bundle\n";
  const std::string v3 = "# v3 git bundle\n";
  std::string many = v2;
  for (int i = 0; i < 65; ++i) many += "-" + kOne + "\n";
  const std::pair<std::string, const char*> table[] = {
      {"\n", "no bundle of version"},
      {"# v4 git bundle\n" + kTwo + " HEAD\n\n", "no bundle of version"},
      {"# v2 git bundle\r\n" + kTwo + " HEAD\n\n", "no bundle of version"},
      {v2 + "\n", "there is no ref"},
      {v2 + "-" + kOne + "\n\n", "there is no ref"},
      {v2 + kTwo + " HEAD\n" + kOne + " refs/heads/x\n\n", "more than one ref"},
      {v2 + kTwo + " HEAD\n-" + kOne + "\n\n", "behind a ref"},
      {v2 + kTwo + "\n\n", "without a name"},
      {v2 + kTwo + " \n\n", "without a name"},
      {v2 + kTwo + "x HEAD\n\n", "40 hexadecimal"},
      {v2 + std::string(64, '2') + " HEAD\n\n", "40 hexadecimal"},
      {v2 + "-" + kOne.substr(1) + "\n" + kTwo + " HEAD\n\n", "40 hexadecimal"},
      {v2 + "--upload-pack=x\n\n", "40 hexadecimal"},
      {v2 + "@object-format=sha1\n" + kTwo + " HEAD\n\n", "wrong place"},
      {v3 + kTwo + " HEAD\n@object-format=sha1\n\n", "wrong place"},
      {v3 + "@object-format=sha256\n" + kTwo + " HEAD\n\n", "only @object-format=sha1"},
      {v3 + "@filter=blob:none\n" + kTwo + " HEAD\n\n", "only @object-format=sha1"},
      {v2 + kTwo + " HE" + std::string(1, '\0') + "AD\n\n", "zero byte"},
      {v2 + kTwo + " " + std::string(70'000, 'x') + "\n\n", "no end"},
      {many + kTwo + " HEAD\n\n", "too many"},
  };
  for (const auto& [text, expected] : table) {
    try {
      (void)parse(text);
      ADD_FAILURE() << expected;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::invalid);
      EXPECT_THAT(error.message(), HasSubstr(expected));
    }
  }
}

TEST(BundleHeader, NeedsAPackBehindIt) {
  const std::string header = "# v2 git bundle\n" + kTwo + " HEAD\n\n";
  for (const auto& pack :
       {std::string(), std::string("PACK"), std::string("PACK\0\0\0\3\0\0\0\1", 12),
        std::string("KCAP\0\0\0\2\0\0\0\1", 12), kPack.substr(0, 11)})
    EXPECT_THROW((void)parse_bundle_header(header + pack), Error) << pack;
}

// Torn anywhere it is refused, and never read beyond its end.
TEST(BundleHeader, TornAnywhereItIsRefused) {
  const std::string whole =
      "# v2 git bundle\n-" + kOne + " s\n" + kTwo + " HEAD\n\n" + kPack.substr(0, 12);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THROW((void)parse_bundle_header(std::string_view(whole).substr(0, size)), Error) << size;
  EXPECT_NO_THROW((void)parse_bundle_header(whole));
}

}  // namespace
}  // namespace host::workspaces
