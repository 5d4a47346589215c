// SPDX-License-Identifier: Apache-2.0
//
// A repository's labels, and those that an issue carries. An archived repository takes all of it.
#include <algorithm>

#include "forge/exchange.hpp"

namespace host::forge {
namespace {

// By id, or by name when the segment is no number: the lowest id of that name.
Label& find_label(const Exchange& exchange) {
  const auto& wanted = exchange.parameter(2);
  const auto id = path_number(wanted);
  for (auto& label : exchange.repo->labels)
    if (id > 0 ? label.id == id : label.name == wanted) return label;
  throw not_found(exchange.state);
}

Json shown(const Exchange& exchange, const Label& label) {
  return label_json(exchange.state, exchange.repo, "", label);
}

// By name, then id; without those of the organisation.
ServerResponse list_labels(Exchange& exchange) {
  auto labels = exchange.repo->labels;
  std::sort(labels.begin(), labels.end(), [](const Label& a, const Label& b) {
    return std::tie(a.name, a.id) < std::tie(b.name, b.id);
  });
  const auto page = page_of(exchange.state, exchange.request);
  Json all = Json::array();
  for (auto i = page.first; i < labels.size() && i < page.first + page.count; ++i)
    all.push_back(shown(exchange, labels[i]));
  auto response = json_reply(200, all);
  add_counts(response, exchange.state, exchange.request, page, labels.size(), false);
  return response;
}

ServerResponse get_label(Exchange& exchange) {
  return json_reply(200, shown(exchange, find_label(exchange)));
}

void must_write(const Exchange& exchange) {
  if (!exchange.writer())
    throw refused(exchange.state, 403, "user should have a permission to write to a repo");
}

// Names need not be unique.
ServerResponse create_label(Exchange& exchange) {
  must_write(exchange);
  const Bound body(exchange, "CreateLabelOption");
  const auto name = body.required("name", "Name");
  const auto color = color_of(exchange.state, body.required("color", "Color"));
  const auto description = body.text("description").value_or("");
  const bool exclusive = body.flag("exclusive").value_or(false);
  const bool archived = body.flag("is_archived").value_or(false);
  Label& made = exchange.state.add_label(*exchange.repo, name, color);
  made.description = description;
  made.exclusive = exclusive;
  made.archived = archived;
  return json_reply(201, shown(exchange, made));
}

// No such label is fine.
ServerResponse delete_label(Exchange& exchange) {
  must_write(exchange);
  const auto id = path_number(exchange.parameter(2));
  std::erase_if(exchange.repo->labels, [&](const Label& label) { return label.id == id; });
  for (auto& [number, issue] : exchange.repo->issues) std::erase(issue.labels, id);
  return empty_reply(204);
}

Issue& find_issue(const Exchange& exchange) {
  Issue* found = exchange.issue(2);
  if (found == nullptr) throw not_found(exchange.state);
  return *found;
}

// The labels of the repository and its organisation that a body asks for, ascending ids. What
// nobody knows, or another repository owns, is left out without a word. A name that several labels
// have means all of them.
std::vector<std::int64_t> asked_for(const Exchange& exchange, const std::vector<Json>& values) {
  std::vector<std::int64_t> ids;
  std::vector<std::string> names;
  for (const auto& value : values) {
    if (value.is_number()) {
      ids.push_back(value.get<std::int64_t>());
    } else if (value.is_string()) {
      names.push_back(value.get<std::string>());
    } else {
      throw refused(exchange.state, 400, "a label must be an integer or a string");
    }
  }
  if (!ids.empty() && !names.empty())
    throw refused(exchange.state, 400, "labels should be an array of strings or integers");
  const auto collect = [&](const std::vector<Label>& labels) {
    for (const auto& label : labels)
      if (std::find(names.begin(), names.end(), label.name) != names.end()) ids.push_back(label.id);
  };
  collect(exchange.repo->labels);
  if (const auto shared = exchange.state.org_labels.find(lower(exchange.repo->owner));
      shared != exchange.state.org_labels.end())
    collect(shared->second);
  std::erase_if(ids, [&](auto id) { return exchange.state.label(*exchange.repo, id) == nullptr; });
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

// "scope" of an exclusive "scope/x", else empty.
std::string exclusive_scope(const Label* label) {
  const auto slash = label == nullptr ? std::string::npos : label->name.rfind('/');
  return slash == std::string::npos || !label->exclusive ? "" : label->name.substr(0, slash);
}

void attach(const Exchange& exchange, Issue& issue, std::int64_t id) {
  const auto scope = exclusive_scope(exchange.state.label(*exchange.repo, id));
  if (!scope.empty())
    std::erase_if(issue.labels, [&](std::int64_t other) {
      return exclusive_scope(exchange.state.label(*exchange.repo, other)) == scope;
    });
  issue.labels.push_back(id);
}

// `replace`: drops what is not asked for.
ServerResponse set_labels(Exchange& exchange, bool replace) {
  const Bound body(exchange, "IssueLabelsOption");
  const auto values = body.values("labels", "[]interface {}");
  Issue& issue = find_issue(exchange);
  if (!exchange.writer()) throw refused(exchange.state, 403, "write permission is required");
  const auto ids = asked_for(exchange, values);
  const auto has = [](const std::vector<std::int64_t>& all, std::int64_t id) {
    return std::find(all.begin(), all.end(), id) != all.end();
  };
  const auto before = issue.labels;
  if (replace) std::erase_if(issue.labels, [&](std::int64_t id) { return !has(ids, id); });
  for (const auto id : ids)
    if (!has(before, id)) attach(exchange, issue, id);
  if (issue.labels != before) issue.updated = exchange.repo->updated = exchange.state.now();
  return json_reply(200, labels_json(exchange.state, *exchange.repo, issue));
}

ServerResponse add_labels(Exchange& exchange) { return set_labels(exchange, false); }
ServerResponse replace_labels(Exchange& exchange) { return set_labels(exchange, true); }

ServerResponse list_issue_labels(Exchange& exchange) {
  return json_reply(200, labels_json(exchange.state, *exchange.repo, find_issue(exchange)));
}

ServerResponse clear_labels(Exchange& exchange) {
  Issue& issue = find_issue(exchange);
  if (!exchange.writer()) throw Refused{empty_reply(403)};
  if (!issue.labels.empty()) issue.updated = exchange.state.now();
  issue.labels.clear();
  return empty_reply(204);
}

// By id only. A label that the issue does not carry is fine; one that does not exist is 422.
ServerResponse remove_label(Exchange& exchange) {
  Issue& issue = find_issue(exchange);
  if (!exchange.writer()) throw Refused{empty_reply(403)};
  const auto id = path_number(exchange.parameter(3));
  if (!exchange.state.label_exists(id))
    throw refused(exchange.state, 422, "label does not exist [label_id: 0]");
  if (std::erase(issue.labels, id) > 0) issue.updated = exchange.state.now();
  return empty_reply(204);
}

}  // namespace

const std::vector<Route>& label_routes() {
  constexpr unsigned kWrite = kRepo | kIssues | kToken;
  static const std::vector<Route> kRoutes = {
      {"GET", "/repos/{}/{}/labels", "issue", kRepo, list_labels},
      {"POST", "/repos/{}/{}/labels", "issue", kRepo | kToken, create_label},
      {"GET", "/repos/{}/{}/labels/{}", "issue", kRepo, get_label},
      {"DELETE", "/repos/{}/{}/labels/{}", "issue", kRepo | kToken, delete_label},
      {"GET", "/repos/{}/{}/issues/{}/labels", "issue", kRepo | kIssues, list_issue_labels},
      {"POST", "/repos/{}/{}/issues/{}/labels", "issue", kWrite, add_labels},
      {"PUT", "/repos/{}/{}/issues/{}/labels", "issue", kWrite, replace_labels},
      {"DELETE", "/repos/{}/{}/issues/{}/labels", "issue", kWrite, clear_labels},
      {"DELETE", "/repos/{}/{}/issues/{}/labels/{}", "issue", kWrite, remove_label},
  };
  return kRoutes;
}

}  // namespace host::forge
