// SPDX-License-Identifier: Apache-2.0
//
// What --doctor says of a token's scopes, held against forges that ask for them: each method of
// gitea/1 works with just the scopes that the table names, and without any one of them it is
// refused.
#include "services/gitea_scopes.hpp"

#include <map>

#include "forge/client_contract.hpp"
#include "services/gitea_reads.hpp"
#include "services/gitea_writes.hpp"

namespace host::forge {
namespace {

using ::testing::HasSubstr;
using Scopes = std::vector<std::string>;

class ScopesContract : public ClientContract {
 protected:
  void SetUp() override {
    ClientContract::SetUp();
    if (IsSkipped()) return;
    if (peer().token_with({"read:user"}).empty())
      GTEST_SKIP()
          << "no real Gitea: tokens of other scopes are only made where it is started here";
    repo_ = new_repo_with_code();
    other_ = let_other_write(repo_);
    const auto me = this->me();
    for (const auto* name : {"bug", "question"}) new_label(repo_, name);
    issue_ = new_issue(repo_, "It crashes");
    ASSERT_EQ(patch(issue_path(repo_, issue_), {{"assignees", {me}}}).status, 201);
    ASSERT_TRUE(add(repo_, issue_, {"bug"}).ok());
    pull_ = new_pull(repo_, "fix");
    sha_ = get("/repos/" + repo_ + "/pulls/" + std::to_string(pull_)).json().at("head").at("sha");
    organisation_ = new_organisation();
    const auto team =
        post("/orgs/" + organisation_ + "/teams",
             {{"name", "reviewers"}, {"permission", "read"}, {"units", {"repo.code"}}});
    ASSERT_EQ(team.status, 201) << team.body;
  }

  // What every method finds something by.
  [[nodiscard]] Json params(const std::string& method) {
    const bool of_pull =
        method.find("pr") != std::string::npos || method.find("review") != std::string::npos;
    Json all{{"repo", repo_},
             {"owner", organisation_},
             {"team", "reviewers"},
             {"login", other_},
             {"number", of_pull ? pull_ : issue_},
             {"ref", sha_},
             {"sha", sha_},
             {"context", "ci"},
             {"open", false},
             {"logins", {method == "add_assignees" ? other_ : me()}},
             {"labels", {"question"}},
             {"label", "bug"},
             {"title", "Report"},
             {"body", "hello"},
             {"event", "comment"},
             {"name", "n"}};
    if (method == "set_status") all["state"] = "success";
    return all;
  }

  Result<Json> call(const std::string& method, const Scopes& scopes, const Json& more = {}) {
    auto& client = clients_[scopes];
    if (!client) client = new_client(peer().token_with(scopes));
    auto run = std::make_shared<RunContext>();
    run->grants =
        Grants::from({{"gitea.read", {"*"}}, {"gitea.write", {"*"}}, {"gitea.merge", {"*"}}});
    run->plugin = "p", run->key = "k" + std::to_string(++calls_);
    Json given = params(method);
    if (!more.is_null()) given.update(more);
    return wait<Json>([&](const Reply<Json>& reply) {
      const ForgeCall asked{run, given, reply};
      if (const auto read = forge_reads().find(method); read != forge_reads().end())
        read->second(*client, asked);
      else
        forge_writes().at(method)(*client, asked).send(reply);
    });
  }

  // Without one of them: who writes loses writing alone.
  static Scopes without(const Scopes& scopes, const std::string& gone) {
    Scopes left;
    for (const auto& scope : scopes)
      if (scope != gone) left.push_back(scope);
    if (gone.starts_with("write:")) left.push_back("read:" + gone.substr(6));
    if (left.empty()) left.emplace_back("read:misc");
    return left;
  }

 protected:
  std::string organisation_;

 private:
  std::string repo_, other_, sha_;
  std::int64_t issue_ = 0, pull_ = 0;
  std::map<Scopes, std::unique_ptr<GiteaClient>> clients_;
  int calls_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Forge, ScopesContract, ::testing::Values("forge", "gitea"), peer_name);

TEST_P(ScopesContract, OfEachMethodAreJustThoseThatTheForgeAsksFor) {
  for (const auto& [method, named] : forge_scopes()) {
    SCOPED_TRACE(method);
    const Scopes scopes(named.begin(), named.end());
    for (const auto& scope : scopes) {
      const auto refused = call(std::string(method), without(scopes, scope));
      if (refused.ok()) {
        ADD_FAILURE() << "it does not need " << scope;
        continue;
      }
      EXPECT_EQ(refused.error().code(), Code::denied) << refused.error().what();
      EXPECT_THAT(refused.error().next_step(), HasSubstr("the scope " + scope));
    }
    const auto done = call(std::string(method), scopes.empty() ? Scopes{"read:misc"} : scopes);
    EXPECT_TRUE(done.ok()) << done.error().what();
  }
}

// That one is in no table: the call works without it, and says what it lacks.
TEST_P(ScopesContract, WithoutTheOrganisationsTheLabelsAreTheRepositorysAndSaySo) {
  const auto repo = organisation_ + "/app";
  ASSERT_EQ(post("/orgs/" + organisation_ + "/repos", {{"name", "app"}}).status, 201);
  ASSERT_EQ(
      post("/orgs/" + organisation_ + "/labels", {{"name", "shared"}, {"color", "#00aabb"}}).status,
      201);
  new_label(repo, "own");
  const auto labels = [&](const Scopes& scopes) {
    return call("list_labels", scopes, {{"repo", repo}, {"organisation", true}}).value();
  };
  const auto all = labels({"read:issue", "read:organization"});
  EXPECT_EQ(all["labels"], Json({"own", "shared"}));
  EXPECT_EQ(all["organisation"], true);
  const auto own = labels({"read:issue"});
  EXPECT_EQ(own["labels"], Json({"own"}));
  EXPECT_EQ(own["organisation"], false);
}

}  // namespace
}  // namespace host::forge
