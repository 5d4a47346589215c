// SPDX-License-Identifier: Apache-2.0
#include "round.hpp"

#include <utility>

#include "glob.hpp"
#include "sweep.hpp"

namespace triage {
namespace {

using timmy::Json;

// How far each round reads back beyond the newest change that the last one saw: more than any
// transaction of the forge takes, so that one which commits late is not missed.
constexpr auto kOverlap = std::chrono::minutes(10);
// How long nothing may have been done to an issue for the next round to pass over it where it still
// is as it was: changes of one second can't be told apart.
constexpr auto kSettled = std::chrono::minutes(1);
// How many such are remembered of a repository.
constexpr std::size_t kMostSettled = 500;
// How often all that is open is looked at: for what no change of an issue tells, such as a team's
// new member.
constexpr auto kWholeLook = std::chrono::hours(24);
// How many issues of a repository that are due are asked for one by one in a round.
constexpr std::size_t kDueOfRound = 100;
// How many changes the result lists, and how many failures the message; all are in the log.
constexpr std::size_t kListed = 100;
constexpr std::size_t kToldFailures = 20;

// The newest change that was seen, by kind.
constexpr const char* newest_key(Kind kind) { return kind == Kind::pull ? "pulls" : "newest"; }

}  // namespace

// What a round knows of one repository.
struct Round::Repo {
  std::string name;
  Json seen;                      // as it was kept; empty: all is to be looked at
  Json next;                      // as it is to be kept
  bool full = false;              // all that is open is looked at
  bool whole = true;              // all that was to be listed was
  std::set<std::int64_t> open;    // the numbers of those that were listed
  std::set<std::int64_t> looked;  // of those that were looked at
  // Of those that changed so lately that the next round lists them again: as they were.
  std::map<std::int64_t, timmy::Time> settled;
  // What the looks say of when to look again; the list itself is read after them.
  std::map<std::int64_t, std::optional<timmy::Time>> due;
};

// What of the config's repositories some rule is about.
std::map<std::string, Has> Round::concerned() const {
  auto repos = repos_of(ctx_.gitea(), names_);
  for (auto& [name, holds] : repos) {
    holds.issues = holds.issues && rules_.concern(name, Kind::issue);
    holds.pulls = holds.pulls && rules_.concern(name, Kind::pull);
  }
  std::erase_if(repos, [](const auto& each) { return !each.second.issues && !each.second.pulls; });
  return repos;
}

Json Round::look_at_all(bool full) {
  const auto repos = concerned();
  for (const auto& [repo, wanted] : repos) {
    ctx_.jobs().progress(100.0 * repos_ / static_cast<double>(repos.size()), repo);
    isolated(repo, [&, &repo = repo, &wanted = wanted] { look_at(repo, wanted, full); });
    ++repos_;
  }
  return result();
}

Json Round::look_at_one(const std::string& name, std::int64_t number) {
  const bool concerned = rules_.concern(name, Kind::issue) || rules_.concern(name, Kind::pull);
  if (!any_matches(names_, name) || !concerned) return result();
  repos_ = 1;
  Repo repo{.name = name};
  isolated(name + "#" + std::to_string(number), [&] { read_and_look(repo, number); });
  (void)keep_due(repo, due_of(repo));
  return result();
}

// What fails for good for one repository or issue does not keep the others from their labels. What
// may pass (the forge is away) ends the round, which is then run again.
template <class Work>
bool Round::isolated(const std::string& what, const Work& work) {
  try {
    work();
    return true;
  } catch (const timmy::Permanent& failure) {
    ++failed_;
    failures_.push_back(what + ": " + failure.what());
    ctx_.log.warn(failures_.back());
    return false;
  }
}

void Round::look_at(const std::string& name, Has wanted, bool full) {
  Repo repo{.name = name};
  applier_.next_repository();
  repo.seen = ctx_.state().get("seen/" + name).value_or(Json::object());
  // Other rules than last time: what they would have done to older issues is to be done now.
  if (repo.seen.value("rules", "") != rules_.fingerprint()) repo.seen = Json::object();
  const auto last_whole = timmy::parse_time(repo.seen.value("whole", ""));
  repo.full = full || !last_whole || ctx_.now() - *last_whole >= kWholeLook;
  repo.next = repo.seen;
  repo.next.erase("settled");
  for (const Kind kind : {Kind::issue, Kind::pull})
    if (kind == Kind::pull ? wanted.pulls : wanted.issues)
      repo.whole = isolated(name, [&] { list(repo, kind); }) && repo.whole;
  const DueList due = due_of(repo);
  look_at_due(repo, due);
  save(repo, due);
  if (repo.full && repo.whole) forget_closed(ctx_.state(), name, repo.open, ctx_.now());
}

void Round::list(Repo& repo, Kind kind) {
  auto newest = timmy::parse_time(repo.seen.value(newest_key(kind), ""));
  const auto since =
      newest && !repo.full ? std::optional<timmy::Time>(*newest - kOverlap) : std::nullopt;
  const auto now = ctx_.now();
  const auto each = [&](const auto& object) {
    ctx_.throw_if_cancelled();
    Snapshot issue = Snapshot::of(repo.name, object, now);
    if (issue.updated_at && (!newest || *issue.updated_at > *newest)) newest = issue.updated_at;
    repo.open.insert(issue.number);
    if (issue.updated_at && now - *issue.updated_at > kSettled)
      repo.settled.emplace(issue.number, *issue.updated_at);
    if (passes_over(repo, issue)) return void(++read_);
    isolated(issue.name(), [&] { look(repo, std::move(issue)); });
  };
  if (kind == Kind::pull)
    for (const auto& pull : ctx_.gitea().list_prs(repo.name, {.since = since})) each(pull);
  else
    for (const auto& issue : ctx_.gitea().list_issues(repo.name, {.since = since})) each(issue);
  if (!newest) return;
  repo.next[newest_key(kind)] = timmy::format_time(*newest);
  for (const auto& [number, updated] : std::exchange(repo.settled, {}))
    if (updated >= *newest - kOverlap && repo.next["settled"].size() < kMostSettled)
      repo.next["settled"][std::to_string(number)] = timmy::format_time(updated);
}

// Whether it is as it was when the last round looked at it.
bool Round::passes_over(const Repo& repo, const Snapshot& issue) {
  if (repo.full || !repo.seen.contains("settled")) return false;
  return repo.seen["settled"].value(std::to_string(issue.number), "") == issue.version();
}

DueList Round::due_of(const Repo& repo) const {
  return DueList::from(ctx_.state().get("due/" + repo.name).value_or(Json()));
}

void Round::look_at_due(Repo& repo, const DueList& due) {
  std::size_t asked = 0;
  for (const auto number : due.ripe(ctx_.now())) {
    if (repo.looked.contains(number)) continue;
    if (applier_.stopped() || asked == kDueOfRound) {
      ++left_;
      continue;
    }
    ++asked;
    ctx_.throw_if_cancelled();
    isolated(repo.name + "#" + std::to_string(number), [&] { read_and_look(repo, number); });
  }
}

// One that is gone is nothing to look at.
void Round::read_and_look(Repo& repo, std::int64_t number) {
  const auto now = ctx_.now();
  repo.due[number] = now + kOverlap;
  std::optional<Snapshot> issue;
  try {
    issue = Snapshot::of(repo.name, ctx_.gitea().get_issue(repo.name, number), now);
  } catch (const timmy::Permanent& failure) {
    if (failure.code() != "not_found") throw;
    repo.due[number] = std::nullopt;
    return;
  }
  look(repo, std::move(*issue));
}

void Round::look(Repo& repo, Snapshot issue) {
  ++read_;
  const auto number = issue.number;
  repo.looked.insert(number);
  const std::string name = issue.name();
  // Until it is known better: what throws is looked at again.
  repo.due[number] = ctx_.now() + kOverlap;
  const bool ours = rules_.concern(repo.name, issue.kind);
  const Looked looked = ours ? applier_.look(std::move(issue)) : Looked();
  repo.due[number] = looked.due;
  account(name, looked);
}

void Round::account(const std::string& issue, const Looked& looked) {
  left_ += looked.left;
  failed_ += looked.failed;
  for (const auto& failure : looked.failures) {
    failures_.push_back(failure);
    ctx_.log.warn(failure);
  }
  if (looked.change.empty()) return;
  ++changed_;
  labelled_ += looked.change.contains("added");
  Json change = looked.change;
  change["issue"] = issue;
  if (changes_.size() < kListed) changes_.push_back(std::move(change));
}

// Whether all that is left to do is remembered.
bool Round::keep_due(const Repo& repo, const DueList& before) const {
  DueList due = before;
  for (const auto& [number, when] : repo.due) due.set(number, when);
  const bool all = due.fit(ctx_.now());
  if (due != before) ctx_.state().put_now("due/" + repo.name, due.to_json());
  return all;
}

// Kept at once, since another repository may still fail this run. Where more is left to do than is
// remembered, the same is listed again.
void Round::save(Repo& repo, const DueList& due) const {
  const auto now = ctx_.now();
  if (!keep_due(repo, due) || !repo.whole) return;
  repo.next["rules"] = rules_.fingerprint();
  if (repo.full) repo.next["whole"] = timmy::format_time(now);
  if (repo.next["settled"].is_null()) repo.next.erase("settled");
  if (repo.next != repo.seen) ctx_.state().put_now("seen/" + repo.name, repo.next);
}

Json Round::result() const {
  if (left_ > 0)
    ctx_.log.warn(left_,
                  " issues are left for the next round: this one made as many writes as it "
                  "may (limits.mutations), or its time was up");
  if (failed_ > 0) throw timmy::Permanent("incomplete", summary());
  return {{"repos", repos_},       {"read", read_}, {"changed", changed_},
          {"labelled", labelled_}, {"left", left_}, {"changes", changes_}};
}

std::string Round::summary() const {
  std::string text = std::to_string(failed_) + " failed, " + std::to_string(changed_) + " changed";
  if (left_ > 0) text += ", " + std::to_string(left_) + " left for the next round";
  for (std::size_t i = 0; i < failures_.size() && i < kToldFailures; ++i)
    text += "; " + failures_[i];
  if (failures_.size() > kToldFailures)
    text += "; and " + std::to_string(failures_.size() - kToldFailures) + " more, in the log";
  return text;
}

}  // namespace triage
