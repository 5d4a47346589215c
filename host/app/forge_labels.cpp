// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <set>

#include "app/forge_lanes.hpp"
#include "app/forge_rows.hpp"

namespace host {
namespace {

bool same_look(const Label& a, const Label& b) {
  return a.color == b.color && a.description == b.description && a.exclusive == b.exclusive;
}

// What the repositories of one owner have.
struct Owner {
  std::map<std::string, Label> of_organisation;             // by name
  std::map<std::string, std::map<std::string, Label>> own;  // by repository, then name
  std::map<std::string, std::size_t> issues;                // by label
};

// The look that most have; of as many, the first repository's.
Label usual(const std::map<std::string, Label>& by_repo) {
  const Label* best = nullptr;
  std::ptrdiff_t most = 0;
  for (const auto& [repo, label] : by_repo) {
    const auto alike = std::count_if(
        by_repo.begin(), by_repo.end(),
        [&label = label](const auto& other) { return same_look(other.second, label); });
    if (alike > most) best = &label, most = alike;
  }
  return *best;
}

LabelRow row_of(const std::string& owner, const Owner& has, const std::string& name) {
  LabelRow row;
  row.owner = owner;
  std::map<std::string, Label> by_repo;
  for (const auto& [repo, labels] : has.own) {
    const auto at = labels.find(name);
    if (at != labels.end())
      by_repo.emplace(repo, at->second);
    else
      row.missing_in.push_back(repo);
  }
  const auto shared = has.of_organisation.find(name);
  row.of_organisation = shared != has.of_organisation.end();
  if (row.of_organisation) row.missing_in.clear();
  row.label = row.of_organisation ? shared->second : usual(by_repo);
  for (const auto& [repo, label] : by_repo) {
    row.in.push_back(repo);
    if (!same_look(label, row.label)) row.differs_in.emplace(repo, label);
  }
  const auto carried = has.issues.find(name);
  row.issues = carried == has.issues.end() ? 0 : carried->second;
  return row;
}

// Keeps itself alive until its reply.
class LabelsSurvey : public std::enable_shared_from_this<LabelsSurvey> {
 public:
  LabelsSurvey(Gitea& gitea, ForgeQuery query, std::function<void(LabelSurvey)> reply)
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
    std::size_t lane = 0;
    std::set<std::string> owners;
    for (const auto& repo : repos) {
      read_labels(lane, repo.name);
      if (repo.has_issues) count_issues(lane, repo.name);
      owners.insert(repo.name.owner);
      ++lane;
    }
    for (const auto& owner : owners) read_organisation(lane++, owner);
    if (!lanes_->busy()) finish();
  }

  void read_labels(std::size_t lane, const RepoName& repo) {
    lanes_->add(lane, [self = shared_from_this(), repo](ForgeLanes::Done done) {
      self->gitea_->list_labels(repo, [self, repo, done](Result<std::vector<Label>> labels) {
        if (!labels.ok()) {
          self->fail(repo.full(), labels.error());
        } else {
          self->survey_.repos.push_back(repo);
          auto& own = self->owners_[repo.owner].own[repo.name];
          for (auto& label : labels.value()) own.emplace(label.name, label);
        }
        done();
      });
    });
  }

  void count_issues(std::size_t lane, const RepoName& repo) {
    lanes_->add(lane, [self = shared_from_this(), repo](ForgeLanes::Done done) {
      self->gitea_->list_issues(repo, {}, [self, repo, done](Result<std::vector<Issue>> issues) {
        if (!issues.ok())
          self->fail(repo.full(), issues.error());
        else
          for (const auto& issue : issues.value())
            for (const auto& label : issue.labels) ++self->owners_[repo.owner].issues[label.name];
        done();
      });
    });
  }

  void read_organisation(std::size_t lane, const std::string& owner) {
    lanes_->add(lane, [self = shared_from_this(), owner](ForgeLanes::Done done) {
      self->gitea_->list_organisation_labels(
          owner, [self, owner, done](Result<std::vector<Label>> labels) {
            if (labels.ok())
              for (auto& label : labels.value())
                self->owners_[owner].of_organisation.emplace(label.name, label);
            else if (labels.error().code() != Code::not_found)  // it is a user
              self->fail(owner + "/*", labels.error());
            done();
          });
    });
  }

  // One line is enough for a repository neither of whose lists can be read.
  void fail(const std::string& what, const Error& error) {
    for (const auto& failure : survey_.failed)
      if (failure.what == what) return;
    survey_.failed.push_back({what, error});
  }

  [[nodiscard]] bool wanted(const std::string& name) const {
    const auto& names = query_.labels;
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
  }

  void finish() {
    order(survey_);
    for (const auto& [owner, has] : owners_) {
      std::set<std::string> names;
      for (const auto& [name, label] : has.of_organisation) names.insert(name);
      for (const auto& [repo, labels] : has.own)
        for (const auto& [name, label] : labels) names.insert(name);
      for (const auto& name : names)
        if (wanted(name)) survey_.rows.push_back(row_of(owner, has, name));
    }
    cut(survey_, query_.limit);
    reply_(std::move(survey_));
  }

  Gitea* gitea_;
  ForgeQuery query_;
  std::function<void(LabelSurvey)> reply_;
  std::shared_ptr<ForgeLanes> lanes_;
  std::map<std::string, Owner> owners_;
  LabelSurvey survey_;
};

}  // namespace

void survey_labels(Gitea& gitea, ForgeQuery query, std::function<void(LabelSurvey)> reply) {
  std::make_shared<LabelsSurvey>(gitea, std::move(query), std::move(reply))->start();
}

}  // namespace host
