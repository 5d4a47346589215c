// SPDX-License-Identifier: Apache-2.0
#include "gitea/client.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "gitea/api.hpp"
#include "gitea/pages.hpp"
#include "gitea/write.hpp"

namespace host {
namespace {

// What the server filtered by is checked again: it ignores labels that it does not know, and takes
// a state that it does not know for "open".
bool matches(const Issue& issue, const IssueFilter& filter) {
  if (issue.is_pull) return false;
  if (filter.state != "all" && issue.state != filter.state) return false;
  if (filter.since && issue.updated_at &&
      *issue.updated_at < std::chrono::floor<std::chrono::seconds>(*filter.since))
    return false;
  return std::all_of(filter.labels.begin(), filter.labels.end(), [&](const std::string& name) {
    return std::any_of(issue.labels.begin(), issue.labels.end(),
                       [&](const Label& label) { return label.name == name; });
  });
}

std::string issues_query(const IssueFilter& filter) {
  if (filter.state != "open" && filter.state != "closed" && filter.state != "all")
    throw Error(Code::usage, "\"" + filter.state + "\" is not a state of issues",
                "Use open, closed or all.");
  std::string query = "?type=issues&state=" + filter.state;
  if (filter.since) {
    const WallTime whole = std::chrono::floor<std::chrono::seconds>(*filter.since);
    query += "&since=" + percent_encode(format_utc(whole));
  }
  // Not `labels=`: the server takes a name that two labels share for only one of them, and splits
  // names at commas. matches() looks at what comes.
  return query + "&";
}

// To be built.
template <class T>
void pending(const std::shared_ptr<Transport>& transport, const Reply<T>& reply) {
  transport->post([reply] { reply(Error(Code::unsupported, "this call is still to come")); });
}

}  // namespace

class GiteaClient::Impl {
 public:
  Impl(HttpClient& http, Loop& loop, Log log)
      : transport(std::make_shared<Transport>(http, loop, std::move(log))) {}
  ~Impl() { transport->close(); }

  // The login of the token's user, asked for once per token.
  void login(Reply<std::string> reply) {
    if (login_of_ == transport->identity() && !login_.empty())
      return transport->post([name = login_, reply = std::move(reply)] { reply(name); });
    whoami([weak = std::weak_ptr(self), reply = std::move(reply)](Result<User> user) {
      if (!user.ok()) return reply(user.error());
      if (const auto impl = weak.lock()) {
        impl->login_ = user.value().login;
        impl->login_of_ = impl->transport->identity();
      }
      reply(user.value().login);
    });
  }

  void whoami(Reply<User> reply) {
    ApiRequest request;
    request.path = "/user";
    request.what = "asking who the token belongs to";
    fetch<User>(transport, std::move(request), decode_user, std::move(reply));
  }

  std::shared_ptr<Transport> transport;
  std::weak_ptr<Impl> self;

 private:
  std::string login_;
  std::uint64_t login_of_ = 0;
};

GiteaClient::GiteaClient(HttpClient& http, Loop& loop, Log log, GiteaOptions options)
    : impl_(std::make_shared<Impl>(http, loop, std::move(log))) {
  impl_->self = impl_;
  impl_->transport->configure(options);
}

GiteaClient::~GiteaClient() = default;

void GiteaClient::configure(GiteaOptions options) { impl_->transport->configure(options); }

void GiteaClient::whoami(Reply<User> reply) { impl_->whoami(std::move(reply)); }

void GiteaClient::version(Reply<std::string> reply) {
  ApiRequest request;
  request.path = "/version";
  request.what = "asking for the server's version";
  request.token_optional = true;
  fetch<std::string>(
      impl_->transport, std::move(request),
      [](const Json& json) {
        const auto at = json.is_object() ? json.find("version") : json.end();
        if (!json.is_object() || at == json.end() || !at->is_string())
          throw Error(Code::invalid, "the reply states no version",
                      "Check the Gitea URL: something else may answer there.");
        return at->get<std::string>();
      },
      std::move(reply));
}

void GiteaClient::get_repo(RepoName repo, Reply<Repository> reply) {
  guarded(impl_->transport, reply, [&] {
    ApiRequest request;
    request.path = repo_path(repo);
    request.what = "reading the repository " + repo.full();
    fetch<Repository>(impl_->transport, std::move(request), decode_repository, reply);
  });
}

void GiteaClient::list_repos(std::string owner, Reply<std::vector<Repository>> reply) {
  guarded(impl_->transport, reply, [&] {
    ApiRequest request;
    // Organisations are users to this route.
    request.path = "/users/" + percent_encode(parse_repo_name(owner + "/x").owner) + "/repos?";
    request.what = "listing the repositories of " + owner;
    Pages<Repository>::walk(
        impl_->transport, std::move(request),
        [](const Json& json) -> std::optional<Repository> { return decode_repository(json); },
        reply);
  });
}

void GiteaClient::list_issues(RepoName repo, IssueFilter filter, Reply<std::vector<Issue>> reply) {
  guarded(impl_->transport, reply, [&] {
    ApiRequest request;
    request.path = repo_path(repo) + "/issues" + issues_query(filter);
    request.what = "listing the issues of " + repo.full();
    Pages<Issue>::walk(
        impl_->transport, std::move(request),
        [filter](const Json& json) -> std::optional<Issue> {
          Issue issue = decode_issue(json);
          if (!matches(issue, filter)) return std::nullopt;
          return issue;
        },
        reply);
  });
}

void GiteaClient::get_issue(RepoName repo, std::int64_t number, Reply<Issue> reply) {
  guarded(impl_->transport, reply, [&] { fetch_issue(impl_->transport, repo, number, reply); });
}

void GiteaClient::list_labels(RepoName repo, Reply<std::vector<Label>> reply) {
  guarded(impl_->transport, reply, [&] {
    ApiRequest request;
    request.path = repo_path(repo) + "/labels?";
    request.what = "listing the labels of " + repo.full();
    Pages<Label>::walk(
        impl_->transport, std::move(request),
        [](const Json& json) -> std::optional<Label> { return decode_label(json); }, reply);
  });
}

void GiteaClient::add_labels(RepoName repo, std::int64_t number, std::vector<std::string> names,
                             Reply<std::vector<Label>> reply) {
  guarded(impl_->transport, reply, [&] {
    start_add_labels({impl_->transport, repo, number}, std::move(names), reply);
  });
}

void GiteaClient::remove_label(RepoName repo, std::int64_t number, std::string name,
                               Reply<Done> reply) {
  guarded(impl_->transport, reply, [&] {
    start_remove_label({impl_->transport, repo, number}, std::move(name), reply);
  });
}

void GiteaClient::create_comment(RepoName repo, std::int64_t number, std::string body,
                                 std::string marker, Reply<Comment> reply) {
  const WriteTarget target{impl_->transport, std::move(repo), number};
  if (marker.empty())
    return guarded(impl_->transport, reply,
                   [&] { start_comment(target, "", std::move(body), "", reply); });
  impl_->login([target, body = std::move(body), marker = std::move(marker),
                reply = std::move(reply)](const Result<std::string>& login) {
    if (!login.ok()) return reply(login.error());
    guarded(target.transport, reply,
            [&] { start_comment(target, login.value(), body, marker, reply); });
  });
}

void GiteaClient::scopes(Reply<TokenScopes> reply) { pending(impl_->transport, reply); }
void GiteaClient::user_permission(RepoName, std::string, Reply<Permission> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::list_branches(RepoName, Reply<std::vector<Branch>> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::get_branch(RepoName, std::string, Reply<Branch> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::delete_branch(RepoName, std::string, Reply<Done> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::list_teams(std::string, Reply<std::vector<Team>> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::list_team_members(std::int64_t, Reply<std::vector<std::string>> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::set_issue_state(RepoName, std::int64_t, bool, Reply<Issue> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::edit_issue(RepoName, std::int64_t, TextEdit, Reply<Issue> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::list_assignable(RepoName, Reply<std::vector<std::string>> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::add_assignees(RepoName, std::int64_t, std::vector<std::string>,
                                Reply<Issue> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::remove_assignees(RepoName, std::int64_t, std::vector<std::string>,
                                   Reply<Issue> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::create_label(RepoName, NewLabel, Reply<Label> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::list_comments(RepoName, std::int64_t, Reply<std::vector<Comment>> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::list_repo_comments(RepoName, WallTime, Reply<std::vector<Comment>> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::keep_comment(RepoName, std::int64_t, std::string, std::string,
                               Reply<Comment> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::list_prs(RepoName, PullFilter, Reply<std::vector<PullRequest>> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::get_pr(RepoName, std::int64_t, Reply<PullRequest> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::list_pr_files(RepoName, std::int64_t, Reply<std::vector<ChangedFile>> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::find_pr(RepoName, std::string, std::string,
                          Reply<std::optional<PullRequest>> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::create_pr(RepoName, NewPull, Reply<PullRequest> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::edit_pr(RepoName, std::int64_t, TextEdit, Reply<PullRequest> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::set_pr_state(RepoName, std::int64_t, bool, Reply<PullRequest> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::merge_pr(RepoName, std::int64_t, MergeOrder, Reply<PullRequest> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::list_reviews(RepoName, std::int64_t, Reply<std::vector<Review>> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::create_review(RepoName, std::int64_t, NewReview, std::string,
                                Reply<Review> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::request_reviewers(RepoName, std::int64_t, std::vector<std::string>,
                                    Reply<PullRequest> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::combined_status(RepoName, std::string, Reply<CombinedStatus> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::set_status(RepoName, std::string, NewStatus, Reply<CommitStatus> reply) {
  pending(impl_->transport, reply);
}
void GiteaClient::set_renamed_handler(std::function<void(const RepoName&, const RepoName&)>) {}

bool GiteaClient::available() const { return impl_->transport->available(); }
void GiteaClient::set_available_handler(std::function<void(bool)> handler) {
  impl_->transport->set_available_handler(std::move(handler));
}
void GiteaClient::set_waiting(bool waiting) { impl_->transport->set_waiting(waiting); }
bool GiteaClient::authorised() const { return impl_->transport->authorised(); }
GiteaStats GiteaClient::stats() const { return impl_->transport->stats(); }

}  // namespace host
