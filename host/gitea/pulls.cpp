// SPDX-License-Identifier: Apache-2.0
//
// Pull requests: listing, reading, finding, editing.
#include "gitea/pulls.hpp"

#include "gitea/decode_pulls.hpp"
#include "gitea/pages.hpp"
#include "gitea/settle.hpp"
#include "gitea/text_edit.hpp"

namespace host {
namespace {

bool matches(const PullRequest& pull, const PullFilter& filter) {
  if (filter.state != "all" && pull.state != filter.state) return false;
  if (!filter.base.empty() && pull.base.branch != filter.base) return false;
  if (filter.head.empty()) return true;
  return pull.head.branch == filter.head && pull.head.repo == pull.base.repo;
}

// `state` always: without it the server lists closed ones too. One of `base_branch` and `base` is
// known to each server, the other is ignored.
std::string pulls_query(const PullFilter& filter) {
  if (filter.state != "open" && filter.state != "closed" && filter.state != "all")
    throw Error(Code::usage, "\"" + filter.state + "\" is not a state of pull requests",
                "Use open, closed or all.");
  // The oldest first does not move while it is read; the latest first can be left off.
  std::string query =
      "?state=" + filter.state + "&sort=" + (filter.since ? "recentupdate" : "oldest");
  if (!filter.base.empty()) {
    const std::string base = percent_encode(filter.base);
    query += "&base_branch=" + base + "&base=" + base;
  }
  return query + "&";
}

PageShape shape_of(const PullFilter& filter) {
  PageShape shape;
  shape.body_limit = filter.body_limit;
  if (filter.since)
    shape.enough = [since =
                        std::chrono::floor<std::chrono::seconds>(*filter.since)](const Json& json) {
      const auto updated = decode_pull(json).updated_at;
      return updated && *updated < since;
    };
  return shape;
}

void list(const std::shared_ptr<Transport>& transport, const RepoName& repo,
          const PullFilter& filter, Reply<std::vector<PullRequest>> reply) {
  ApiRequest request;
  request.path = repo_path(repo) + "/pulls" + pulls_query(filter);
  request.what = "listing the pull requests of " + repo.full();
  Pages<PullRequest>::walk(
      transport, std::move(request),
      [filter](const Json& json) -> std::optional<PullRequest> {
        PullRequest pull = decode_pull(json);
        if (!matches(pull, filter)) return std::nullopt;
        return pull;
      },
      [reply = std::move(reply)](Result<std::vector<PullRequest>> all) {
        if (all.ok())
          std::sort(all.value().begin(), all.value().end(),
                    [](const auto& a, const auto& b) { return a.number < b.number; });
        reply(std::move(all));
      },
      shape_of(filter));
}

Aim<PullRequest> aim_at(const RepoName& repo, std::int64_t number, const std::string& doing) {
  Aim<PullRequest> aim;
  aim.what = doing + " " + issue_name(repo, number);
  aim.read.path = pull_path(repo, number);
  aim.decode = decode_pull;
  return aim;
}

}  // namespace

void fetch_pull(const std::shared_ptr<Transport>& transport, const RepoName& repo,
                std::int64_t number, Reply<PullRequest> reply) {
  ApiRequest request;
  request.path = pull_path(repo, number);
  request.what = "reading the pull request " + issue_name(repo, number);
  fetch<PullRequest>(transport, std::move(request), decode_pull, std::move(reply));
}

bool goes(const PullRequest& pull, const std::string& head, const std::string& base) {
  if (pull.base.branch != base) return false;
  const auto colon = head.find(':');
  if (colon == std::string::npos)
    return pull.head.branch == head && pull.head.repo == pull.base.repo;
  const std::string owner = pull.head.repo.substr(0, pull.head.repo.find('/'));
  return pull.head.branch == head.substr(colon + 1) && same_name(owner, head.substr(0, colon));
}

void find_open(const std::shared_ptr<Transport>& transport, const RepoName& repo,
               const std::string& head, const std::string& base,
               Reply<std::vector<PullRequest>> reply) {
  // Not the route that finds one by base and head: it finds closed ones too, in no order.
  PullFilter filter;
  filter.base = base;
  list(transport, repo, filter,
       [head, base, reply = std::move(reply)](Result<std::vector<PullRequest>> all) {
         if (all.ok())
           std::erase_if(all.value(),
                         [&](const PullRequest& pull) { return !goes(pull, head, base); });
         reply(std::move(all));
       });
}

void GiteaClient::list_prs(RepoName repo, PullFilter filter,
                           Reply<std::vector<PullRequest>> reply) {
  guarded(impl_->transport, reply, [&] { list(impl_->transport, repo, filter, reply); });
}

void GiteaClient::get_pr(RepoName repo, std::int64_t number, Reply<PullRequest> reply) {
  guarded(impl_->transport, reply, [&] { fetch_pull(impl_->transport, repo, number, reply); });
}

void GiteaClient::list_pr_files(RepoName repo, std::int64_t number,
                                Reply<std::vector<ChangedFile>> reply) {
  guarded(impl_->transport, reply, [&] {
    ApiRequest request;
    request.path = pull_path(repo, number) + "/files?";
    request.what = "listing the files of " + issue_name(repo, number);
    Pages<ChangedFile>::walk(
        impl_->transport, std::move(request),
        [](const Json& json) -> std::optional<ChangedFile> { return decode_file(json); }, reply);
  });
}

void GiteaClient::list_pr_commits(RepoName repo, std::int64_t number,
                                  Reply<std::vector<Commit>> reply) {
  guarded(impl_->transport, reply, [&] {
    ApiRequest request;
    // What it can leave out would cost the server a look at every file of every commit.
    request.path = pull_path(repo, number) + "/commits?verification=false&files=false&stat=false&";
    request.what = "listing the commits of " + issue_name(repo, number);
    Pages<Commit>::walk(
        impl_->transport, std::move(request),
        [](const Json& json) -> std::optional<Commit> { return decode_commit(json); }, reply);
  });
}

void GiteaClient::find_pr(RepoName repo, std::string head, std::string base,
                          Reply<std::optional<PullRequest>> reply) {
  guarded(impl_->transport, reply, [&] {
    must_name({head, base}, "a branch");
    find_open(impl_->transport, repo, head, base, [reply](Result<std::vector<PullRequest>> all) {
      if (!all.ok()) return reply(all.error());
      if (all.value().empty()) return reply(std::optional<PullRequest>());
      reply(std::optional(std::move(all.value().front())));
    });
  });
}

void GiteaClient::edit_pr(RepoName repo, std::int64_t number, TextEdit edit,
                          Reply<PullRequest> reply) {
  guarded(impl_->transport, reply, [&] {
    Aim<PullRequest> aim = aim_at(repo, number, "editing");
    set_text(aim, pull_path(repo, number), edit);
    Settle<PullRequest>::run(impl_->transport, std::move(aim), reply);
  });
}

void GiteaClient::set_pr_state(RepoName repo, std::int64_t number, bool open,
                               Reply<PullRequest> reply) {
  guarded(impl_->transport, reply, [&] {
    const std::string wanted = open ? "open" : "closed";
    Aim<PullRequest> aim = aim_at(repo, number, open ? "opening" : "closing");
    // A merged one is closed too; the server says which it is when it is asked to change it.
    aim.reached = [wanted](const PullRequest& pull) {
      return pull.state == wanted && !pull.merged;
    };
    aim.write = [path = pull_path(repo, number), wanted](const PullRequest&) {
      return edit_request(path, Json{{"state", wanted}});
    };
    aim.missed = [what = aim.what](const PullRequest& pull) {
      return Error(Code::conflict,
                   what + ": it is " + (pull.merged ? "merged" : pull.state) + " afterwards",
                   "Look at who else changes it.");
    };
    Settle<PullRequest>::run(impl_->transport, std::move(aim), reply);
  });
}

}  // namespace host
