// SPDX-License-Identifier: Apache-2.0
//
// Several runs ask the one forge at once: what they share, and what they don't.
#include <gmock/gmock.h>

#include <fstream>

#include "base/test_folder.hpp"
#include "gitea/client.hpp"
#include "http/fake_client.hpp"
#include "services/gitea_service.hpp"
#include "services/test_bench.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GiteaSharedTest : public ServiceBench {
 protected:
  GiteaSharedTest() {
    const auto file = folder_ / "token";
    std::ofstream(file) << "some-token-value\n";
    std::filesystem::permissions(file, std::filesystem::perms(0600));
    GiteaOptions options;
    options.url = "https://git.example.org";
    options.token_files = {file};
    options.attempts = 1;
    options.in_flight = 2;
    options.seed = 7;
    gitea_.emplace(http_, loop_, log_, options);
    table_.add(make_gitea_service(*gitea_, store_, loop_.clock(), log_));
  }

  // Asks for the issues of a repository in a run of its own; `answers_` has what came of it.
  std::shared_ptr<RunContext> ask(const std::string& repo) {
    auto run = open({{"gitea.read", {"*"}}});
    table_.call({run->run, run->plugin, run->task, "gitea/1.list_issues",
                 to_text({{"repo", "org/" + repo}})},
                [this, repo](const Result<std::string>& answer) {
                  answers_.push_back(repo + (answer.ok() ? "" : " " + answer.error().message()));
                });
    loop_.drain();
    return run;
  }
  void answer_all_but(const std::string& repo) {
    http_.set_handler([repo](const HttpRequest& request) -> FakeHttpClient::Answer {
      if (request.url.find("/org/" + repo + "/") != std::string::npos) return std::nullopt;
      return HttpResponse{200, FakeHttpClient::json_type(), "[]"};
    });
  }

  TestFolder folder_;
  FakeHttpClient http_{loop_};
  std::optional<GiteaClient> gitea_;
  std::vector<std::string> answers_;
};

TEST_F(GiteaSharedTest, RunsAreServedAtOnceUpToTheServersBound) {
  http_.set_handler([](const HttpRequest&) { return std::nullopt; });
  for (const auto* repo : {"a", "b", "c"}) ask(repo);
  EXPECT_EQ(http_.active(), 2u);
  EXPECT_THAT(answers_, ElementsAre());
}

TEST_F(GiteaSharedTest, ARepositoryThatDoesNotAnswerHoldsUpNoOtherRun) {
  answer_all_but("slow");
  for (const auto* repo : {"slow", "a", "b", "c"}) ask(repo);
  EXPECT_THAT(answers_, ElementsAre("a", "b", "c"));
  EXPECT_EQ(http_.active(), 1u);
}

TEST_F(GiteaSharedTest, OnceTheServerIsFoundAwayNoRunWaitsForIt) {
  http_.set_handler([](const HttpRequest&) { return FakeHttpClient::refused(); });
  for (int i = 0; i < 5; ++i) ask("a");
  const auto sent = http_.requests().size();
  const auto other = ask("b");
  EXPECT_EQ(http_.requests().size(), sent) << "one breaker for the server";
  EXPECT_THAT(answers_.back(), HasSubstr("the server can't be used at the moment"));
  EXPECT_TRUE(other->unreachable.contains("gitea")) << "so its attempt is not charged";
}

}  // namespace
}  // namespace host
