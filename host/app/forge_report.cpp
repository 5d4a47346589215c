// SPDX-License-Identifier: Apache-2.0
#include "app/forge_report.hpp"

#include "app/forge_lanes.hpp"
#include "app/forge_visit.hpp"
#include "app/offline.hpp"
#include "gitea/token.hpp"

namespace host {
namespace {

// A visit of one person, who waits: nobody else's calls are to be spared by an early breaker, and
// one broken repository must not keep the others from being read.
constexpr int kBreakerFailures = 20;

template <class Answer>
Answer ask(const ForgeAsker& asker, const ForgeQuery& query,
           void (*survey)(Gitea&, ForgeQuery, std::function<void(Answer)>)) {
  ForgeVisit visit(visit_options(asker));
  return visit.wait<Answer>(
      [&](std::function<void(Answer)> reply) { survey(visit.gitea(), query, std::move(reply)); });
}

Json time_json(const std::optional<WallTime>& time) {
  return time ? Json(format_utc(*time)) : Json(nullptr);
}

Json names_json(const std::vector<Label>& labels) {
  Json names = Json::array();
  for (const auto& label : labels) names.push_back(label.name);
  return names;
}

template <class Row>
ForgeReport report_of(const Survey<Row>& survey, const char* kind, Json rows, Json counts) {
  Json repos = Json::array();
  for (const auto& repo : survey.repos) repos.push_back(repo.full());
  Json failed = Json::array();
  for (const auto& [what, error] : survey.failed)
    failed.push_back({{"what", what},
                      {"code", name(error.code())},
                      {"error", error.message()},
                      {"fix", error.next_step()}});
  ForgeReport report{{{kind, std::move(rows)},
                      {"counts", std::move(counts)},
                      {"left_out", survey.left_out},
                      {"repos", std::move(repos)},
                      {"failed", std::move(failed)}},
                     std::nullopt};
  if (!survey.failed.empty()) report.failure = survey.failed.front().error.code();
  return report;
}

Json row_json(const PullRow& row) {
  const auto& pull = row.pull;
  const auto repo = row.repo.full();
  Json reviews;
  if (row.reviews)
    reviews = {{"approved", row.reviews->approved},
               {"changes_requested", row.reviews->changes_requested},
               {"stale", row.reviews->stale},
               {"requested", pull.requested_reviewers}};
  return {{"repo", repo},
          {"number", pull.number},
          {"title", pull.title},
          {"author", pull.user},
          {"state", state_of(pull)},
          {"draft", pull.draft},
          {"mergeable", pull.mergeable},
          {"base", pull.base.branch},
          {"head", pull.head.branch},
          {"head_repo", same_name(pull.head.repo, repo) ? repo : pull.head.repo},
          {"labels", names_json(pull.labels)},
          {"assignees", pull.assignees},
          {"checks", row.checks ? Json(name(*row.checks)) : Json(nullptr)},
          {"reviews", std::move(reviews)},
          {"created_at", time_json(pull.created_at)},
          {"updated_at", time_json(pull.updated_at)},
          {"url", pull.html_url}};
}

Json row_json(const IssueRow& row) {
  const auto& issue = row.issue;
  return {{"repo", row.repo.full()},
          {"number", issue.number},
          {"title", issue.title},
          {"author", issue.user},
          {"state", issue.state},
          {"labels", names_json(issue.labels)},
          {"assignees", issue.assignees},
          {"comments", issue.comments},
          {"created_at", time_json(issue.created_at)},
          {"updated_at", time_json(issue.updated_at)},
          {"url", issue.html_url}};
}

Json look_json(const Label& label) {
  return {
      {"color", label.color}, {"description", label.description}, {"exclusive", label.exclusive}};
}

Json row_json(const LabelRow& row) {
  Json json = look_json(row.label);
  json["owner"] = row.owner;
  json["name"] = row.label.name;
  json["of_organisation"] = row.of_organisation;
  json["issues"] = row.issues;
  json["in"] = row.in;
  json["missing_in"] = row.missing_in;
  json["differs_in"] = Json::object();
  for (const auto& [repo, label] : row.differs_in) json["differs_in"][repo] = look_json(label);
  return json;
}

template <class Row>
Json rows_json(const std::vector<Row>& rows) {
  Json all = Json::array();
  for (const auto& row : rows) all.push_back(row_json(row));
  return all;
}

// Of what is shown: the rest was not looked into.
Json pull_counts(const PullSurvey& survey) {
  Json counts{{"open", 0}, {"merged", 0}, {"closed", 0}};
  counts.update(Json(survey.by_state));
  Json checks = Json::object();
  int drafts = 0, mergeable = 0, approved = 0, changes = 0;
  for (const auto& row : survey.rows) {
    const bool open = state_of(row.pull) == "open";
    drafts += open && row.pull.draft;
    mergeable += open && row.pull.mergeable;
    const std::string state = row.checks ? std::string(name(*row.checks)) : "unknown";
    checks[state] = checks.value(state, 0) + 1;
    approved += row.reviews && !row.reviews->approved.empty();
    changes += row.reviews && !row.reviews->changes_requested.empty();
  }
  counts["shown"] = {{"draft", drafts},
                     {"mergeable", mergeable},
                     {"checks", checks},
                     {"approved", approved},
                     {"changes_requested", changes}};
  return counts;
}

}  // namespace

GiteaOptions visit_options(const ForgeAsker& asker) {
  const auto loaded = load_or_default(asker.config, asker.host_name, asker.paths);
  auto options = gitea_options(loaded.config);
  if (options.url.empty())
    throw Error(Code::usage, "no Gitea server is configured",
                "Set gitea.url in host.yaml, or GITEA_URL.");
  // Once, and not by each repository.
  (void)TokenSource(options.token_files, nullptr).get();
  options.in_flight = ForgeLanes::Bounds{}.at_once;
  options.breaker_failures = kBreakerFailures;
  return options;
}

ForgeReport pulls_report(const ForgeAsker& asker, const ForgeQuery& query) {
  const auto survey = ask<PullSurvey>(asker, query, survey_pulls);
  return report_of(survey, "prs", rows_json(survey.rows), pull_counts(survey));
}

ForgeReport issues_report(const ForgeAsker& asker, const ForgeQuery& query) {
  const auto survey = ask<IssueSurvey>(asker, query, survey_issues);
  Json counts{{"open", 0}, {"closed", 0}};
  counts.update(Json(survey.by_state));
  counts["by_label"] = survey.by_label;
  counts["by_assignee"] = survey.by_assignee;
  counts["unlabelled"] = survey.unlabelled;
  counts["unassigned"] = survey.unassigned;
  return report_of(survey, "issues", rows_json(survey.rows), std::move(counts));
}

ForgeReport labels_report(const ForgeAsker& asker, const ForgeQuery& query) {
  const auto survey = ask<LabelSurvey>(asker, query, survey_labels);
  int consistent = 0, differing = 0, missing = 0;
  for (const auto& row : survey.rows) {
    consistent += row.differs_in.empty() && row.missing_in.empty();
    differing += !row.differs_in.empty();
    missing += !row.missing_in.empty();
  }
  return report_of(
      survey, "labels", rows_json(survey.rows),
      {{"labels", survey.rows.size() + survey.left_out},
       {"shown", {{"consistent", consistent}, {"differing", differing}, {"missing", missing}}}});
}

}  // namespace host
