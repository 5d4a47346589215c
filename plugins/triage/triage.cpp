// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <timmy/plugin.hpp>

#include "repos.hpp"
#include "rules.hpp"

namespace triage {

using timmy::Json;

// How far each round reads back beyond the newest change that the last one saw: more than any
// transaction of the forge takes, so that one which commits late is not missed.
constexpr auto kOverlap = std::chrono::minutes(10);

// How many changes the result lists; all are in the log.
constexpr std::size_t kListed = 100;

// What one round has done so far.
struct Round {
  int repos = 0, read = 0, labelled = 0;
  Json changes = Json::array();
  std::vector<std::string> failures;
};

class Triage {
 public:
  explicit Triage(const Json& config)
      : names_(config.at("repos").get<std::vector<std::string>>()),
        rules_(config.value("rules", Json::array())) {}

  // Payload: {"full": true} looks at all open issues again; {"repo", "number"}, which an event
  // brings, at that issue alone.
  Json run(const timmy::Job& job, timmy::Context& ctx) {
    if (const auto number = job.payload.value("number", std::int64_t{0}); number > 0)
      return look_at_one(ctx, job.payload.at("repo").get<std::string>(), number);
    const bool full = job.payload.value("full", false);
    Round round;
    const auto repos = expand(ctx.gitea(), names_);
    for (const auto& repo : repos) {
      ctx.jobs().progress(100.0 * round.repos / static_cast<double>(repos.size()), repo);
      isolated(round, repo, [&] { look_at(ctx, repo, full, round); });
      ++round.repos;
    }
    return result_of(round);
  }

 private:
  static Json result_of(const Round& round) {
    if (!round.failures.empty()) throw timmy::Permanent("incomplete", summary(round));
    return {{"repos", round.repos},
            {"read", round.read},
            {"labelled", round.labelled},
            {"changes", round.changes}};
  }

  // A hint is all that an event is: what it names may be gone, closed, or none of ours.
  Json look_at_one(timmy::Context& ctx, const std::string& repo, std::int64_t number) const {
    Round round;
    if (!is_named(names_, repo)) return result_of(round);
    const auto issue = ctx.gitea().get_issue(repo, number);
    round.repos = round.read = 1;
    if (issue.state == "open" && !issue.raw.value("is_pull", false))
      apply(ctx, repo, repo + "#" + std::to_string(number), issue, round);
    return result_of(round);
  }

  // What fails for good for one repository or issue does not keep the others from their labels.
  // What may pass (the forge is away) ends the round, which is then run again.
  template <class Work>
  static bool isolated(Round& round, const std::string& what, const Work& work) {
    try {
      work();
      return true;
    } catch (const timmy::Permanent& failure) {
      round.failures.push_back(what + ": " + failure.what());
      return false;
    }
  }

  void look_at(timmy::Context& ctx, const std::string& repo, bool full, Round& round) const {
    const std::string key = "seen/" + repo;
    const auto seen = ctx.state().get(key);
    // Other rules than last time: what they would have done to older issues is to be done now.
    const bool known = seen && seen->value("rules", "") == rules_.fingerprint();
    const auto last = known ? timmy::parse_time(seen->value("newest", "")) : std::nullopt;
    timmy::IssueFilter filter;
    if (last && !full) filter.since = *last - kOverlap;

    auto newest = last;
    bool whole = true;
    for (const auto& issue : ctx.gitea().list_issues(repo, filter)) {
      ctx.throw_if_cancelled();
      const std::string name = repo + "#" + std::to_string(issue.number);
      whole = isolated(round, name, [&] { apply(ctx, repo, name, issue, round); }) && whole;
      if (issue.updated_at && (!newest || *issue.updated_at > *newest)) newest = issue.updated_at;
      ++round.read;
    }
    // An issue that failed is read again in each round until it works. Kept at once, since another
    // repository may still fail this run.
    if (whole && newest && (!known || newest != last))
      ctx.state().put_now(
          key, {{"newest", timmy::format_time(*newest)}, {"rules", rules_.fingerprint()}});
  }

  void apply(timmy::Context& ctx, const std::string& repo, const std::string& name,
             const timmy::Issue& issue, Round& round) const {
    const Change change = rules_.change(issue);
    if (change.labels.empty()) return;
    const auto now = ctx.gitea().add_labels(repo, issue.number, change.labels);
    for (const auto& label : change.labels)
      if (std::find(now.begin(), now.end(), label) == now.end())
        throw timmy::Retryable("not_applied",
                               name + " does not carry \"" + label + "\" after it was added");
    ctx.log.info(name, ": added ", Json(change.labels).dump(), " by ", Json(change.rules).dump());
    ++round.labelled;
    if (round.changes.size() < kListed)
      round.changes.push_back({{"issue", name}, {"added", change.labels}});
  }

  static std::string summary(const Round& round) {
    std::string text = std::to_string(round.failures.size()) + " failed, " +
                       std::to_string(round.labelled) + " labelled";
    for (const auto& failure : round.failures) text += "; " + failure;
    return text;
  }

  std::vector<std::string> names_;
  Rules rules_;
};

}  // namespace triage

TIMMY_PLUGIN(triage::Triage)
