// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <memory>
#include <utility>

#include "app/forge_lanes.hpp"
#include "app/forge_rows.hpp"

namespace host {
namespace {

// First the lists, each in its repository's lane, then for the rows that will be shown their checks
// and reviews, which take a request each. What will be shown is known for certain only once every
// list is there; so that a slow one does not hold up the others' details, as many rows as the limit
// has are looked at before that. Keeps itself alive until its reply.
class PullsSurvey : public std::enable_shared_from_this<PullsSurvey> {
 public:
  PullsSurvey(Gitea& gitea, ForgeQuery query, std::function<void(PullSurvey)> reply)
      : gitea_(&gitea), query_(std::move(query)), reply_(std::move(reply)) {}

  void start() {
    select_repos(*gitea_, query_.repos, query_.owner,
                 [self = shared_from_this()](Selection selection) {
                   self->survey_.failed = std::move(selection.failed);
                   self->list(selection.repos);
                 });
  }

 private:
  struct Row {
    PullRow shown;
    std::size_t lane = 0;
    bool asked = false;  // for its details
  };
  using RowPtr = std::shared_ptr<Row>;
  // With the details of one repository: how many failed, one after the other.
  struct Trouble {
    int reviews = 0;
    int checks = 0;
    bool told = false;
  };
  static constexpr int kGiveUp = 3;

  void list(const std::vector<Selected>& repos) {
    lanes_ = std::make_shared<ForgeLanes>(ForgeLanes::Bounds{}, [this] { all_done(); });
    PullFilter filter;
    filter.state = query_.state == "merged" ? "closed" : query_.state;
    for (std::size_t lane = 0; lane < repos.size(); ++lane) {
      if (!repos[lane].has_pulls) continue;
      lanes_->add(lane, [self = shared_from_this(), repo = repos[lane].name, lane,
                         filter](ForgeLanes::Done done) {
        self->gitea_->list_prs(repo, filter,
                               [self, repo, lane, done](Result<std::vector<PullRequest>> all) {
                                 self->listed(repo, lane, std::move(all));
                                 done();
                               });
      });
    }
    if (!lanes_->busy()) finish();
  }

  void listed(const RepoName& repo, std::size_t lane, Result<std::vector<PullRequest>> all) {
    if (!all.ok()) return survey_.failed.push_back({repo.full(), all.error()});
    survey_.repos.push_back(repo);
    std::vector<RowPtr> found;
    for (auto& pull : all.value()) {
      const auto state = state_of(pull);
      if (!fits(query_, pull) || (query_.state != "all" && query_.state != state)) continue;
      ++survey_.by_state[std::string(state)];
      auto row = std::make_shared<Row>();
      std::string().swap(pull.body);  // of thousands, which nobody shows
      row->shown.repo = repo, row->shown.pull = std::move(pull), row->lane = lane;
      found.push_back(std::move(row));
    }
    sort(found);
    for (const auto& row : found)
      if (query_.limit == 0 || early_ < query_.limit) ++early_, look_into(row);
    rows_.insert(rows_.end(), found.begin(), found.end());
  }

  void look_into(const RowPtr& row) {
    if (std::exchange(row->asked, true)) return;
    lanes_->add(row->lane, [self = shared_from_this(), row](ForgeLanes::Done done) {
      if (self->trouble_[row->lane].reviews >= kGiveUp) return done();
      self->gitea_->list_reviews(row->shown.repo, row->shown.pull.number,
                                 [self, row, done](Result<std::vector<Review>> reviews) {
                                   if (self->came(row, reviews, &Trouble::reviews))
                                     row->shown.reviews = review_state(reviews.value());
                                   done();
                                 });
    });
    lanes_->add(row->lane, [self = shared_from_this(), row](ForgeLanes::Done done) {
      if (self->trouble_[row->lane].checks >= kGiveUp || row->shown.pull.head.sha.empty())
        return done();
      self->gitea_->combined_status(row->shown.repo, row->shown.pull.head.sha,
                                    [self, row, done](Result<CombinedStatus> status) {
                                      if (self->came(row, status, &Trouble::checks))
                                        row->shown.checks = status.value().state;
                                      done();
                                    });
    });
  }

  // The first detail of a repository that fails is told. One pull request may be broken, but after
  // some in a row the rest is left alone: it would fail the same way, once for each row.
  template <class T>
  bool came(const RowPtr& row, const Result<T>& result, int Trouble::*in_a_row) {
    auto& trouble = trouble_[row->lane];
    if (result.ok()) {
      trouble.*in_a_row = 0;
      return true;
    }
    ++(trouble.*in_a_row);
    if (!std::exchange(trouble.told, true))
      survey_.failed.push_back({row->shown.repo.full(), result.error()});
    return false;
  }

  void all_done() {
    sort(rows_);
    const auto shown = query_.limit == 0 ? rows_.size() : std::min(query_.limit, rows_.size());
    for (std::size_t i = 0; i < shown; ++i) look_into(rows_[i]);
    if (!lanes_->busy()) finish();
  }

  void finish() {
    order(survey_);
    for (const auto& row : rows_) survey_.rows.push_back(std::move(row->shown));
    cut(survey_, query_.limit);
    reply_(std::move(survey_));
  }

  void sort(std::vector<RowPtr>& rows) const {
    std::sort(rows.begin(), rows.end(), [&](const RowPtr& a, const RowPtr& b) {
      return before(query_.order, a->shown.repo, a->shown.pull, b->shown.repo, b->shown.pull);
    });
  }

  Gitea* gitea_;
  ForgeQuery query_;
  std::function<void(PullSurvey)> reply_;
  std::shared_ptr<ForgeLanes> lanes_;
  std::vector<RowPtr> rows_;
  std::map<std::size_t, Trouble> trouble_;  // by lane
  std::size_t early_ = 0;
  PullSurvey survey_;
};

}  // namespace

void survey_pulls(Gitea& gitea, ForgeQuery query, std::function<void(PullSurvey)> reply) {
  check_state(query.state, {"open", "closed", "merged", "all"});
  std::make_shared<PullsSurvey>(gitea, std::move(query), std::move(reply))->start();
}

}  // namespace host
