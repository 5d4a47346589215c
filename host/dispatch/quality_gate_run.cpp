// SPDX-License-Identifier: Apache-2.0
//
// Looks at the forge, judges, and says so there.
#include <memory>
#include <set>

#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "dispatch/quality_gate.hpp"

namespace host::dispatch {
namespace {

class Looking : public std::enable_shared_from_this<Looking> {
 public:
  Looking(Gitea& gitea, const Playbook& playbook, const BannedModels& banned, SealedWork work,
          Reply<QualityLook> reply)
      : gitea_(gitea),
        playbook_(playbook),
        repo_(parse_repo_name(work.repository)),
        reply_(std::move(reply)) {
    facts_.banned = banned_models(work.models, banned);
    facts_.work = std::move(work);
  }

  void begin() {
    gitea_.whoami(then<User>([this](User user) {
      facts_.own_login = std::move(user.login);
      read_pull();
    }));
  }

 private:
  template <class T, class Next>
  Reply<T> then(Next next) {
    return [self = shared_from_this(), next = std::move(next)](Result<T> answer) {
      if (!answer.ok()) return self->reply_(answer.error());
      next(std::move(answer).value());
    };
  }

  void read_pull() {
    gitea_.get_pr(repo_, facts_.work.pull, then<PullRequest>([this](PullRequest pull) {
                    facts_.pull = std::move(pull);
                    if (facts_.pull.merged) return finish();
                    read_reviews();
                  }));
  }

  void read_reviews() {
    gitea_.list_reviews(repo_, facts_.work.pull,
                        then<std::vector<Review>>([this](std::vector<Review> reviews) {
                          facts_.reviews = std::move(reviews);
                          for (const auto& review : facts_.reviews)
                            if (!review.user.empty() &&
                                (review.state == "APPROVED" || review.state == "REQUEST_CHANGES"))
                              unknown_.insert(review.user);
                          read_permissions();
                        }));
  }

  // One by one. A host that does not administer the repository may not ask; then the forge's own
  // word on the review counts.
  void read_permissions() {
    if (unknown_.empty()) return read_statuses();
    const auto login = *unknown_.begin();
    unknown_.erase(unknown_.begin());
    gitea_.user_permission(
        repo_, login, [self = shared_from_this(), login](const Result<Permission>& permission) {
          if (permission.ok()) {
            self->facts_.permissions[login] = permission.value();
          } else if (permission.error().code() == Code::not_found) {
            self->facts_.permissions[login] = Permission::none;
          } else if (permission.error().code() == Code::denied) {
            self->unknown_.clear();
          } else {
            return self->reply_(permission.error());
          }
          self->read_permissions();
        });
  }

  void read_statuses() {
    gitea_.combined_status(repo_, facts_.pull.head.sha,
                           then<CombinedStatus>([this](CombinedStatus combined) {
                             facts_.statuses = std::move(combined.statuses);
                             tell();
                           }));
  }

  void tell() {
    look_.verdict = judge_quality(facts_);
    gitea_.set_status(
        repo_, facts_.pull.head.sha, quality_status(look_.verdict),
        then<CommitStatus>([this](const CommitStatus&) {
          TIMMY_FAILPOINT("dispatch.status_set");
          if (!playbook_.report.merge || look_.verdict.state != QualityVerdict::State::eligible)
            return finish();
          choose_style();
        }));
  }

  void choose_style() {
    gitea_.get_repo(repo_, then<Repository>([this](const Repository& repository) {
                      merge(repository.default_merge_style);
                    }));
  }

  void merge(const std::string& style) {
    MergeOrder order;
    if (!style.empty()) order.style = style;
    order.head_sha = facts_.work.head;
    order.base = facts_.work.base;
    order.delete_branch = true;
    gitea_.merge_pr(repo_, facts_.work.pull, std::move(order),
                    [self = shared_from_this()](const Result<PullRequest>& merged) {
                      if (merged.ok()) {
                        self->facts_.pull = merged.value();
                      } else if (merged.error().code() == Code::conflict) {
                        // The forge has a rule of its own that is not met.
                        self->look_.verdict.state = QualityVerdict::State::waiting;
                        self->look_.verdict.reasons.push_back("the forge does not merge it: " +
                                                              merged.error().message());
                      } else {
                        return self->reply_(merged.error());
                      }
                      self->finish();
                    });
  }

  void finish() {
    look_.pull = facts_.pull;
    look_.merged = facts_.pull.merged;
    reply_(std::move(look_));
  }

  Gitea& gitea_;
  const Playbook& playbook_;
  RepoName repo_;
  Reply<QualityLook> reply_;
  QualityFacts facts_;
  std::set<std::string> unknown_;  // logins whose permission was not asked yet
  QualityLook look_;
};

}  // namespace

void run_quality_gate(Gitea& gitea, const Playbook& playbook, const BannedModels& banned,
                      SealedWork work, Reply<QualityLook> reply) {
  std::make_shared<Looking>(gitea, playbook, banned, std::move(work), std::move(reply))->begin();
}

}  // namespace host::dispatch
