// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"
#include "cli/command_fixture.hpp"
#include "cli/fake_host.hpp"

namespace host::cli {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class ItemsCommandTest : public CommandTest {
 protected:
  static Json item(const std::string& state = "running") {
    return {{"id", 12},
            {"repository", "org/app"},
            {"number", 7},
            {"title", "Crash\x1b[31m"},
            {"playbook", "bug-fixer"},
            {"source", "matching"},
            {"lane", "code"},
            {"gate", "track"},
            {"state", state},
            {"reason", "lane code is full"},
            {"due", nullptr},
            {"run", "12.1"},
            {"runs", 1},
            {"attempts", 0},
            {"tokens", 500},
            {"branch", "timmy/issue-7"},
            {"head", nullptr},
            {"pushed", nullptr},
            {"pull", nullptr},
            {"created", "2026-01-05T12:00:00Z"},
            {"ended", state == "running" ? Json() : Json("2026-01-05T13:00:00Z")}};
  }
  FakeHost host_{Paths::from(Environment::of_process())};
};

TEST_F(ItemsCommandTest, DispatchesAnIssue) {
  host_.set("POST /v1/items", item());
  EXPECT_EQ(run({"playbooks", "dispatch", "org/app#7", "--playbook", "bug-fixer"}), 0);
  EXPECT_EQ(out_.str(), "item 12: org/app#7 for bug-fixer\n");
  EXPECT_THAT(host_.requests(),
              Contains(HasSubstr(R"("number":7,"playbook":"bug-fixer","repository":"org/app")")));
}

TEST_F(ItemsCommandTest, ADryRunSaysWhatStandsInTheWay) {
  const Json facts{{"repository", "org/app"}, {"number", 7}};
  host_.set("POST /v1/items", {{"item", facts},
                               {"playbook", "bug-fixer"},
                               {"lane", "code"},
                               {"taken", false},
                               {"reasons", {"pull request 9 by ada is open and names it"}}});
  EXPECT_EQ(run({"playbooks", "dispatch", "org/app", "7", "--dry-run"}), 1);
  EXPECT_EQ(out_.str(),
            "org/app#7: it would not be taken\n  pull request 9 by ada is open and names it\n");
}

TEST_F(ItemsCommandTest, ListsItemsAsATable) {
  host_.set("GET /v1/items", {{"items", {item()}}, {"next", nullptr}});
  EXPECT_EQ(run({"playbooks", "runs", "--live", "--state", "running"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("org/app#7"));
  EXPECT_THAT(out_.str(), HasSubstr("running at track"));
  EXPECT_THAT(host_.requests(), Contains(HasSubstr("state=running&live=1&limit=50")));
}

TEST_F(ItemsCommandTest, ShowsAnItemByItsNumberWithItsGates) {
  Json shown = item();
  shown["gates"] = {{{"gate", "intake"},
                     {"verdict", "passed"},
                     {"reason", "nobody else works on it"},
                     {"began", "2026-01-05T12:00:00Z"},
                     {"ended", "2026-01-05T12:00:01Z"}}};
  host_.set("GET /v1/items/12", shown);
  EXPECT_EQ(run({"playbooks", "show", "12"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("nobody else works on it"));
  EXPECT_THAT(out_.str(), HasSubstr("Crash?[31m")) << "a title can't drive the terminal";
}

TEST_F(ItemsCommandTest, CancelsAndRetries) {
  host_.set("POST /v1/items/12/cancel", item());
  host_.set("POST /v1/items/12/retry", item("failed"));
  EXPECT_EQ(run({"playbooks", "cancel", "12", "--why", "by hand"}), 0);
  EXPECT_EQ(out_.str(), "item 12: is being stopped\n");
  EXPECT_THAT(host_.requests(), Contains(HasSubstr(R"({"why":"by hand"})")));
  EXPECT_EQ(run({"playbooks", "retry", "12"}), 0);
  EXPECT_EQ(run({"playbooks", "retry", "twelve"}), 64);
}

TEST_F(ItemsCommandTest, PrintsALogUntilItEnds) {
  host_.set("GET /v1/items/12/log",
            {{"run", "12.1"}, {"text", "line\x1b[2J\n"}, {"next", 9}, {"ended", true}});
  EXPECT_EQ(run({"playbooks", "logs", "12"}), 0);
  EXPECT_EQ(out_.str(), "line?[2J\n");
}

}  // namespace
}  // namespace host::cli
