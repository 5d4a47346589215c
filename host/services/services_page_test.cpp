// SPDX-License-Identifier: Apache-2.0
//
// docs/services.md has a row for each method of gitea/1, model/1, tokens/1, playbooks/1 and
// process/1, with the grant that it asks for, and no other.
#include <gmock/gmock.h>

#include <map>
#include <sstream>
#include <string>
#include <string_view>

#include "base/file.hpp"
#include "services/gitea_reads.hpp"
#include "services/gitea_writes.hpp"

namespace host {
namespace {

// By method of a service ("gitea/1"): the row's last column.
std::map<std::string, std::string> documented(const std::string& service) {
  const std::string begins = "| `" + service + ".";
  std::map<std::string, std::string> rows;
  std::istringstream page(read_file(TIMMY_SERVICES_PAGE, 1 << 20));
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with(begins) || !line.ends_with(" |")) continue;
    const auto method = line.substr(begins.size(), line.find('`', begins.size()) - begins.size());
    const auto last = line.rfind("| ", line.size() - 3) + 2;
    rows[method] = line.substr(last, line.size() - 2 - last);
  }
  return rows;
}

TEST(ServicesPage, HasARowForEachMethodOfTheForgeWithItsGrant) {
  auto rows = documented("gitea/1");
  const auto grant_of = [&](std::string_view method) {
    const auto row = rows.extract(std::string(method));
    return row.empty() ? "no row" : row.mapped();
  };
  for (const auto& [method, read] : forge_reads())
    EXPECT_THAT(grant_of(method), ::testing::HasSubstr("`gitea.read`")) << method;
  for (const auto& [method, write] : forge_writes())
    EXPECT_EQ(grant_of(method),
              method == "merge_pr" ? "`gitea.merge` for `repo`" : "`gitea.write` for `repo`")
        << method;
  for (const auto& [method, grant] : rows) ADD_FAILURE() << method << " is no method";
}

using Rows = std::map<std::string, std::string>;

TEST(ServicesPage, HasARowForEachMethodOfModels) {
  const std::string route = "`model` for `route`";
  EXPECT_EQ(documented("model/1"), (Rows{{"chat", route}, {"embed", route}, {"models", route}}));
}

TEST(ServicesPage, HasARowForEachMethodOfTheAccount) {
  auto rows = documented("tokens/1");
  for (const char* free : {"reserve", "settle", "release", "report"})
    EXPECT_EQ(rows.extract(free).mapped(), "|") << free << " needs no grant: an empty column";
  EXPECT_THAT(rows.extract("standings").mapped(), ::testing::HasSubstr("`tokens.read`"));
  EXPECT_EQ(rows.extract("usage").mapped(), "as `standings`");
  EXPECT_EQ(rows.extract("rotate_log").mapped(), "`tokens.rotate`");
  EXPECT_EQ(rows, Rows{});
}

TEST(ServicesPage, HasARowForEachMethodOfTheDeadman) {
  auto rows = documented("process/1");
  EXPECT_THAT(rows.extract("watches").mapped(), ::testing::HasSubstr("`process.watch`"));
  EXPECT_THAT(rows.extract("look").mapped(),
              ::testing::AllOf(::testing::HasSubstr("`process.watch` for `name`"),
                               ::testing::HasSubstr("`process.restart`")));
  EXPECT_EQ(rows, Rows{});
}

TEST(ServicesPage, HasARowForEachMethodOfPlaybooks) {
  EXPECT_EQ(documented("playbooks/1"), (Rows{{"dispatch", "`playbooks.dispatch` for `name`"},
                                             {"status", "`playbooks.dispatch` for its playbook"}}));
}

}  // namespace
}  // namespace host
