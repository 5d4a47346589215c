// SPDX-License-Identifier: Apache-2.0
#include "app/deadman_check.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/test_folder.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class DeadmanCheckTest : public ::testing::Test {
 protected:
  DeadmanCheckTest() {
    std::filesystem::create_directory(paths_.playbooks());
    lanes_are(R"({"lanes": {"code": {"agent": {"kind": "hermes"}},
                            "code-spare": {"agent": {"kind": "hermes"}}}})");
  }
  void lanes_are(const std::string& json) {
    write_atomically(paths_.playbooks() / "agent-lanes.json", json, 0600);
  }
  // watch.NAME: on the lines 2 and on.
  DeadmanCheck check(const std::string& watches) {
    write_atomically(folder_ / "deadman.yaml", "watch:\n" + watches, 0600);
    return check_deadman(config_, paths_, [this] {
      ++asked_;
      return own_;
    });
  }

  TestFolder folder_;
  Paths paths_ = Paths::from(
      Environment({{"HOME", folder_.path().string()}, {"TIMMY_HOME", folder_.path().string()}}));
  HostConfig config_;
  Result<std::string> own_ = std::string("Timmy");
  int asked_ = 0;
};

TEST_F(DeadmanCheckTest, WithoutAFileNothingIsWrong) {
  EXPECT_THAT(check_deadman(config_, paths_, [] { return std::string(); }).errors, IsEmpty());
}

TEST_F(DeadmanCheckTest, WhatItsFormForbidsHasItsPlace) {
  const auto found = check("  hermes: { stmp: /s }\n");
  ASSERT_THAT(found.errors, testing::Not(IsEmpty()));
  EXPECT_THAT(found.errors[0].where, HasSubstr("deadman.yaml:2:"));
}

TEST_F(DeadmanCheckTest, AFileThatOthersCouldWriteIsSaid) {
  (void)check("  hermes: { stamp: /s }\n");
  std::filesystem::permissions(folder_ / "deadman.yaml", std::filesystem::perms(0666));
  const auto found = check_deadman(config_, paths_, [this] { return own_; });
  ASSERT_THAT(found.errors, SizeIs(1));
  EXPECT_THAT(found.errors[0].message, HasSubstr("chmod"));
}

TEST_F(DeadmanCheckTest, ALaneThatThereIsNotIsAnErrorAtItsPlace) {
  const auto found = check(
      "  hermes:\n"
      "    stamp: /s\n"
      "    dispatch: { from: code, to: code-sparr }\n");
  ASSERT_THAT(found.errors, SizeIs(1));
  EXPECT_THAT(found.errors[0].where, HasSubstr("deadman.yaml:4:33"));
  EXPECT_EQ(found.errors[0].message,
            "watch.hermes.dispatch.to names lane code-sparr, which agent-lanes.json has not; did "
            "you mean code-spare?");
  EXPECT_THAT(check("  hermes: { stamp: /s, dispatch: { from: code, to: code-spare } }\n").errors,
              IsEmpty());
  EXPECT_EQ(asked_, 0) << "nobody's work is watched";
}

TEST_F(DeadmanCheckTest, LanesThatCantBeReadAreToldOfElsewhere) {
  lanes_are("{");
  EXPECT_THAT(check("  hermes: { stamp: /s, dispatch: { from: a, to: b } }\n").errors, IsEmpty());
}

TEST_F(DeadmanCheckTest, TheHostsOwnAccountIsNoAgents) {
  const auto found = check(
      "  hermes:\n"
      "    work: { repositories: [org/app], user: timmy }\n"
      "  other: { work: { repositories: [org/app], user: ada } }\n");
  ASSERT_THAT(found.errors, SizeIs(1)) << "as the forge compares names";
  EXPECT_THAT(found.errors[0].where, HasSubstr("deadman.yaml:3:"));
  EXPECT_EQ(found.errors[0].pointer, "/watch/hermes/work/user");
  EXPECT_THAT(found.errors[0].message, HasSubstr("the host's own account"));
  EXPECT_THAT(found.errors[0].message, HasSubstr("give the agent an account of its own"));
  EXPECT_THAT(found.warnings, IsEmpty());
  EXPECT_EQ(asked_, 1);
}

TEST_F(DeadmanCheckTest, WhereTheForgeIsAwayThatIsAWarning) {
  own_ = Error(Code::unavailable, "no answer");
  const auto found = check("  hermes: { work: { repositories: [org/app], user: timmy } }\n");
  EXPECT_THAT(found.errors, IsEmpty());
  EXPECT_THAT(found.warnings, ElementsAre(HasSubstr("can't be said: no answer")));
}

TEST_F(DeadmanCheckTest, WhatStandsInTheWayOfAHandOverIsSaid) {
  deadman::Watch watch{.name = "hermes"};
  EXPECT_THAT(hand_over_shortcomings(config_, paths_, watch), IsEmpty());
  watch.dispatch = deadman::Dispatch{"code", "nowhere"};
  EXPECT_THAT(hand_over_shortcomings(config_, paths_, watch),
              ElementsAre(HasSubstr("names lane nowhere"), HasSubstr("turns no playbook on")));
  config_.playbooks["fixer"].enabled = true;
  watch.dispatch->to = "code-spare";
  EXPECT_THAT(hand_over_shortcomings(config_, paths_, watch), IsEmpty());
  lanes_are("{");
  EXPECT_THAT(hand_over_shortcomings(config_, paths_, watch),
              ElementsAre(HasSubstr("agent-lanes.json can't be used")));
}

}  // namespace
}  // namespace host
