// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "app/forge_lanes.hpp"
#include "app/forge_rows.hpp"

namespace host {
namespace {

// Keeps itself alive until its reply.
class IssuesSurvey : public std::enable_shared_from_this<IssuesSurvey> {
 public:
  IssuesSurvey(Gitea& gitea, ForgeQuery query, std::function<void(IssueSurvey)> reply)
      : gitea_(&gitea), query_(std::move(query)), reply_(std::move(reply)) {}

  void start() {
    select_repos(*gitea_, query_.repos, query_.owner,
                 [self = shared_from_this()](Selection selection) {
                   self->survey_.failed = std::move(selection.failed);
                   self->read(selection.repos);
                 });
  }

 private:
  void read(const std::vector<Selected>& repos) {
    lanes_ = std::make_shared<ForgeLanes>(ForgeLanes::Bounds{}, [this] { finish(); });
    IssueFilter filter;
    filter.state = query_.state;
    filter.labels = query_.labels;
    for (std::size_t lane = 0; lane < repos.size(); ++lane) {
      if (!repos[lane].has_issues) continue;
      lanes_->add(lane, [self = shared_from_this(), repo = repos[lane].name,
                         filter](ForgeLanes::Done done) {
        self->gitea_->list_issues(repo, filter, [self, repo, done](Result<std::vector<Issue>> all) {
          self->listed(repo, std::move(all));
          done();
        });
      });
    }
    if (!lanes_->busy()) finish();
  }

  void listed(const RepoName& repo, Result<std::vector<Issue>> all) {
    if (!all.ok()) return survey_.failed.push_back({repo.full(), all.error()});
    survey_.repos.push_back(repo);
    for (auto& issue : all.value())
      if (fits(query_, issue)) {
        count(issue);
        std::string().swap(issue.body);  // of thousands, which nobody shows
        survey_.rows.push_back({repo, std::move(issue)});
      }
  }

  void count(const Issue& issue) {
    ++survey_.by_state[issue.state];
    for (const auto& label : issue.labels) ++survey_.by_label[label.name];
    for (const auto& login : issue.assignees) ++survey_.by_assignee[login];
    survey_.unlabelled += issue.labels.empty();
    survey_.unassigned += issue.assignees.empty();
  }

  void finish() {
    order(survey_);
    std::sort(survey_.rows.begin(), survey_.rows.end(),
              [order = query_.order](const IssueRow& a, const IssueRow& b) {
                return before(order, a.repo, a.issue, b.repo, b.issue);
              });
    cut(survey_, query_.limit);
    reply_(std::move(survey_));
  }

  Gitea* gitea_;
  ForgeQuery query_;
  std::function<void(IssueSurvey)> reply_;
  std::shared_ptr<ForgeLanes> lanes_;
  IssueSurvey survey_;
};

}  // namespace

void survey_issues(Gitea& gitea, ForgeQuery query, std::function<void(IssueSurvey)> reply) {
  check_state(query.state, {"open", "closed", "all"});
  std::make_shared<IssuesSurvey>(gitea, std::move(query), std::move(reply))->start();
}

}  // namespace host
