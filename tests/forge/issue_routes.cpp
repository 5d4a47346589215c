// SPDX-License-Identifier: Apache-2.0
//
// Issues and their comments.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "forge/exchange.hpp"

namespace host::forge {
namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= text.size();) {
    const auto comma = std::min(text.find(',', from), text.size());
    if (comma > from) parts.push_back(text.substr(from, comma - from));
    from = comma + 1;
  }
  return parts;
}

// What the query of a list asks for.
struct Filter {
  std::string state, type, text;
  std::optional<WallTime> since, before;
  std::optional<std::string> author, assignee;
  // Every label of the repository with one of the names: an issue must carry all of them. Names
  // that nothing has are dropped; if none is left, labels don't matter.
  std::set<std::int64_t> labels;
};

std::optional<WallTime> time_query(const Exchange& exchange, const std::string& name) {
  const auto text = exchange.query(name);
  return text.empty() ? std::nullopt : std::optional(parse_time(exchange.state, text));
}

std::optional<std::string> user_query(const Exchange& exchange, const std::string& name) {
  const auto login = exchange.query(name);
  if (login.empty()) return std::nullopt;
  const User* found = exchange.state.user(login);
  if (found == nullptr)
    throw not_found(exchange.state, "user does not exist [uid: 0, name: " + login + "]");
  return found->login;
}

Filter filter_of(const Exchange& exchange) {
  Filter filter;
  filter.since = time_query(exchange, "since");
  filter.before = time_query(exchange, "before");
  filter.state = exchange.query("state");
  filter.type = exchange.query("type");
  filter.text = lower(exchange.query("q"));
  filter.author = user_query(exchange, "created_by");
  filter.assignee = user_query(exchange, "assigned_by");
  for (const auto& name : split(exchange.query("labels")))
    for (const auto& label : exchange.repo->labels)
      if (label.name == name) filter.labels.insert(label.id);
  return filter;
}

bool matches(const Issue& issue, const Filter& filter) {
  const auto has = [](const auto& all, const auto& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
  };
  if (filter.state != "all" && issue.closed != (filter.state == "closed")) return false;
  if (filter.type == "issues" && issue.pull) return false;
  if (filter.type == "pulls" && !issue.pull) return false;
  if (filter.since && issue.updated < *filter.since) return false;
  if (filter.before && issue.updated > *filter.before) return false;
  if (filter.author && issue.login != *filter.author) return false;
  if (filter.assignee && !has(issue.assignees, *filter.assignee)) return false;
  if (!filter.text.empty() && lower(issue.title).find(filter.text) == std::string::npos &&
      lower(issue.body).find(filter.text) == std::string::npos)
    return false;
  return std::all_of(filter.labels.begin(), filter.labels.end(),
                     [&](std::int64_t id) { return has(issue.labels, id); });
}

ServerResponse list_issues(Exchange& exchange) {
  const auto filter = filter_of(exchange);
  std::vector<const Issue*> all;
  for (const auto& [number, issue] : exchange.repo->issues)
    if (matches(issue, filter)) all.push_back(&issue);
  std::sort(all.begin(), all.end(), [](const Issue* a, const Issue* b) {
    return std::tie(a->created, a->id) > std::tie(b->created, b->id);
  });
  const auto page = page_of(exchange.state, exchange.request);
  Json shown = Json::array();
  for (auto i = page.first; i < all.size() && i < page.first + page.count; ++i)
    shown.push_back(issue_json(exchange.state, *exchange.repo, *all[i]));
  auto response = json_reply(200, shown);
  add_counts(response, exchange.state, exchange.request, page, all.size(), true);
  return response;
}

Issue& find_issue(const Exchange& exchange) {
  Issue* found = exchange.issue(2);
  if (found == nullptr) throw not_found(exchange.state);
  return *found;
}

// The same where the handler says more.
Issue& find_for_admin(const Exchange& exchange) {
  if (exchange.access < Access::admin)
    throw refused(exchange.state, 403,
                  "user should be an owner or a collaborator with admin write of a repository");
  Issue* found = exchange.issue(2);
  if (found != nullptr) return *found;
  throw not_found(exchange.state,
                  fmt::format("issue does not exist [id: 0, repo_id: {}, index: {}]",
                              exchange.repo->id, path_number(exchange.parameter(2))));
}

// Without the white space around it.
std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  const auto last = text.find_last_not_of(" \t\r\n");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

ServerResponse get_issue(Exchange& exchange) {
  return json_reply(200, issue_json(exchange.state, *exchange.repo, find_issue(exchange)));
}

void close(Issue& issue, bool closed, WallTime now) {
  if (issue.closed == closed) return;
  issue.closed = closed;
  issue.closed_at = closed ? std::optional(now) : std::nullopt;
  issue.updated = now;
}

// Logins as the server writes them, or nullopt if one of them is nobody.
std::optional<std::vector<std::string>> logins(const Exchange& exchange,
                                               const std::vector<std::string>& names,
                                               std::string& unknown) {
  std::vector<std::string> found;
  for (const auto& name : names) {
    const User* user = exchange.state.user(name);
    unknown = name;
    if (user == nullptr) return std::nullopt;
    found.push_back(user->login);
  }
  return found;
}

// Whoever may not write has labels and assignees left out without a word.
ServerResponse create_issue(Exchange& exchange) {
  const Bound body(exchange, "CreateIssueOption");
  const auto title = trimmed(body.required("title", "Title"));
  const auto text = body.text("body").value_or("");
  const auto labels = body.numbers("labels").value_or(std::vector<std::int64_t>{});
  const auto names = body.texts("assignees").value_or(std::vector<std::string>{});
  const bool closed = body.flag("closed").value_or(false);
  std::string unknown;
  const auto assignees = logins(exchange, names, unknown);
  if (exchange.writer() && !assignees)
    throw refused(
        exchange.state, 422,
        "Assignee does not exist: [name: user does not exist [uid: 0, name: " + unknown + "]]");
  Issue& made = exchange.state.add_issue(*exchange.repo, exchange.doer->login, title, text);
  if (exchange.writer()) {
    made.assignees = *assignees;
    for (const auto id : labels)
      if (exchange.state.label(*exchange.repo, id) != nullptr) made.labels.push_back(id);
  }
  close(made, closed, exchange.state.now());
  return json_reply(201, issue_json(exchange.state, *exchange.repo, made));
}

bool is_blocked(const Repo& repo, const Issue& issue) {
  return std::any_of(issue.blocked_by.begin(), issue.blocked_by.end(),
                     [&](std::int64_t number) { return !repo.issues.at(number).closed; });
}

// Applied in this order, and what came before an error stays.
ServerResponse edit_issue(Exchange& exchange) {
  const Bound body(exchange, "EditIssueOption");
  Issue& issue = find_issue(exchange);
  auto& state = exchange.state;
  if (!exchange.writer() && issue.login != exchange.doer->login) throw Refused{empty_reply(403)};
  if (const auto expected = body.number("content_version");
      expected && *expected != issue.content_version)
    throw refused(state, 409, "the issue is already changed");
  if (const auto title = body.text("title"); title && !title->empty() && *title != issue.title)
    issue.title = *title, issue.updated = state.now();
  if (const auto text = body.text("body"); text && *text != issue.body) {
    issue.body = *text;
    issue.updated = state.now();
    ++issue.content_version;
  }
  if (const auto names = body.texts("assignees"); names && exchange.writer()) {
    std::string unknown;
    const auto found = logins(exchange, *names, unknown);
    if (!found) throw refused(state, 500, "");
    if (*found != issue.assignees) issue.assignees = *found, issue.updated = state.now();
  }
  if (const auto wanted = body.text("state")) {
    if (*wanted != "open" && *wanted != "closed")
      throw refused(state, 412, "unknown state: " + *wanted);
    const auto pull = exchange.repo->pulls.find(issue.number);
    if (pull != exchange.repo->pulls.end() && !pull->second.merged_as.empty())
      throw refused(state, 412, "cannot change state of this pull request, it was already merged");
    if (*wanted == "closed" && is_blocked(*exchange.repo, issue))
      throw refused(state, 412,
                    "cannot close this issue or pull request because it still has open "
                    "dependencies");
    close(issue, *wanted == "closed", state.now());
  }
  return json_reply(201, issue_json(state, *exchange.repo, issue));
}

ServerResponse delete_issue(Exchange& exchange) {
  exchange.repo->issues.erase(find_for_admin(exchange).number);
  return empty_reply(204);
}

ServerResponse lock(Exchange& exchange) {
  find_for_admin(exchange).locked = exchange.request.method == "PUT";
  return empty_reply(204);
}

// A comment on, or the comments of, an issue that is not there: 500, not 404.
Issue& find_commented(const Exchange& exchange) {
  Issue* found = exchange.issue(2);
  if (found == nullptr) throw refused(exchange.state, 500, "");
  return *found;
}

bool in_time(const Comment& comment, const std::optional<WallTime>& since,
             const std::optional<WallTime>& before) {
  return (!since || comment.updated >= *since) && (!before || comment.updated <= *before);
}

// Not paged: the whole list, whatever was asked for.
ServerResponse list_comments(Exchange& exchange) {
  const auto since = time_query(exchange, "since");
  const auto before = time_query(exchange, "before");
  const Issue& issue = find_commented(exchange);
  Json shown = Json::array();
  for (const auto& comment : issue.comments)
    if (in_time(comment, since, before))
      shown.push_back(comment_json(exchange.state, *exchange.repo, issue, comment));
  auto response = json_reply(200, shown);
  add_counts(response, exchange.state, exchange.request, {}, shown.size(), false);
  return response;
}

ServerResponse list_repo_comments(Exchange& exchange) {
  const auto since = time_query(exchange, "since");
  const auto before = time_query(exchange, "before");
  std::vector<std::pair<const Issue*, const Comment*>> all;
  for (const auto& [number, issue] : exchange.repo->issues)
    for (const auto& comment : issue.comments)
      if (in_time(comment, since, before)) all.emplace_back(&issue, &comment);
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.second->id < b.second->id; });
  const auto page = page_of(exchange.state, exchange.request);
  Json shown = Json::array();
  for (auto i = page.first; i < all.size() && i < page.first + page.count; ++i)
    shown.push_back(comment_json(exchange.state, *exchange.repo, *all[i].first, *all[i].second));
  auto response = json_reply(200, shown);
  add_counts(response, exchange.state, exchange.request, page, all.size(), false);
  return response;
}

ServerResponse create_comment(Exchange& exchange) {
  const Bound body(exchange, "CreateIssueCommentOption");
  const auto text = body.required("body", "Body");
  Issue& issue = find_commented(exchange);
  if (issue.locked && !exchange.writer())
    throw refused(exchange.state, 403, "You cannot comment on a locked issue.");
  const Comment& made =
      exchange.state.add_comment(*exchange.repo, issue, exchange.doer->login, text);
  return json_reply(201, comment_json(exchange.state, *exchange.repo, issue, made));
}

ServerResponse edit_comment(Exchange& exchange) {
  const Bound body(exchange, "EditIssueCommentOption");
  const auto text = body.required("body", "Body");
  const auto id = path_number(exchange.parameter(2));
  for (auto& [number, issue] : exchange.repo->issues)
    for (auto& comment : issue.comments) {
      if (comment.id != id) continue;
      if (comment.login != exchange.doer->login && !exchange.writer())
        throw Refused{empty_reply(403)};
      if (comment.body != text)
        comment.body = text, comment.updated = issue.updated = exchange.state.now();
      return json_reply(200, comment_json(exchange.state, *exchange.repo, issue, comment));
    }
  throw not_found(exchange.state);
}

}  // namespace

const std::vector<Route>& issue_routes() {
  constexpr unsigned kWrite = kRepo | kIssues | kToken;
  static const std::vector<Route> kRoutes = {
      {"GET", "/repos/{}/{}/issues", "issue", kRepo | kIssues, list_issues},
      {"POST", "/repos/{}/{}/issues", "issue", kWrite | kNotArchived, create_issue},
      {"GET", "/repos/{}/{}/issues/comments", "issue", kRepo | kIssues, list_repo_comments},
      {"PATCH", "/repos/{}/{}/issues/comments/{}", "issue", kWrite, edit_comment},
      {"GET", "/repos/{}/{}/issues/{}", "issue", kRepo | kIssues, get_issue},
      {"PATCH", "/repos/{}/{}/issues/{}", "issue", kWrite, edit_issue},
      {"DELETE", "/repos/{}/{}/issues/{}", "issue", kWrite, delete_issue},
      {"PUT", "/repos/{}/{}/issues/{}/lock", "issue", kWrite, lock},
      {"DELETE", "/repos/{}/{}/issues/{}/lock", "issue", kWrite, lock},
      {"GET", "/repos/{}/{}/issues/{}/comments", "issue", kRepo | kIssues, list_comments},
      {"POST", "/repos/{}/{}/issues/{}/comments", "issue", kWrite | kNotArchived, create_comment},
  };
  return kRoutes;
}

}  // namespace host::forge
