// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <timmy/plugin.hpp>

class Stale {
 public:
  explicit Stale(const timmy::Json& config)
      : repos_(config.at("repos").get<std::vector<std::string>>()),
        age_(config.at("days").get<int>()),
        label_(config.at("label").get<std::string>()) {}

  // Jobs that follow are inserted with this job's completion: all of them, or none.
  void scan(const timmy::Job&, timmy::Context& ctx) {
    for (const auto& repo : repos_)
      ctx.jobs().follow({.task = "stale_repo", .payload = {{"repo", repo}}, .unique_key = repo});
  }

  timmy::Json repo(const timmy::Job& job, timmy::Context& ctx) {
    const auto repo = job.payload.value("repo", "");
    if (repo.empty()) throw timmy::Permanent("bad_payload", "expected {\"repo\": \"owner/name\"}");
    int labelled = 0;
    for (const auto& issue : ctx.gitea().list_issues(repo)) {
      ctx.throw_if_cancelled();
      if (!is_stale(issue, ctx.now())) continue;
      ctx.gitea().add_labels(repo, issue.number, {label_});
      ++labelled;
    }
    ctx.state().put("last/" + repo, timmy::format_time(ctx.now()));
    return {{"labelled", labelled}};
  }

 private:
  bool is_stale(const timmy::Issue& issue, timmy::Time now) const {
    const auto& labels = issue.labels;
    const bool labelled = std::find(labels.begin(), labels.end(), label_) != labels.end();
    return !labelled && issue.updated_at && now - *issue.updated_at >= age_;
  }

  std::vector<std::string> repos_;
  std::chrono::days age_;
  std::string label_;
};

TIMMY_PLUGIN(Stale, {"stale_scan", &Stale::scan}, {"stale_repo", &Stale::repo})
