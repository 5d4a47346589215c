// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"
#include "cli/command_fixture.hpp"
#include "cli/fake_host.hpp"

namespace host::cli {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class AuditCommandTest : public CommandTest {
 protected:
  void serve(const Json& next) {
    host_.set("GET /v1/audit", {{"audit",
                                 {{{"id", 9},
                                   {"at", "2026-05-01T10:00:00Z"},
                                   {"who", "plugin triage, job 7"},
                                   {"what", "gitea/1.add_labels"},
                                   {"target", "org/app#12"},
                                   {"result", "dry run: not sent"}}}},
                                {"next", next}});
  }
  FakeHost host_{Paths::from(Environment::of_process())};
};

TEST_F(AuditCommandTest, ListsWhoDidWhatToWhatAndWhatCameOfIt) {
  serve(9);
  EXPECT_EQ(run({"audit", "--limit", "1", "--before", "10", "--who", "plugin triage", "--target",
                 "org/app#12"}),
            0)
      << err_.str();
  EXPECT_EQ(out_.str(),
            "ID  AT                    WHO                   WHAT                TARGET      "
            "RESULT\n"
            "9   2026-05-01T10:00:00Z  plugin triage, job 7  gitea/1.add_labels  org/app#12  "
            "dry run: not sent\n"
            "There may be older ones: --before 9\n");
  EXPECT_THAT(host_.requests(),
              Contains("GET "
                       "/v1/audit?limit=1&before=10&who=plugin%20triage&target=org%2Fapp%2312 "));
}

TEST_F(AuditCommandTest, TheLastPageSaysNothingOfMore) {
  serve(nullptr);
  EXPECT_EQ(run({"audit"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), Not(HasSubstr("--before")));
  out_.str("");
  EXPECT_EQ(run({"audit", "--json"}), 0);
  EXPECT_EQ(Json::parse(out_.str())["audit"][0]["id"], 9);
}

}  // namespace
}  // namespace host::cli
