// SPDX-License-Identifier: Apache-2.0
#include "gitea/decode.hpp"

#include <charconv>

#include "base/error.hpp"
#include "gitea/fields.hpp"

namespace host {

using fields::find;
using fields::flag;
using fields::login;
using fields::number;
using fields::text;
using fields::time;
using fields::wrong;

namespace {

// Reads `count` digits at `at`; nullopt when something else stands there.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

// "https://git.example.org/org/app/issues/5" is 5; 0 when it ends in no number.
std::int64_t last_number(std::string_view url) {
  const std::string_view last = url.substr(url.rfind('/') + 1);
  std::int64_t value = 0;
  const auto [rest, failed] = std::from_chars(last.data(), last.data() + last.size(), value);
  return failed == std::errc() && rest == last.data() + last.size() ? value : 0;
}

}  // namespace

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const auto y = digits(text, 0, 4), mo = digits(text, 5, 2), d = digits(text, 8, 2);
  const auto h = digits(text, 11, 2), mi = digits(text, 14, 2), s = digits(text, 17, 2);
  if (!y || !mo || !d || !h || !mi || !s || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':')
    return std::nullopt;
  const year_month_day date{year(*y), month(static_cast<unsigned>(*mo)),
                            day(static_cast<unsigned>(*d))};
  if (!date.ok() || *y < 1900 || *h > 23 || *mi > 59 || *s > 60) return std::nullopt;
  WallTime at = sys_days(date) + hours(*h) + minutes(*mi) + seconds(*s);
  std::string_view rest = text.substr(19);
  if (rest.starts_with('.')) {
    std::size_t count = 1;
    Duration unit = milliseconds(100);
    for (; count < rest.size() && rest[count] >= '0' && rest[count] <= '9'; ++count, unit /= 10)
      at += unit * (rest[count] - '0');
    if (count == 1) return std::nullopt;
    rest.remove_prefix(count);
  }
  if (rest == "Z" || rest == "z") return at;
  const auto oh = digits(rest, 1, 2), om = digits(rest, 4, 2);
  if (rest.size() != 6 || !oh || !om || rest[3] != ':' || (rest[0] != '+' && rest[0] != '-'))
    return std::nullopt;
  const auto offset = hours(*oh) + minutes(*om);
  return rest[0] == '+' ? at - offset : at + offset;
}

// A page of fifty pull requests, each with its two repositories, holds about 15,000.
constexpr std::size_t kValuesMost = 500'000;

Json reply_json(const HttpResponse& response, std::string_view what) {
  if (response.body.empty()) return nullptr;
  const std::string* type = response.header("content-type");
  if (type == nullptr || type->find("json") == std::string::npos)
    throw Error(Code::invalid,
                std::string(what) + ": the reply is " +
                    (type == nullptr ? std::string("of no stated type") : *type) + ", not JSON",
                "Check the Gitea URL: something else may answer there.");
  return parse_json(response.body, std::string(what) + ": the reply", kJsonDepth, kValuesMost);
}

User decode_user(const Json& json) {
  User user;
  user.id = number(json, "id");
  user.login = text(json, "login");
  if (user.login.empty()) throw Error(Code::invalid, "the user has no login");
  return user;
}

Repository decode_repository(const Json& json) {
  Repository repo;
  repo.id = number(json, "id");
  repo.full_name = text(json, "full_name");
  if (repo.full_name.empty()) throw Error(Code::invalid, "the repository has no full_name");
  repo.default_branch = text(json, "default_branch");
  repo.archived = flag(json, "archived");
  repo.empty = flag(json, "empty");
  repo.is_private = flag(json, "private");
  repo.has_issues = flag(json, "has_issues", true);
  if (const Json* may = find(json, "permissions")) {
    repo.can_push = flag(*may, "push");
    repo.can_admin = flag(*may, "admin");
  }
  repo.mirror = flag(json, "mirror");
  repo.has_pulls = flag(json, "has_pull_requests", true);
  for (const auto& [field, style] :
       {std::pair("allow_merge_commits", "merge"), std::pair("allow_rebase", "rebase"),
        std::pair("allow_rebase_explicit", "rebase-merge"),
        std::pair("allow_squash_merge", "squash"),
        std::pair("allow_fast_forward_only_merge", "fast-forward-only")})
    if (flag(json, field)) repo.merge_styles.emplace_back(style);
  repo.default_merge_style = text(json, "default_merge_style");
  return repo;
}

Label decode_label(const Json& json) {
  Label label;
  label.id = number(json, "id");
  label.name = text(json, "name");
  label.color = text(json, "color");
  if (label.color.starts_with('#')) label.color.erase(0, 1);
  label.description = text(json, "description");
  label.exclusive = flag(json, "exclusive");
  return label;
}

std::vector<Label> decode_labels(const Json& json) {
  std::vector<Label> labels;
  if (json.is_null()) return labels;
  if (!json.is_array()) throw wrong("labels", json, "an array");
  for (const Json& each : json)
    if (!each.is_null()) labels.push_back(decode_label(each));
  return labels;
}

Issue decode_issue(const Json& json) {
  Issue issue;
  issue.number = number(json, "number");
  if (issue.number <= 0) throw Error(Code::invalid, "the issue has no number");
  issue.id = number(json, "id");
  issue.title = text(json, "title");
  issue.body = text(json, "body");
  issue.state = text(json, "state");
  issue.user = login(json, "user");
  if (const Json* labels = find(json, "labels")) issue.labels = decode_labels(*labels);
  issue.assignees = fields::logins(json, "assignees");
  issue.is_pull = find(json, "pull_request") != nullptr;
  issue.is_locked = flag(json, "is_locked");
  issue.comments = number(json, "comments");
  issue.html_url = text(json, "html_url");
  issue.created_at = time(json, "created_at");
  issue.updated_at = time(json, "updated_at");
  issue.closed_at = time(json, "closed_at");
  if (const Json* repo = find(json, "repository")) {
    issue.repo = text(*repo, "full_name");
    issue.repo_id = number(*repo, "id");
  }
  if (const Json* milestone = find(json, "milestone")) issue.milestone = text(*milestone, "title");
  issue.body_cut = flag(json, "body_cut");
  return issue;
}

Comment decode_comment(const Json& json) {
  Comment comment;
  comment.id = number(json, "id");
  if (comment.id <= 0) throw Error(Code::invalid, "the comment has no id");
  comment.body = text(json, "body");
  comment.user = login(json, "user");
  comment.html_url = text(json, "html_url");
  comment.created_at = time(json, "created_at");
  comment.updated_at = time(json, "updated_at");
  const std::string issue = text(json, "issue_url");
  comment.number = last_number(issue.empty() ? text(json, "pull_request_url") : issue);
  return comment;
}

Branch decode_branch(const Json& json) {
  Branch branch;
  branch.name = text(json, "name");
  if (branch.name.empty()) throw Error(Code::invalid, "the branch has no name");
  if (const Json* commit = find(json, "commit")) branch.sha = text(*commit, "id");
  branch.is_protected = flag(json, "protected");
  branch.can_push = flag(json, "user_can_push");
  branch.can_merge = flag(json, "user_can_merge");
  return branch;
}

Team decode_team(const Json& json) {
  Team team;
  team.id = number(json, "id");
  team.name = text(json, "name");
  if (team.id <= 0) throw Error(Code::invalid, "the team has no id");
  return team;
}

}  // namespace host
