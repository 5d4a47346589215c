// SPDX-License-Identifier: Apache-2.0
//
// Row G6, for every write of the client: applied and the reply lost, not applied and the reply
// lost, and errors of a proxy. What it is to bring about is there once.
#include "forge/client_contract.hpp"

namespace host::forge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using namespace std::chrono_literals;

class LostReplies : public ::testing::Test {
 protected:
  LostReplies() {
    options_.url = forge_.listen();
    forge_.state.add_user("bot");
    forge_.state.add_user("other");
    forge_.state.add_token("bot-token", "bot");
    repo_ = &forge_.state.add_repo("bot/app");
    forge_.state.add_label(*repo_, "bug");
    forge_.state.add_issue(*repo_, "other", "crash");
    repo_->writers = {"other"};
    forge_.state.add_commit(*repo_, "main", "README.md", "x");
    forge_.state.add_commit(*repo_, "a", "a.txt", "x", "main");
    forge_.state.add_commit(*repo_, "b", "b.txt", "x", "main");
    forge_.state.add_pull(*repo_, "other", "change", "b", "main");
    write_atomically(folder_ / "token", "bot-token\n", 0600);
    options_.token_files = {folder_ / "token"};
    options_.attempts = 2;
    options_.backoff_base = 1ms;
    // A fault would open it here, which its own tests look at.
    options_.breaker_failures = 100;
    client_ = std::make_unique<GiteaClient>(
        http_, loop_, Log::to_memory(std::make_shared<std::vector<std::string>>()), options_);
  }

  template <class T, class Call>
  Result<T> wait(Call call) {
    std::optional<Result<T>> result;
    call([&](Result<T> reply) { result.emplace(std::move(reply)); });
    const auto end = std::chrono::steady_clock::now() + 60s;
    context_.restart();
    while (!result && std::chrono::steady_clock::now() < end) {
      context_.run_one_for(100ms);
      if (context_.stopped()) context_.restart();
    }
    return result ? *result : Result<T>(Error(Code::timed_out, "no reply in time"));
  }

  // Every way in which a reply gets lost: `work` makes the call and looks at what came of it.
  template <class Work>
  void survives(const std::string& method, const std::string& part, Work work) {
    for (const auto& fault : {Fault::lose_reply(), Fault::close(), Fault::status(502),
                              Fault::status(500), Fault::garbage()}) {
      forge_.faults.clear();
      forge_.faults.add(fault.on(method, part));
      SCOPED_TRACE(method + " " + part + ", fault " + std::to_string(static_cast<int>(fault.kind)) +
                   " " + std::to_string(fault.response.status));
      work();
      EXPECT_EQ(forge_.faults.pending(), 0u) << "the fault met no request";
    }
    forge_.faults.clear();
  }

  Issue& issue() { return *forge_.state.issue("bot/app", 1); }
  Pull& pull() { return repo_->pulls.at(2); }
  [[nodiscard]] std::size_t applied(const std::string& method, const std::string& part) const {
    std::size_t count = 0;
    for (const auto& entry : forge_.requests(method, part)) count += entry.applied ? 1 : 0;
    return count;
  }

  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  CurlClient http_{context_, loop_};
  Forge forge_{context_, loop_, clock_};
  TestFolder folder_;
  GiteaOptions options_;
  Repo* repo_ = nullptr;
  const RepoName name_{"bot", "app"};
  std::unique_ptr<GiteaClient> client_;
};

TEST_F(LostReplies, OfLabels) {
  survives("POST", "/issues/1/labels", [&] {
    issue().labels.clear();
    const auto labels = wait<std::vector<host::Label>>(
        [&](auto reply) { client_->add_labels(name_, 1, {"bug"}, reply); });
    EXPECT_THAT(labels.value(), SizeIs(1));
    EXPECT_THAT(issue().labels, SizeIs(1));
  });
  survives("DELETE", "/issues/1/labels/", [&] {
    issue().labels = {repo_->labels[0].id};
    const auto removed =
        wait<Done>([&](auto reply) { client_->remove_label(name_, 1, "bug", reply); });
    // A 500 to a DELETE is not repeated by itself; the label is still seen and the error told.
    EXPECT_EQ(removed.ok(), issue().labels.empty());
  });
  survives("POST", "/app/labels", [&] {
    std::erase_if(repo_->labels, [](const Label& label) { return label.name == "new"; });
    const auto made = wait<host::Label>([&](auto reply) {
      client_->create_label(name_, {.name = "new", .color = "00aabb", .description = ""}, reply);
    });
    EXPECT_EQ(made.value().name, "new");
    EXPECT_THAT(repo_->labels, SizeIs(2));
  });
}

TEST_F(LostReplies, OfComments) {
  int key = 0;
  survives("POST", "/issues/1/comments", [&] {
    issue().comments.clear();
    const auto marker = "job-" + std::to_string(++key);
    const auto made = wait<host::Comment>(
        [&](auto reply) { client_->create_comment(name_, 1, "hello", marker, reply); });
    EXPECT_THAT(made.value().body, HasSubstr("hello"));
    EXPECT_THAT(issue().comments, SizeIs(1));
  });
  survives("PATCH", "/issues/comments/", [&] {
    const auto text = "text " + std::to_string(++key);
    const auto keep = [&](const std::string& body) {
      return wait<host::Comment>(
          [&](auto reply) { client_->keep_comment(name_, 1, body, "kept", reply); });
    };
    issue().comments = {{77, "bot", "old\n\n<!-- timmy:kept -->", {}, {}}};
    EXPECT_EQ(keep(text).value().id, 77);
    EXPECT_THAT(issue().comments, SizeIs(1));
    EXPECT_THAT(issue().comments[0].body, HasSubstr(text));
  });
}

TEST_F(LostReplies, OfAnIssueThatIsKept) {
  int key = 0;
  survives("POST", "/issues", [&] {
    const auto marker = "kept-" + std::to_string(++key);
    const auto keep = [&] {
      return wait<host::Issue>(
          [&](auto reply) { client_->keep_issue(name_, "Report", "all", marker, reply); });
    };
    const auto made = keep();
    EXPECT_EQ(made.value().title, "Report");
    EXPECT_EQ(keep().value().number, made.value().number) << "there is no second one";
  });
}

TEST_F(LostReplies, OfStateAndText) {
  survives("PATCH", "/issues/1", [&] {
    issue().closed = false;
    const auto closed =
        wait<host::Issue>([&](auto reply) { client_->set_issue_state(name_, 1, false, reply); });
    EXPECT_EQ(closed.value().state, "closed");
    EXPECT_TRUE(issue().closed);
  });
  survives("PATCH", "/issues/1", [&] {
    issue().title = "old";
    const auto edited = wait<host::Issue>(
        [&](auto reply) { client_->edit_issue(name_, 1, {.title = "new", .body = {}}, reply); });
    EXPECT_EQ(edited.value().title, "new");
  });
  survives("PATCH", "/pulls/2", [&] {
    forge_.state.issue("bot/app", 2)->closed = false;
    const auto closed =
        wait<PullRequest>([&](auto reply) { client_->set_pr_state(name_, 2, false, reply); });
    EXPECT_EQ(closed.value().state, "closed");
  });
  survives("PATCH", "/pulls/2", [&] {
    forge_.state.issue("bot/app", 2)->body = "old";
    const auto edited = wait<PullRequest>(
        [&](auto reply) { client_->edit_pr(name_, 2, {.title = {}, .body = "new"}, reply); });
    EXPECT_EQ(edited.value().body, "new");
  });
}

TEST_F(LostReplies, OfAssignees) {
  const auto assign = [&] {
    issue().assignees = {"bot"};
    const auto assigned =
        wait<host::Issue>([&](auto reply) { client_->add_assignees(name_, 1, {"other"}, reply); });
    EXPECT_THAT(assigned.value().assignees, ElementsAre("bot", "other"));
    EXPECT_THAT(issue().assignees, ElementsAre("bot", "other"));
  };
  survives("PATCH", "/issues/1", assign);
  // And on a server that has a route for it; the probe was made before.
  forge_.state.settings.newest = true;
  client_->configure(options_);
  survives("POST", "/issues/1/assignees", assign);
  issue().assignees = {"bot", "other"};
  forge_.faults.add(Fault::lose_reply().on("DELETE", "/issues/1/assignees"));
  const auto taken =
      wait<host::Issue>([&](auto reply) { client_->remove_assignees(name_, 1, {"other"}, reply); });
  EXPECT_THAT(taken.value().assignees, ElementsAre("bot"));
}

TEST_F(LostReplies, OfNewPullRequests) {
  survives("POST", "/app/pulls", [&] {
    for (auto& [number, each] : repo_->pulls)
      if (each.head == "a") repo_->issues.at(number).closed = true;
    const auto before = repo_->pulls.size();
    const auto made = wait<PullRequest>([&](auto reply) {
      client_->create_pr(name_, {.head = "a", .base = "main", .title = "t", .body = ""}, reply);
    });
    ASSERT_TRUE(made.ok()) << made.error().what();
    EXPECT_EQ(made.value().head.branch, "a");
    EXPECT_EQ(repo_->pulls.size(), before + 1);
  });
}

TEST_F(LostReplies, OfMerges) {
  survives("POST", "/pulls/2/merge", [&] {
    pull().merged_as.clear();
    forge_.state.issue("bot/app", 2)->closed = false;
    const auto before = applied("POST", "/pulls/2/merge");
    const auto merged =
        wait<PullRequest>([&](auto reply) { client_->merge_pr(name_, 2, {}, reply); });
    ASSERT_TRUE(merged.ok()) << merged.error().what();
    EXPECT_EQ(merged.value().merge_commit_sha, pull().merged_as);
    EXPECT_EQ(applied("POST", "/pulls/2/merge"), before + 1);
  });
}

TEST_F(LostReplies, OfReviewsAndRequests) {
  int key = 0;
  survives("POST", "/pulls/2/reviews", [&] {
    pull().reviews.clear();
    const auto made = wait<host::Review>([&](auto reply) {
      client_->create_review(name_, 2,
                             {.event = ReviewEvent::approve, .body = "", .commit_sha = ""},
                             "r-" + std::to_string(++key), reply);
    });
    EXPECT_EQ(made.value().state, "APPROVED");
    EXPECT_THAT(pull().reviews, SizeIs(1));
  });
  survives("POST", "/pulls/2/requested_reviewers", [&] {
    pull().requested.clear();
    const auto asked = wait<PullRequest>(
        [&](auto reply) { client_->request_reviewers(name_, 2, {"bot"}, reply); });
    EXPECT_THAT(asked.value().requested_reviewers, ElementsAre("bot"));
  });
}

TEST_F(LostReplies, OfStatuses) {
  const auto sha = repo_->branches.at("main");
  survives("POST", "/statuses/", [&] {
    repo_->statuses.clear();
    const auto set = wait<CommitStatus>([&](auto reply) {
      client_->set_status(
          name_, sha, {.context = "ci", .state = "success", .description = "", .target_url = ""},
          reply);
    });
    EXPECT_EQ(set.value().state, "success");
    EXPECT_THAT(repo_->statuses[sha], SizeIs(1));
  });
}

TEST_F(LostReplies, OfDeletedBranches) {
  for (const auto& fault : {Fault::lose_reply(), Fault::close(), Fault::status(502)}) {
    repo_->branches["gone"] = repo_->branches.at("main");
    forge_.faults.add(fault.on("DELETE", "/branches/gone"));
    EXPECT_TRUE(wait<Done>([&](auto reply) { client_->delete_branch(name_, "gone", reply); }).ok());
    EXPECT_FALSE(repo_->branches.contains("gone"));
  }
}

}  // namespace
}  // namespace host::forge
