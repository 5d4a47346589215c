// SPDX-License-Identifier: Apache-2.0
//
// Pull requests, statuses and reviews, against the quirks of their routes.
#include "gitea/test_server.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class PullsTest : public GiteaTest {
 protected:
  static Json pull(std::int64_t number, const std::string& head = "a",
                   const std::string& state = "open", const std::string& repo = "org/app") {
    return {{"id", 100 + number},
            {"number", number},
            {"state", state},
            {"updated_at", "2026-01-05T12:00:00Z"},
            {"head", {{"label", head}, {"ref", head}, {"repo", {{"full_name", repo}}}}},
            {"base", {{"label", "main"}, {"ref", "main"}, {"repo", {{"full_name", "org/app"}}}}}};
  }
  static HttpResponse page(Json all) {
    const auto size = std::to_string(all.size());
    return json(200, std::move(all), {{"x-total-count", size}});
  }
  Result<std::vector<PullRequest>> list(PullFilter filter = {}) {
    return wait<std::vector<PullRequest>>([&](Reply<std::vector<PullRequest>> reply) {
      gitea_->list_prs(repo_, std::move(filter), std::move(reply));
    });
  }
  Result<PullRequest> create(const std::string& head = "a") {
    return wait<PullRequest>([&](Reply<PullRequest> reply) {
      gitea_->create_pr(repo_, {.head = head, .base = "main", .title = "t", .body = ""},
                        std::move(reply));
    });
  }
  Answer exists(std::int64_t number) {
    return json(409, {{"message",
                       "pull request already exists for these targets [id: 890, "
                       "issue_id: " +
                           std::to_string(number) + ", head_repo_id: 11]"}});
  }
  static std::vector<std::int64_t> numbers(const std::vector<PullRequest>& pulls) {
    std::vector<std::int64_t> all;
    for (const auto& each : pulls) all.push_back(each.number);
    return all;
  }
};

TEST_F(PullsTest, ListsWithAStateAlwaysAndOverNullsAndRepeats) {
  http_.enqueue(page(Json::array({pull(2), nullptr, pull(1), pull(2), pull(3, "b", "closed")})));
  EXPECT_THAT(numbers(list().value()), ElementsAre(1, 2));
  EXPECT_EQ(sent().at(0), "GET /repos/org/app/pulls?state=open&sort=oldest&page=1&limit=50");
}

TEST_F(PullsTest, SendsBothWordsForABaseAndFiltersAgain) {
  Json other = pull(2);
  other["base"]["label"] = "stable";
  http_.enqueue(page(Json::array({pull(1), other})));
  EXPECT_THAT(numbers(list({.base = "main"}).value()), ElementsAre(1));
  EXPECT_THAT(sent().at(0), HasSubstr("&base_branch=main&base=main&"));
}

TEST_F(PullsTest, StopsReadingAtWhatWasNotUpdatedSince) {
  Json old = pull(7);
  old["updated_at"] = "2026-01-05T11:00:00Z";
  http_.enqueue(json(200, Json::array({pull(9), pull(8), old}), {{"x-total-count", "900"}}));
  EXPECT_THAT(numbers(list({.since = loop_.clock().wall() - 1min}).value()), ElementsAre(8, 9));
  EXPECT_EQ(http_.requests().size(), 1u);
  EXPECT_THAT(sent().at(0), HasSubstr("sort=recentupdate"));
}

TEST_F(PullsTest, KnowsTheBranchOfAHeadThatIsDeletedOrNeverWas) {
  Json gone = pull(1);
  gone["head"]["ref"] = "refs/pull/1/head";
  Json agit = pull(2);
  agit["head"] = {{"label", ""}, {"ref", "refs/pull/2/head"}, {"repo", nullptr}};
  http_.enqueue(page(Json::array({gone, agit})));
  const auto all = list().value();
  EXPECT_EQ(all.at(0).head.branch, "a");
  EXPECT_EQ(all.at(1).head.branch, "refs/pull/2/head");
  EXPECT_EQ(all.at(1).head.repo, "");
}

TEST_F(PullsTest, TakesTheOneThatIsThereAlready) {
  http_.enqueue(exists(7));
  http_.enqueue(json(200, pull(7)));
  EXPECT_EQ(create().value().number, 7);
  EXPECT_THAT(sent(), ElementsAre("POST /repos/org/app/pulls", "GET /repos/org/app/pulls/7"));
}

TEST_F(PullsTest, DoesNotBelieveTheNumberWithoutALook) {
  // What the server names is closed by now, and the list has another one.
  http_.enqueue(exists(7));
  http_.enqueue(json(200, pull(7, "a", "closed")));
  http_.enqueue(page(Json::array({pull(8, "b"), pull(9), pull(10, "a", "open", "eve/app")})));
  EXPECT_EQ(create().value().number, 9);
  // Words that name none; and none is there.
  http_.enqueue(json(409, {{"message", "exists"}}));
  http_.enqueue(page(Json::array()));
  EXPECT_EQ(error_of(create()).code(), Code::conflict);
}

TEST_F(PullsTest, TellsAForkFromTheRepositoryItself) {
  http_.enqueue(json(409, {{"message", "exists"}}));
  http_.enqueue(page(Json::array({pull(8), pull(9, "a", "open", "Eve/fork")})));
  EXPECT_EQ(create("eve:a").value().number, 9);
}

TEST_F(PullsTest, OfTwoMadeAtTheSameTimeTheLaterGivesWay) {
  http_.enqueue(json(201, pull(8)));
  http_.enqueue(page(Json::array({pull(7), pull(8)})));
  http_.enqueue(json(201, pull(8, "a", "closed")));
  EXPECT_EQ(create().value().number, 7);
  EXPECT_EQ(sent().back(), "PATCH /repos/org/app/pulls/8");
  EXPECT_EQ(http_.requests().back().body, R"({"state":"closed"})");
}

TEST_F(PullsTest, MakesItOnceMoreWhenALostReplyLeftNone) {
  http_.enqueue(FakeHttpClient::broken());
  http_.enqueue(page(Json::array()));
  http_.enqueue(json(201, pull(8)));
  http_.enqueue(page(Json::array({pull(8)})));
  EXPECT_EQ(create().value().number, 8);
  EXPECT_THAT(sent(), SizeIs(4));
}

TEST_F(PullsTest, SumsUpStatusesOverAllPagesWhateverTheServerSays) {
  const auto status = [](std::int64_t id, const std::string& context, const std::string& state) {
    return Json{{"id", id}, {"context", context}, {"status", state}, {"state", "ignored"}};
  };
  http_.enqueue(json(200, {{"state", "success"}, {"statuses", {status(1, "a", "success")}}},
                     {{"x-total-count", "3"}}));
  http_.enqueue(json(
      200,
      {{"state", "success"}, {"statuses", {status(2, "b", "failure"), status(3, "b", "success")}}},
      {{"x-total-count", "3"}}));
  const auto combined = wait<CombinedStatus>([&](Reply<CombinedStatus> reply) {
                          gitea_->combined_status(repo_, "feature/x", std::move(reply));
                        }).value();
  EXPECT_EQ(combined.state, CheckState::success);  // the failure of "b" is not its newest
  EXPECT_THAT(combined.statuses, SizeIs(2));
  EXPECT_THAT(sent().at(0), StartsWith("GET /repos/org/app/commits/feature%2Fx/status?page=1"));
}

TEST_F(PullsTest, NoStatusesAreNoneInEveryWayOfSayingSo) {
  for (const Json& said :
       {Json{{"state", "pending"}, {"statuses", Json::array()}}, Json{{"state", ""}},
        Json{{"state", ""}, {"sha", ""}, {"statuses", nullptr}}}) {
    http_.enqueue(json(200, said));
    EXPECT_EQ(wait<CombinedStatus>([&](Reply<CombinedStatus> reply) {
                gitea_->combined_status(repo_, "main", std::move(reply));
              })
                  .value()
                  .state,
              CheckState::none);
  }
}

TEST_F(PullsTest, AStateThatNoServerCountsIsNotSet) {
  const auto set = wait<CommitStatus>([&](Reply<CommitStatus> reply) {
    gitea_->set_status(repo_, std::string(40, 'a'),
                       {.context = "ci", .state = "green", .description = "", .target_url = ""},
                       std::move(reply));
  });
  EXPECT_EQ(error_of(set).code(), Code::usage);
  EXPECT_TRUE(http_.requests().empty());
}

TEST(SumOf, IsFailureThenPendingThenSuccess) {
  const auto sum = [](const std::vector<std::string>& states) {
    std::vector<CommitStatus> all;
    for (const auto& state : states) all.push_back({0, "c", state, "", ""});
    return sum_of(all);
  };
  EXPECT_EQ(sum({}), CheckState::none);
  EXPECT_EQ(sum({"success", "skipped"}), CheckState::success);
  EXPECT_EQ(sum({"success", "pending", "success"}), CheckState::pending);
  EXPECT_EQ(sum({"pending", "warning"}), CheckState::failure);
  EXPECT_EQ(sum({"error", "success"}), CheckState::failure);
  EXPECT_EQ(sum({"of-tomorrow"}), CheckState::pending);
}

TEST_F(PullsTest, AReviewThatTheServerMadeSomethingElseOfIsNotDone) {
  http_.enqueue(json(200, {{"id", 1}, {"login", "timmy"}}));
  http_.enqueue(page(Json::array()));
  http_.enqueue(json(200, {{"id", 3}, {"state", "PENDING"}, {"user", {{"login", "timmy"}}}}));
  const auto made = wait<Review>([&](Reply<Review> reply) {
    gitea_->create_review(repo_, 5, {.event = ReviewEvent::approve, .body = "", .commit_sha = ""},
                          "r", std::move(reply));
  });
  EXPECT_EQ(error_of(made).code(), Code::conflict);
  EXPECT_THAT(error_of(made).message(), HasSubstr("PENDING"));
}

}  // namespace
}  // namespace host
