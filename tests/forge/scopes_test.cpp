// SPDX-License-Identifier: Apache-2.0
//
// What --doctor says of a token's scopes, held against a forge that asks for them: each method of
// gitea/1 works with just the scopes that the table names, and without any one of them it is
// refused.
#include "services/gitea_scopes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <optional>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/test_folder.hpp"
#include "forge/forge.hpp"
#include "forge/sample.hpp"
#include "gitea/client.hpp"
#include "http/client.hpp"
#include "services/gitea_reads.hpp"
#include "services/gitea_writes.hpp"

namespace host::forge {
namespace {

using ::testing::HasSubstr;

constexpr const char* kToken = "0123456789012345678901234567890123456789";

class ScopesTest : public ::testing::TestWithParam<std::string> {
 protected:
  ScopesTest() {
    seed(forge_.state);
    auto& repo = *forge_.state.repo(kSampleRepo);
    repo.writers = {"ada"};
    repo.issues.at(1).labels = {repo.labels.front().id};  // "bug"
    repo.issues.at(1).assignees = {kSampleUser};
    forge_.state.add_commit(repo, "main", "a", "a");
    forge_.state.add_commit(repo, "fix", "b", "b", "main");
    auto& pull = forge_.state.add_pull(repo, "ada", "Mend it", "fix", "main");
    sha_ = ForgeState::head_of(repo, pull);
    pull_ = repo.pulls.begin()->first;
    forge_.state.add_team(kSampleOrganisation, "reviewers").members = {"ada"};
    forge_.state.add_token(kToken, kSampleUser);
    const auto file = folder_ / "token";
    write_atomically(file, std::string(kToken) + "\n", 0600);
    GiteaOptions options;
    options.url = forge_.listen();
    options.token_files = {file};
    options.attempts = 1;
    gitea_.emplace(http_, loop_, Log::to_memory(std::make_shared<std::vector<std::string>>()),
                   options);
  }

  // What every method finds something by.
  [[nodiscard]] Json params(std::string_view method) const {
    const bool of_pull = method.find("pr") != std::string_view::npos ||
                         method.find("review") != std::string_view::npos;
    Json all{{"repo", kSampleRepo},
             {"owner", kSampleOrganisation},
             {"team", "reviewers"},
             {"login", "ada"},
             {"number", of_pull ? pull_ : 1},
             {"ref", sha_},
             {"sha", sha_},
             {"context", "ci"},
             {"open", false},
             {"logins", {method == "add_assignees" ? "ada" : kSampleUser}},
             {"labels", {"question"}},
             {"label", "bug"},
             {"body", "hello"},
             {"event", "comment"},
             {"name", "n"}};
    if (method == "set_status") all["state"] = "success";
    return all;
  }

  Result<Json> call(const std::string& method, const std::vector<std::string>& scopes) {
    forge_.state.tokens.at(kToken).scopes = scopes;
    auto run = std::make_shared<RunContext>();
    run->grants =
        Grants::from({{"gitea.read", {"*"}}, {"gitea.write", {"*"}}, {"gitea.merge", {"*"}}});
    run->plugin = "p", run->key = "k" + std::to_string(++calls_);
    std::optional<Result<Json>> answer;
    const Reply<Json> reply = [&](Result<Json> given) { answer = std::move(given); };
    const Json given = params(method);
    const ForgeCall asked{run, given, reply};
    if (const auto read = forge_reads().find(method); read != forge_reads().end())
      read->second(*gitea_, asked);
    else
      forge_writes().at(method)(*gitea_, asked).send(reply);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (context_.restart(); !answer && std::chrono::steady_clock::now() < end;)
      context_.run_one_for(std::chrono::milliseconds(50));
    return answer ? std::move(*answer) : Error(Code::internal, "no answer");
  }

  // Without one of them: who writes loses writing alone.
  static std::vector<std::string> without(const std::vector<std::string>& scopes,
                                          const std::string& gone) {
    std::vector<std::string> left;
    for (const auto& scope : scopes)
      if (scope != gone) left.push_back(scope);
    if (gone.starts_with("write:")) left.push_back("read:" + gone.substr(6));
    if (left.empty()) left.emplace_back("read:misc");
    return left;
  }

  TestFolder folder_;
  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  Forge forge_{context_, loop_, clock_};
  CurlClient http_{context_, loop_};
  std::optional<GiteaClient> gitea_;
  std::string sha_;
  std::int64_t pull_ = 0;
  int calls_ = 0;
};

TEST_P(ScopesTest, AreJustThoseThatTheForgeAsksFor) {
  const auto& named = forge_scopes().at(GetParam());
  const std::vector<std::string> scopes(named.begin(), named.end());
  for (const auto& scope : scopes) {
    const auto refused = call(GetParam(), without(scopes, scope));
    ASSERT_FALSE(refused.ok()) << "it does not need " << scope;
    EXPECT_EQ(refused.error().code(), Code::denied) << refused.error().what();
    EXPECT_THAT(refused.error().next_step(), HasSubstr("the scope " + scope));
  }
  const auto done =
      call(GetParam(), scopes.empty() ? std::vector<std::string>{"read:misc"} : scopes);
  EXPECT_TRUE(done.ok()) << done.error().what();
}

std::vector<std::string> methods() {
  std::vector<std::string> all;
  for (const auto& [method, scopes] : forge_scopes()) all.emplace_back(method);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Methods, ScopesTest, ::testing::ValuesIn(methods()),
                         [](const auto& method) { return method.param; });

}  // namespace
}  // namespace host::forge
