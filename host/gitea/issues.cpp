// SPDX-License-Identifier: Apache-2.0
//
// Issues: listing, reading, their state and their text.
#include "gitea/client_impl.hpp"
#include "gitea/pages.hpp"
#include "gitea/settle.hpp"
#include "gitea/text_edit.hpp"

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

Aim<Issue> aim_at(const Target& target, const std::string& doing) {
  Aim<Issue> aim;
  aim.what = doing + " " + target.name();
  aim.read.path = target.path();
  aim.decode = decode_issue;
  return aim;
}

}  // namespace

void GiteaClient::list_issues(RepoName repo, IssueFilter filter, Reply<std::vector<Issue>> reply) {
  guarded(impl_->transport, reply, [&] {
    ApiRequest request;
    request.path = repo_path(repo) + "/issues" + issues_query(filter);
    request.what = "listing the issues of " + repo.full();
    PageShape shape;
    shape.body_limit = filter.body_limit;
    Pages<Issue>::walk(
        impl_->transport, std::move(request),
        [filter](const Json& json) -> std::optional<Issue> {
          Issue issue = decode_issue(json);
          if (!matches(issue, filter)) return std::nullopt;
          return issue;
        },
        reply, shape);
  });
}

void GiteaClient::get_issue(RepoName repo, std::int64_t number, Reply<Issue> reply) {
  guarded(impl_->transport, reply, [&] { fetch_issue(impl_->transport, repo, number, reply); });
}

void GiteaClient::set_issue_state(RepoName repo, std::int64_t number, bool open,
                                  Reply<Issue> reply) {
  guarded(impl_->transport, reply, [&] {
    const Target target{impl_->transport, repo, number};
    const std::string wanted = open ? "open" : "closed";
    Aim<Issue> aim = aim_at(target, open ? "opening" : "closing");
    aim.reached = [wanted](const Issue& issue) { return issue.state == wanted; };
    // Nothing but the state: a server applies the parts of an edit one by one.
    aim.write = [target, wanted](const Issue&) {
      return edit_request(target.path(), Json{{"state", wanted}});
    };
    aim.missed = [what = aim.what](const Issue& issue) {
      return Error(Code::conflict, what + ": it is " + issue.state + " afterwards",
                   "Look at who else changes it.");
    };
    Settle<Issue>::run(impl_->transport, std::move(aim), reply);
  });
}

void GiteaClient::edit_issue(RepoName repo, std::int64_t number, TextEdit edit,
                             Reply<Issue> reply) {
  guarded(impl_->transport, reply, [&] {
    const Target target{impl_->transport, repo, number};
    Aim<Issue> aim = aim_at(target, "editing");
    set_text(aim, target.path(), edit);
    Settle<Issue>::run(impl_->transport, std::move(aim), reply);
  });
}

}  // namespace host
