// SPDX-License-Identifier: Apache-2.0
#include "dispatch/dispatcher_search.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace host::dispatch {
namespace {

// An issue may change in the second that was just read.
constexpr Duration kOverlap = std::chrono::seconds(5);
constexpr std::size_t kBodyLooked = 200;  // matching does not look at bodies

Issue as_issue(const PullRequest& pull, const std::string& repository) {
  Issue issue;
  issue.number = pull.number;
  issue.id = pull.id;
  issue.title = pull.title;
  issue.state = pull.state;
  issue.user = pull.user;
  issue.labels = pull.labels;
  issue.assignees = pull.assignees;
  issue.is_pull = true;
  issue.html_url = pull.html_url;
  issue.created_at = pull.created_at;
  issue.updated_at = pull.updated_at;
  issue.repo = repository;
  return issue;
}

}  // namespace

class ForgeSearch::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(Loop& loop, Gitea& gitea, FindRepositories find, Log log, Duration sweep)
      : loop_(loop), gitea_(gitea), find_(std::move(find)), log_(std::move(log)), sweep_(sweep) {}

  void look(std::shared_ptr<const DispatchRules> rules, std::set<std::string> pulls_of,
            std::function<void(FoundIssues)> found, std::function<void()> done) {
    if (done_) return;
    rules_ = std::move(rules);
    pulls_of_ = std::move(pulls_of);
    found_ = std::move(found);
    done_ = std::move(done);
    const auto globs = rules_->repositories();
    const auto now = loop_.clock().monotonic();
    if (globs == globs_ && listed_ && now - *listed_ < sweep_) return read_all();
    globs_ = globs;
    if (globs.empty()) return take_list({});
    find_(globs, [weak = weak_from_this()](std::vector<RepoName> repositories) {
      if (auto self = weak.lock()) self->take_list(std::move(repositories));
    });
  }

  void forget() {
    listed_.reset();
    seen_.clear();
  }

 private:
  // What is known of one repository.
  struct Seen {
    MonotonicTime whole_at{};        // when all that is open was read
    std::optional<WallTime> newest;  // change that came
    bool pulls = false;              // pull requests were read with it
    bool failed = false;
  };
  struct Reading {
    RepoName name;
    IssueFilter filter;
    FoundIssues found;
  };

  void take_list(std::vector<RepoName> repositories) {
    repositories_ = std::move(repositories);
    listed_ = loop_.clock().monotonic();
    read_all();
  }

  void read_all() {
    left_ = repositories_.size() + 1;
    for (const auto& name : repositories_) read(name);
    one_done();
  }

  void read(const RepoName& name) {
    auto reading = std::make_shared<Reading>();
    reading->name = name;
    reading->found.repository = name.full();
    reading->filter.body_limit = kBodyLooked;
    const auto seen = seen_.find(name);
    reading->found.pulls = rules_->takes_pulls() || pulls_of_.contains(name.full());
    reading->found.whole = seen == seen_.end() || !seen->second.newest ||
                           (reading->found.pulls && !seen->second.pulls) ||
                           loop_.clock().monotonic() - seen->second.whole_at >= sweep_;
    if (!reading->found.whole) {
      reading->filter.state = "all";
      reading->filter.since = *seen->second.newest - kOverlap;
    }
    gitea_.list_issues(name, reading->filter, [weak = weak_from_this(), reading](auto issues) {
      auto self = weak.lock();
      if (!self) return;
      if (!issues.ok()) return self->failed(reading->name, issues.error());
      reading->found.issues = std::move(issues).value();
      self->read_pulls(reading);
    });
  }

  void read_pulls(const std::shared_ptr<Reading>& reading) {
    if (!reading->found.pulls) return take(*reading);
    PullFilter filter;
    filter.state = reading->filter.state;
    filter.since = reading->filter.since;
    filter.body_limit = kBodyLooked;
    gitea_.list_prs(reading->name, filter, [weak = weak_from_this(), reading](auto pulls) {
      auto self = weak.lock();
      if (!self) return;
      if (!pulls.ok()) return self->failed(reading->name, pulls.error());
      for (const auto& pull : pulls.value())
        reading->found.issues.push_back(as_issue(pull, reading->found.repository));
      self->take(*reading);
    });
  }

  void take(Reading& reading) {
    auto& seen = seen_[reading.name];
    if (std::exchange(seen.failed, false)) log_.info("{} can be read again", reading.name.full());
    if (reading.found.whole) seen.whole_at = loop_.clock().monotonic();
    seen.pulls = reading.found.pulls;
    for (const auto& issue : reading.found.issues)
      if (issue.updated_at && (!seen.newest || *seen.newest < *issue.updated_at))
        seen.newest = issue.updated_at;
    found_(std::move(reading.found));
    one_done();
  }

  void failed(const RepoName& name, const Error& error) {
    auto& seen = seen_[name];
    if (!std::exchange(seen.failed, true))
      log_.warn("the issues of {} can't be read: {}", name.full(), error.what());
    one_done();
  }

  void one_done() {
    if (--left_ > 0) return;
    const auto done = std::exchange(done_, nullptr);
    found_ = nullptr;
    done();
  }

  Loop& loop_;
  Gitea& gitea_;
  FindRepositories find_;
  Log log_;
  Duration sweep_;

  std::shared_ptr<const DispatchRules> rules_;
  std::set<std::string> pulls_of_;
  std::vector<std::string> globs_;
  std::vector<RepoName> repositories_;
  std::optional<MonotonicTime> listed_;  // when they were
  std::map<RepoName, Seen> seen_;

  // Of the look under way.
  std::function<void(FoundIssues)> found_;
  std::function<void()> done_;
  std::size_t left_ = 0;
};

ForgeSearch::ForgeSearch(Loop& loop, Gitea& gitea, FindRepositories find, Log log, Duration sweep)
    : impl_(std::make_shared<Impl>(loop, gitea, std::move(find), std::move(log), sweep)) {}
ForgeSearch::~ForgeSearch() = default;
void ForgeSearch::look(std::shared_ptr<const DispatchRules> rules, std::set<std::string> pulls_of,
                       std::function<void(FoundIssues)> found, std::function<void()> done) {
  impl_->look(std::move(rules), std::move(pulls_of), std::move(found), std::move(done));
}
void ForgeSearch::forget() { impl_->forget(); }

}  // namespace host::dispatch
