// SPDX-License-Identifier: Apache-2.0
//
// The host's own client, gitea/client.hpp, against the same servers as the contract: over real
// sockets, past every quirk that its caller must not see.
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/test_folder.hpp"
#include "forge/contract.hpp"
#include "gitea/client.hpp"

namespace host::forge {
class ClientContract : public Contract {
 protected:
  void SetUp() override {
    Contract::SetUp();
    if (!IsSkipped()) client_ = new_client(peer().token);
  }
  void TearDown() override {
    client_.reset();
    Contract::TearDown();
  }

  std::unique_ptr<GiteaClient> new_client(const std::string& token) {
    const auto file = folder_ / std::to_string(++files_);
    write_atomically(file, token + "\n", 0600);
    GiteaOptions options;
    options.url = peer().url;
    options.allow_plaintext = true;
    options.token_files = {file};
    options.attempts = 2;
    options.backoff_base = std::chrono::milliseconds(1);
    return std::make_unique<GiteaClient>(
        peer().http(), peer().loop(), Log::to_memory(std::make_shared<std::vector<std::string>>()),
        options);
  }

  // Calls `method(..., reply)` and waits for the reply.
  template <class T, class Call>
  Result<T> wait(Call call) {
    std::optional<Result<T>> result;
    call([&](Result<T> reply) { result.emplace(std::move(reply)); });
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(70);
    auto& context = peer().context();
    context.restart();
    while (!result && std::chrono::steady_clock::now() < end) {
      context.run_one_for(std::chrono::milliseconds(100));
      if (context.stopped()) context.restart();
    }
    return result ? *result : Result<T>(Error(Code::timed_out, "no reply in time"));
  }

  Result<std::vector<host::Label>> add(const std::string& repo, std::int64_t number,
                                       std::vector<std::string> wanted) {
    return wait<std::vector<host::Label>>(
        [&](auto reply) { client().add_labels(parse_repo_name(repo), number, wanted, reply); });
  }
  Result<std::vector<host::Issue>> list(const std::string& repo, const IssueFilter& filter) {
    return wait<std::vector<host::Issue>>(
        [&](auto reply) { client().list_issues(parse_repo_name(repo), filter, reply); });
  }
  Result<host::Comment> comment(const std::string& repo, std::int64_t number,
                                const std::string& marker) {
    return wait<host::Comment>([&](auto reply) {
      client().create_comment(parse_repo_name(repo), number, "hello", marker, reply);
    });
  }
  GiteaClient& client() { return *client_; }

  static std::vector<std::string> label_names(const std::vector<host::Label>& labels) {
    std::vector<std::string> all;
    for (const auto& label : labels) all.push_back(label.name);
    return all;
  }
  static std::vector<std::int64_t> issue_numbers(const std::vector<host::Issue>& issues) {
    std::vector<std::int64_t> all;
    for (const auto& issue : issues) all.push_back(issue.number);
    return all;
  }

  // A repository with a branch "main" that has a README.md.
  std::string new_repo_with_code(const Json& options = Json::object()) {
    Json all = {{"auto_init", true}, {"default_branch", "main"}};
    all.update(options);
    return new_repo(all);
  }
  // A commit on `branch` that adds a file; the branch is made from main where it isn't there.
  void commit(const std::string& repo, const std::string& branch, const std::string& file,
              const std::string& base64 = "aGVsbG8K") {
    Json body = {{"content", base64}, {"message", "add " + file}, {"branch", branch}};
    if (get("/repos/" + repo + "/branches/" + branch).status == 404)
      body["branch"] = "main", body["new_branch"] = branch;
    const auto made = post("/repos/" + repo + "/contents/" + file, body);
    EXPECT_EQ(made.status, 201) << made.body;
  }
  // An open pull request from a new branch to main: its number.
  std::int64_t new_pull(const std::string& repo, const std::string& branch,
                        const std::string& title = "change") {
    commit(repo, branch, branch.substr(branch.find('/') + 1) + ".txt");
    const auto made =
        post("/repos/" + repo + "/pulls", {{"head", branch}, {"base", "main"}, {"title", title}});
    EXPECT_EQ(made.status, 201) << made.body;
    return made.json().at("number");
  }
  std::string me() { return get("/user").json().at("login"); }
  // The other user may write in the repository then. Empty: this peer has no other.
  std::string let_other_write(const std::string& repo) {
    if (peer().other_token.empty()) return "";
    const std::string other =
        peer().ask(peer().other_token, "GET", "/user").json().at("login").get<std::string>();
    EXPECT_EQ(put("/repos/" + repo + "/collaborators/" + other, {{"permission", "write"}}).status,
              204);
    return other;
  }

 private:
  TestFolder folder_;
  int files_ = 0;
  std::unique_ptr<GiteaClient> client_;
};

}  // namespace host::forge
