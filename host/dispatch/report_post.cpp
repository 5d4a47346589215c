// SPDX-License-Identifier: Apache-2.0
//
// A report's writes at the forge, one after the other.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "base/sha256.hpp"
#include "dispatch/report.hpp"

namespace host::dispatch {
namespace {

// Of the labels that the host makes: a neutral one.
constexpr const char* kColor = "8b949e";

// In the pull request's text: which run it tells of.
std::string run_mark(const ReportFacts& facts) {
  const auto of = facts.repository + "\n" + facts.run;
  return "<!-- timmy:pull/" + sha256_hex(of).substr(0, 32) + " -->";
}

bool carries(const std::vector<Label>& labels, const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return std::any_of(labels.begin(), labels.end(),
                       [&](const Label& label) { return label.name == name; });
  });
}

// Keeps itself alive while it waits for an answer.
class Posting : public std::enable_shared_from_this<Posting> {
 public:
  Posting(Gitea& gitea, const Playbook& playbook, ReportFacts facts, Reply<Posted> reply)
      : gitea_(gitea),
        playbook_(playbook),
        facts_(std::move(facts)),
        repo_(parse_repo_name(facts_.repository)),
        reply_(std::move(reply)) {}

  void begin() {
    if (playbook_.report.kind == ReportKind::comment)
      return comment(report_comment(playbook_, facts_));
    gitea_.whoami([self = shared_from_this()](Result<User> user) {
      if (!user.ok()) return self->reply_(user.error());
      self->open(user.value().login);
    });
  }

 private:
  // Takes the value of an answer, or ends with its error.
  template <class T, class Next>
  Reply<T> then(Next next) {
    return [self = shared_from_this(), next = std::move(next)](Result<T> answer) {
      if (!answer.ok()) return self->reply_(answer.error());
      next(std::move(answer).value());
    };
  }

  // What fails for good is a note: the report stands without it.
  template <class T>
  Reply<T> noted(std::string what, void (Posting::*next)()) {
    return [self = shared_from_this(), what = std::move(what), next](const Result<T>& answer) {
      if (!answer.ok()) {
        if (answer.error().transient()) return self->reply_(answer.error());
        self->posted_.notes.push_back(what + ": " + answer.error().message());
      }
      (self.get()->*next)();
    };
  }

  void open(const std::string& own_login) {
    body_ = pull_body(playbook_, facts_) + "\n" + run_mark(facts_);
    NewPull pull{facts_.branch, facts_.base_branch, pull_title(playbook_, facts_), body_};
    gitea_.create_pr(repo_, std::move(pull), then<PullRequest>([this, own_login](PullRequest made) {
                       opened(std::move(made), own_login);
                     }));
  }

  void opened(PullRequest pull, const std::string& own_login) {
    TIMMY_FAILPOINT("dispatch.pull_opened");
    // One that tells of this run may have been edited by people since; one of an earlier run tells
    // what is no more. One that a person opened is theirs.
    const bool tells = pull.body.find(run_mark(facts_)) != std::string::npos;
    if (tells || !same_name(pull.user, own_login)) return label(std::move(pull));
    gitea_.edit_pr(repo_, pull.number, {.title = pull_title(playbook_, facts_), .body = body_},
                   then<PullRequest>([this](PullRequest edited) { label(std::move(edited)); }));
  }

  void label(PullRequest pull) {
    labelled_ = pull.number;
    const bool labelled = carries(pull.labels, playbook_.report.labels);
    posted_.pull = std::move(pull);
    // By a host that did not live to go on.
    if (labelled) return ask_reviewers();
    add_labels();
  }

  void add_labels() {
    if (playbook_.report.labels.empty()) return ask_reviewers();
    gitea_.add_labels(repo_, labelled_, playbook_.report.labels,
                      [self = shared_from_this()](const Result<std::vector<Label>>& labels) {
                        if (labels.ok()) return self->ask_reviewers();
                        if (labels.error().code() == Code::not_found) return self->make_label(0);
                        self->noted<std::vector<Label>>("labels", &Posting::ask_reviewers)(labels);
                      });
  }

  void make_label(std::size_t index) {
    const auto& names = playbook_.report.labels;
    if (index == names.size())
      return gitea_.add_labels(repo_, labelled_, names,
                               noted<std::vector<Label>>("labels", &Posting::ask_reviewers));
    gitea_.create_label(repo_, {names[index], kColor, "", false},
                        [self = shared_from_this(), index](const Result<Label>& label) {
                          if (label.ok()) return self->make_label(index + 1);
                          self->noted<Label>("labels", &Posting::ask_reviewers)(label);
                        });
  }

  void ask_reviewers() {
    TIMMY_FAILPOINT("dispatch.labelled");
    if (!posted_.pull) return finish();
    if (playbook_.report.reviewers.empty()) return tell();
    gitea_.request_reviewers(repo_, posted_.pull->number, playbook_.report.reviewers,
                             noted<PullRequest>("reviewers", &Posting::tell));
  }

  void tell() { comment(pull_comment(playbook_, facts_, posted_.pull->number)); }

  void comment(const std::string& text) {
    const auto number = facts_.issue.number;
    gitea_.keep_comment(repo_, number, text, comment_key(playbook_, facts_.repository, number),
                        then<Comment>([this](Comment comment) {
                          TIMMY_FAILPOINT("dispatch.commented");
                          posted_.comment = std::move(comment);
                          if (posted_.pull) return finish();
                          labelled_ = facts_.issue.number;
                          add_labels();
                        }));
  }

  void finish() { reply_(std::move(posted_)); }

  Gitea& gitea_;
  const Playbook& playbook_;
  ReportFacts facts_;
  RepoName repo_;
  Reply<Posted> reply_;
  std::string body_;
  std::int64_t labelled_ = 0;  // what carries the labels
  Posted posted_;
};

}  // namespace

void post_report(Gitea& gitea, const Playbook& playbook, ReportFacts facts, Reply<Posted> reply) {
  std::make_shared<Posting>(gitea, playbook, std::move(facts), std::move(reply))->begin();
}

}  // namespace host::dispatch
