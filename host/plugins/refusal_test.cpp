// SPDX-License-Identifier: Apache-2.0
#include "plugins/refusal.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <set>
#include <sstream>

namespace host {
namespace {

// The words in the column "code" of docs/why-refused.md: in `backquotes`, in the second cell of the
// table by STATE and in the first of that of refusals.
std::set<std::string> documented() {
  std::ifstream page(TIMMY_WHY_REFUSED);
  EXPECT_TRUE(page) << TIMMY_WHY_REFUSED;
  std::set<std::string> codes;
  std::string heading;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("#")) heading = line;
    const bool of_runs = heading == "## Quarantined" || heading.starts_with("## It is listed");
    if (!line.starts_with("| `") || of_runs) continue;
    std::istringstream cells(line);
    std::string none, first, second;
    std::getline(cells, none, '|');
    std::getline(cells, first, '|');
    std::getline(cells, second, '|');
    const auto& cell = heading == "## Refused" ? first : second;
    if (const auto at = cell.find('`'); at != std::string::npos)
      codes.insert(cell.substr(at + 1, cell.rfind('`') - at - 1));
  }
  return codes;
}

TEST(Refusal, EachCodeHasItsRowInTheDocumentAndNoOther) {
  std::set<std::string> codes;
  for (int each = 1; each < kRefusals; ++each) {
    const std::string code(name(static_cast<Refusal>(each)));
    EXPECT_NE(code, "") << each;
    EXPECT_TRUE(codes.insert(code).second) << code << " stands for two";
  }
  EXPECT_EQ(documented(), codes);
}

TEST(Refusal, AnErrorThatKnowsNoneIsOfAFileThatCanNotBeRead) {
  EXPECT_EQ(refused(Error(Code::io, "reading: bad disk")).refusal(), Refusal::unreadable);
  const RefusedError error(Refusal::damaged, Code::invalid, "is empty", "Copy it again.");
  const auto same = refused(error);
  EXPECT_EQ(same.refusal(), Refusal::damaged);
  EXPECT_EQ(same.message(), "is empty");
  EXPECT_EQ(same.next_step(), "Copy it again.");
}

}  // namespace
}  // namespace host
