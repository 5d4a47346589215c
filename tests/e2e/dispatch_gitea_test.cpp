// SPDX-License-Identifier: Apache-2.0
//
// The same on a real Gitea or Forgejo, the one that the contract suite has (forge/peer.hpp): a
// person's repository that the host's user may write, issues, agents that are scripts in their
// cages. What is asked of the forge here is asked as that person.
#include <gmock/gmock.h>
#include <unistd.h>

#include "e2e/dispatch_bench.hpp"
#include "forge/git_http.hpp"
#include "forge/peer.hpp"

namespace host::faults {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kSecret = "hook-c4n4ry-7777";
constexpr const char* kNeverEnds = "while :; do echo at work; sleep 1; done\n";

class GiteaDispatchTest : public DispatchBench {
 protected:
  void SetUp() override {
    peer_ = forge::gitea_peer();
    if (peer_ == nullptr || peer_->other_token.empty())
      GTEST_SKIP() << "no real Gitea: set TIMMY_GITEA_BINARY, or TIMMY_GITEA_TEST_URL, "
                      "TIMMY_GITEA_TEST_TOKEN_FILE and TIMMY_GITEA_TEST_OTHER_TOKEN_FILE";
    login_ = peer_->ask(peer_->token, "GET", "/user").json()["login"];
    make_repository();
    if (HasFatalFailure()) return;
    write_atomically(paths_.hermes_home / "gitea_token", peer_->token + "\n", 0600);
    write_atomically(paths_.timmy_home / "hook", std::string(kSecret) + "\n", 0600);
    lanes_are({{"code", lane("agent")}});
    write_budget({{"day", {{"tokens", 1'000'000}}}});
    playbook_is();
  }
  void TearDown() override {
    if (repo_.empty()) return;  // skipped
    if (host_ != nullptr && !HasFatalFailure()) stop();
    (void)peer_->ask(peer_->other_token, "DELETE", "/repos/" + repo_);
    if (HasFatalFailure()) return;
    expect_nothing_left();
    check_invariants();
    expect_nowhere(peer_->token);
    EXPECT_THAT(log(), Not(HasSubstr(kSecret)));
  }

  // Of the repository, as its owner; the body of the answer, null if it has none.
  Json person(const std::string& method, const std::string& path, const Json& body = nullptr) {
    const auto answer = peer_->ask(peer_->other_token, method, "/repos/" + repo_ + path, body);
    EXPECT_LT(answer.status, 300) << method << " " << path << ": " << answer.body;
    return answer.body.empty() ? Json() : answer.json();
  }
  std::int64_t new_issue(const Json& labels) {
    return person("POST", "/issues", {{"title", "It returns 1"}, {"labels", labels}})["number"];
  }
  std::string issue(const std::string& rest = {}) const {
    return "/issues/" + std::to_string(number_) + rest;
  }
  [[nodiscard]] Json pull() { return person("GET", "/pulls/" + to_text(item()["pull"])); }
  [[nodiscard]] Json pulls() { return person("GET", "/pulls?state=all"); }

  void start_on_gitea() {
    auto config = fixer_on(repo_);
    config["defaults"]["gitea"] = {{"url", peer_->url}};
    config["defaults"]["webhooks"] = {{"listen", "127.0.0.1:0"}, {"secret_files", {"hook"}}};
    write_model_config(config);
    start_host();
  }
  // From now on the forge tells the host of what happens.
  void hook() {
    const auto address = client().get("/v1/status")["webhooks"]["address"].get<std::string>();
    person("POST", "/hooks",
           {{"type", "gitea"},
            {"active", true},
            {"events", {"issues", "pull_request", "pull_request_review"}},
            {"config",
             {{"url", "http://" + address + "/webhooks"},
              {"content_type", "json"},
              {"secret", kSecret}}}});
  }
  // Longer than DispatchBench waits: what no webhook tells takes a poll, or two.
  bool in_time(const std::function<bool()>& met) {
    for (int look = 0; look < 6; ++look)
      if (eventually(met)) return true;
    return false;
  }
  bool ends(const std::string& state) {
    return in_time([&] {
      const Json now = item();
      return now.is_object() && now["state"] == state;
    });
  }
  bool at_work() {
    return in_time([&] { return client().get("/v1/status")["dispatch"]["running"] == 1; });
  }
  // Of the host's own check on a commit: "success" and the like.
  [[nodiscard]] std::string quality_of(const std::string& sha) {
    const Json combined = person("GET", "/commits/" + sha + "/status");
    for (const auto& status : combined["statuses"])
      if (status["context"] == "timmy/quality-gate") return status["status"];
    return "none";
  }

  std::unique_ptr<forge::Peer> peer_;
  std::string login_;                    // of the host's user
  std::string repo_;                     // "owner/name"
  std::int64_t ready_ = 0, urgent_ = 0;  // ids of labels

 private:
  void make_repository() {
    const auto name = "timmy-e2e-" + std::to_string(::getpid()) + "-" + std::to_string(++made_);
    const auto made = peer_->ask(peer_->other_token, "POST", "/user/repos",
                                 {{"name", name}, {"default_branch", "main"}, {"private", true}});
    ASSERT_EQ(made.status, 201) << made.body;
    repo_ = made.json()["full_name"];
    person("PUT", "/collaborators/" + login_, {{"permission", "write"}});
    ready_ = person("POST", "/labels", {{"name", "agent-ready"}, {"color", "00aabb"}})["id"];
    urgent_ = person("POST", "/labels", {{"name", "urgent"}, {"color", "aa00bb"}})["id"];
    push_first_commit();
    // The forge deals with a push a moment after it: until then the repository counts as empty.
    ASSERT_TRUE(eventually([&] { return person("GET", "")["empty"] == false; }));
    ASSERT_EQ(person("GET", "/branches/main")["name"], "main");
  }
  void push_first_commit() {
    put(person_folder() / "main.txt", "return 1\n");
    put(person_folder() / ".timmy" / "verify",
        "#!/bin/sh\ngrep -q 'return 0' main.txt && echo 3 passed\n", 0755);
    const auto host = peer_->url.find("://") + 3;
    const auto with_token = peer_->url.substr(0, host) + "x:" + peer_->other_token + "@" +
                            peer_->url.substr(host) + "/" + repo_ + ".git";
    git({"init", "--quiet", "--initial-branch=main"});
    git({"add", "--all"});
    git({"-c", "user.name=P", "-c", "user.email=p@example.org", "commit", "--quiet", "-m",
         "First"});
    git({"push", "--quiet", with_token, "HEAD:main"});
  }
  void git(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"-C", person_folder().string()});
    (void)forge::git(std::move(arguments), {{"GIT_CONFIG_GLOBAL", "/dev/null"}});
  }
  [[nodiscard]] fs::path person_folder() const { return DispatchBench::person(); }

  static inline int made_ = 0;
};

TEST_F(GiteaDispatchTest, AnIssueBecomesAPullRequestThatIsMergedOnceAPersonApproves) {
  playbook_is(kUsualLimits, "report: { labels: [by-agent, urgent], merge: when-approved }\n");
  agent_is(kFix);
  start_on_gitea();
  hook();
  number_ = new_issue({ready_});
  ASSERT_TRUE(in_time([&] {
    const Json now = item();
    return now.is_object() && now["pull"].is_number() && now["state"] == "waiting";
  })) << to_text(item())
      << log();
  EXPECT_GT(client().get("/v1/status")["webhooks"]["taken"], 0);

  const Json opened = pull();
  const auto sha = opened["head"]["sha"].get<std::string>();
  EXPECT_EQ(opened["head"]["ref"], "timmy/issue-" + std::to_string(number_));
  EXPECT_EQ(opened["user"]["login"], login_);
  EXPECT_THAT(opened["body"].get<std::string>(), HasSubstr("Mended."));
  std::vector<std::string> labels;
  for (const auto& label : opened["labels"]) labels.push_back(label["name"]);
  EXPECT_THAT(labels, ::testing::UnorderedElementsAre("by-agent", "urgent"));
  const Json comments = person("GET", issue("/comments"));
  ASSERT_EQ(comments.size(), 1u) << to_text(comments);
  EXPECT_THAT(comments[0]["body"].get<std::string>(),
              HasSubstr("Pull request #" + to_text(opened["number"])));
  EXPECT_EQ(quality_of(sha), "pending");

  person("POST", "/pulls/" + to_text(opened["number"]) + "/reviews",
         {{"event", "APPROVED"}, {"body", "Fine."}});
  ASSERT_TRUE(ends("done")) << to_text(item()) << log();
  EXPECT_THAT(to_text(item()["reason"]), HasSubstr("merged"));
  EXPECT_EQ(quality_of(sha), "success");
  const Json merged = pull();
  EXPECT_EQ(merged["merged"], true);
  EXPECT_EQ(merged["merged_by"]["login"], login_);
  const auto main = peer_->ask(peer_->other_token, "GET", "/repos/" + repo_ + "/raw/main.txt");
  EXPECT_EQ(main.body, "return 0\n");
  EXPECT_EQ(person("GET", issue())["state"], "closed") << "the pull request says that it closes it";
}

// No webhook: as it is found by looking.
TEST_F(GiteaDispatchTest, APersonWhoClosesTheIssueStopsTheAgent) {
  agent_is(kNeverEnds);
  number_ = new_issue({ready_});
  start_on_gitea();
  ASSERT_TRUE(at_work()) << log();
  person("PATCH", issue(), {{"state", "closed"}});
  ASSERT_TRUE(ends("stopped")) << to_text(item()) << log();
  EXPECT_THAT(to_text(item()["reason"]), HasSubstr("closed"));
  expect_nothing_left();
  EXPECT_THAT(pulls(), IsEmpty());
}

TEST_F(GiteaDispatchTest, ALabelThatIsTakenAwayStopsTheAgentAndBroughtBackStartsAnother) {
  agent_is(kNeverEnds);
  start_on_gitea();
  hook();
  number_ = new_issue({ready_, urgent_});
  ASSERT_TRUE(at_work()) << log();
  person("DELETE", issue("/labels/" + std::to_string(ready_)));
  ASSERT_TRUE(ends("stopped")) << to_text(item()) << log();
  EXPECT_THAT(to_text(item()["reason"]), HasSubstr("agent-ready"));
  expect_nothing_left();
  EXPECT_THAT(pulls(), IsEmpty());

  agent_is(kFix);
  person("POST", issue("/labels"), {{"labels", {ready_}}});
  ASSERT_TRUE(ends("done")) << to_text(item()) << log();
  const Json all = pulls();
  ASSERT_EQ(all.size(), 1u) << to_text(all);
  EXPECT_EQ(all[0]["state"], "open");
  EXPECT_EQ(all[0]["merged"], false);
}

// What the gates refuse is told where people look, and nothing of it is pushed.
TEST_F(GiteaDispatchTest, AnAgentThatLiesOpensNothingAndTheIssueSaysWhy) {
  agent_is("echo done > NOTES; git add NOTES; git commit --quiet -m 'Fix it. 12 tests passed'\n");
  number_ = new_issue({ready_});
  start_on_gitea();
  ASSERT_TRUE(ends("failed")) << to_text(item()) << log();
  EXPECT_THAT(pulls(), IsEmpty());
  EXPECT_EQ(person("GET", "/branches").size(), 1u);
  Json comments;
  ASSERT_TRUE(in_time([&] {
    comments = person("GET", issue("/comments"));
    return !comments.empty();
  })) << log();
  ASSERT_EQ(comments.size(), 1u);
  EXPECT_EQ(comments[0]["user"]["login"], login_);
  EXPECT_THAT(comments[0]["body"].get<std::string>(),
              AllOf(HasSubstr("Failed"), HasSubstr("command verify")));
}

}  // namespace
}  // namespace host::faults
