// SPDX-License-Identifier: Apache-2.0
#include "dispatch/import_rules.hpp"

#include <gmock/gmock.h>

#include "dispatch/playbook_fixture.hpp"

namespace host::dispatch {
namespace {

using ::testing::HasSubstr;

workspaces::ImportRules rules_of(const std::string& more, std::vector<std::string> paths = {}) {
  const auto playbook = parse_playbook(playbook_text("p", more), "p.yaml");
  Lane lane;
  lane.paths = std::move(paths);
  return import_rules(playbook, lane);
}

std::string why(const workspaces::ImportRules& rules, std::string_view path) {
  return rules.denied(path).value_or("");
}

TEST(ImportRulesOfAPlaybook, DenyWhatItAndTheHostDeny) {
  const auto rules = rules_of("gates: { diff: { denied_paths: [docs] } }\n");
  EXPECT_EQ(why(rules, "docs/a.md"), "may not be touched (docs)");
  EXPECT_EQ(why(rules, ".GitHub/Workflows/ci.yml"), "may not be touched (.github/workflows)");
  EXPECT_EQ(why(rules, "src/main.c"), "");
  EXPECT_EQ(rules.closes, 0) << "which issue it is, the playbook does not know";
}

TEST(ImportRulesOfAPlaybook, StayWithinTheLane) {
  const auto rules =
      rules_of("gates: { diff: { denied_paths: [src/secret] } }\n", {"src", "tests/**/x"});
  EXPECT_EQ(why(rules, "src/a.c"), "");
  EXPECT_EQ(why(rules, "README"), "is not for this lane, which may touch src, tests/**/x");
  EXPECT_THAT(why(rules, "SRC/a.c"), HasSubstr("not for this lane"));
  EXPECT_EQ(why(rules, "src/secret/a"), "may not be touched (src/secret)")
      << "what is denied stays denied";
}

TEST(ImportRulesOfAPlaybook, LetNoLinkStandInForWhatIsDenied) {
  const auto rules = rules_of("gates: { diff: { denied_paths: [docs/**/x] } }\n");
  ASSERT_TRUE(rules.denied_link);
  EXPECT_THAT(rules.denied_link(".gitea").value_or(""), HasSubstr("is denied: .gitea/"));
  EXPECT_TRUE(rules.denied_link("DOCS/a"));
  EXPECT_FALSE(rules.denied_link("src"));
}

TEST(ImportRulesOfAPlaybook, TakeSubmodulesOnlyWhereTheyAreUnlocked) {
  EXPECT_FALSE(rules_of("").submodules);
  EXPECT_TRUE(rules_of("gates: { diff: { unlocked_paths: [.gitmodules] } }\n").submodules);
}

TEST(ImportRulesOfAPlaybook, TakeNothingWhereTheReportIsAComment) {
  EXPECT_FALSE(rules_of("report: { kind: comment }\n").denied) << "so that nothing is allowed";
}

}  // namespace
}  // namespace host::dispatch
