// SPDX-License-Identifier: Apache-2.0
#include "round.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "departed.hpp"
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
// After so many failures one after the other that may pass, each of which could be one object's
// own, a repository is left alone for the rest of the round; after so many repositories the round
// ends.
constexpr int kInARow = 3;
// What a run has to have left to begin with another repository.
constexpr auto kReserve = std::chrono::seconds(30);

// Nothing for a time that is yet to come, by a clock that was ahead: who waits for it sees nothing.
std::optional<timmy::Time> past_time(const Json& seen, const char* key, timmy::Time now) {
  const auto time = timmy::parse_time(seen.value(key, ""));
  return time && *time <= now ? time : std::nullopt;
}

// Which repository the next round begins with, in the state, and with which of one's issues, in
// what was seen of it.
constexpr const char* kFrom = "from";
// In what was seen of a repository: that it was archived.
constexpr const char* kArchived = "archived";

// The newest change that was seen, by kind.
constexpr const char* newest_key(Kind kind) { return kind == Kind::pull ? "pulls" : "newest"; }

}  // namespace

// What a round knows of one repository.
struct Round::Repo {
  std::string name;
  std::string home;               // see Homes
  Json seen;                      // as it was kept; empty: all is to be looked at
  Json next;                      // as it is to be kept
  bool full = false;              // all that is open is looked at
  bool whole = true;              // all that was to be listed was
  int in_a_row = 0;               // failures that may pass
  bool astray = false;            // it was left alone, or could not be listed
  bool archived = false;          // as far as was asked
  bool asked = false;             // after a refusal, whether it is
  std::int64_t from = 0;          // where its lists begin: what the last round did not come to
  std::int64_t skipped = 0;       // the first that was left alone; 0: none was
  std::set<std::int64_t> open;    // the numbers of those that were listed
  std::set<std::int64_t> looked;  // of those that were looked at
  // Of those that changed so lately that the next round lists them again: as they were.
  std::map<std::int64_t, timmy::Time> settled;
  // What the looks say of when to look again; the list itself is read after them.
  std::map<std::int64_t, std::optional<timmy::Time>> due;
};

// Owner by owner: what can't be listed of one does not keep others from their turn.
Repos Round::repos() {
  Names whole;
  std::map<std::string, Names> globs;
  for (const auto& name : names_)
    (name.find('*') == std::string::npos ? whole : globs[name.substr(0, name.find('/'))])
        .push_back(name);
  auto all = repos_of(ctx_.gitea(), whole);
  for (const auto& [owner, names] : globs) {
    if (is_away()) break;
    const auto went = tally_.isolated(owner + "/*", [&, &names = names] {
      for (const auto& [name, has] : repos_of(ctx_.gitea(), names))
        all.try_emplace(name, has).first->second.id = has.id;
    });
    in_a_row_ = went == Went::astray ? in_a_row_ + 1 : 0;
  }
  return all;
}

// What of the config's repositories some rule is about.
Repos Round::concerned() {
  auto all = repos();
  for (auto& [name, holds] : all) {
    holds.issues = holds.issues && rules_.concern(name, Kind::issue);
    holds.pulls = holds.pulls && rules_.concern(name, Kind::pull);
  }
  std::erase_if(all, [](const auto& each) { return !each.second.issues && !each.second.pulls; });
  return all;
}

Json Round::look_at_all(bool full) {
  const auto all = concerned();
  std::vector<std::pair<std::string, Has>> repos(all.begin(), all.end());
  const Json from = repos.size() < 2 ? Json("") : ctx_.state().get(kFrom).value_or("");
  const auto first = std::find_if(repos.begin(), repos.end(),
                                  [&](const auto& each) { return Json(each.first) == from; });
  if (first != repos.end()) std::rotate(repos.begin(), first, repos.end());
  const auto keep = [&](const Json& name) {
    if (name != from) ctx_.state().put_now(kFrom, name == "" ? Json() : name);
  };
  for (const auto& [name, wanted] : repos) {
    if (is_away() || (tally_.repos() > 0 && !has_time())) {
      if (tally_.repos_left() == 0) keep(name);
      tally_.left_repository();
      continue;
    }
    ctx_.jobs().progress(100.0 * tally_.repos() / static_cast<double>(repos.size()), name);
    Repo repo{.name = name};
    try {
      const auto went =
          tally_.isolated(name, [&, &wanted = wanted] { look_at(repo, wanted, full); });
      in_a_row_ = went == Went::astray || repo.astray ? in_a_row_ + 1 : 0;
    } catch (const timmy::Retryable&) {
      keep(name);
      throw;
    }
    tally_.looked_at_repository();
  }
  if (tally_.repos_left() == 0) keep("");
  if (tally_.left_nothing()) watch_.did_all();
  if (any_full_ && has_time()) forget_departed(ctx_.state(), names_, ctx_.now());
  return result();
}

Json Round::look_at_one(const std::string& name, std::int64_t number) {
  const bool concerned = rules_.concern(name, Kind::issue) || rules_.concern(name, Kind::pull);
  if (!covers_repo(names_, name) || !concerned) return result();
  tally_.looked_at_repository();
  Repo repo{.name = name};
  const auto went = tally_.isolated(name, [&] {
    try {
      repo.home = homes_.known(name);
    } catch (const timmy::Permanent& failure) {
      if (failure.code() != "not_found") throw;
    }
  });
  if (went != Went::well || repo.home.empty()) return result();
  look_at_issue(repo, number, [&] { read_and_look(repo, number); });
  if (repo.archived)
    tally_.archived(name);
  else
    (void)keep_due(repo, due_of(repo));
  return result();
}

bool Round::left_alone(const Repo& repo) { return repo.in_a_row >= kInARow; }

bool Round::has_time() const {
  const auto remaining = ctx_.remaining();
  return !remaining || *remaining >= kReserve;
}

bool Round::is_away() const { return in_a_row_ >= kInARow; }

void Round::look_at(Repo& repo, Has wanted, bool full) {
  applier_.next_repository();
  open(repo, wanted.id, full);
  any_full_ = any_full_ || repo.full;
  if (repo.archived) return leave_out(repo);
  for (const Kind kind : {Kind::issue, Kind::pull}) {
    if (kind == Kind::pull ? !wanted.pulls : !wanted.issues) continue;
    const auto went = tally_.isolated(repo.name, [&] { list(repo, kind); });
    repo.whole = repo.whole && went == Went::well && repo.skipped == 0;
    repo.astray = repo.astray || went == Went::astray || left_alone(repo);
    if (repo.archived) return leave_out(repo);
    if (went == Went::astray) break;
    repo.in_a_row = 0;  // those at the end of one list are not to keep the next from being read
  }
  const DueList due = due_of(repo);
  if (!repo.astray) look_at_due(repo, due);
  if (repo.archived) return leave_out(repo);
  repo.astray = repo.astray || left_alone(repo);
  save(repo, due);
  if (repo.full && repo.whole) forget_closed(ctx_.state(), repo.home, repo.open, ctx_.now());
}

// Until the forge says that it is no longer archived; then all goes on from where it was.
void Round::leave_out(Repo& repo) {
  tally_.archived(repo.name);
  repo.next = repo.seen;
  repo.next[kArchived] = true;
  repo.next["rules"] = rules_.fingerprint();
  if (repo.next != repo.seen) ctx_.state().put_now("seen/" + repo.home, repo.next);
}

// Finds what is remembered of it. Once a day the forge is asked whether the name is still the same
// repository's, and of one that is archived each time whether it still is. Of those that a * stands
// for both are known.
void Round::open(Repo& repo, std::int64_t id, bool full) {
  const auto now = ctx_.now();
  const auto find = [&] {
    repo.seen = ctx_.state().get("seen/" + repo.home).value_or(Json::object());
    // Other rules than last time: what they would have done to older issues is to be done now.
    if (repo.seen.value("rules", "") != rules_.fingerprint()) repo.seen = Json::object();
    const auto last_whole = past_time(repo.seen, "whole", now);
    repo.full = full || !last_whole || now - *last_whole >= kWholeLook;
  };
  repo.home = id != 0 ? homes_.now(repo.name, id) : homes_.remembered(repo.name);
  if (!repo.home.empty()) find();
  if (id == 0 && (repo.home.empty() || repo.full || repo.seen.contains(kArchived))) {
    const auto found = ctx_.gitea().get_repo(repo.name);
    repo.archived = found.archived;
    repo.home = homes_.now(repo.name, found.id);
    find();
  }
  repo.next = repo.seen;
  repo.next.erase("settled");
  repo.next.erase(kFrom);
  repo.next.erase(kArchived);
  repo.from = repo.seen.value(kFrom, std::int64_t{0});
}

void Round::list(Repo& repo, Kind kind) {
  const auto now = ctx_.now();
  const auto last = past_time(repo.seen, newest_key(kind), now);
  auto newest = last;
  const auto since =
      newest && !repo.full ? std::optional<timmy::Time>(*newest - kOverlap) : std::nullopt;
  read_list(repo, kind, since, [&](const auto& object) {
    ctx_.throw_if_cancelled();
    Snapshot issue = Snapshot::of(repo.name, object, now);
    const auto updated = issue.updated_at;
    if (updated && *updated <= now && (!newest || *updated > *newest)) newest = updated;
    repo.open.insert(issue.number);
    if (updated && now - *updated > kSettled) repo.settled.emplace(issue.number, *updated);
    if (passes_over(repo, issue)) return tally_.read_issue();
    const auto number = issue.number;
    look_at_issue(repo, number, [&] { look(repo, std::move(issue)); });
  });
  if (!newest) return;
  repo.next[newest_key(kind)] = timmy::format_time(*newest);
  for (const auto& [number, updated] : std::exchange(repo.settled, {}))
    if (updated >= *newest - kOverlap && repo.next["settled"].size() < kMostSettled)
      repo.next["settled"][std::to_string(number)] = timmy::format_time(updated);
}

template <class Each>
void Round::read_list(const Repo& repo, Kind kind, std::optional<timmy::Time> since,
                      const Each& each) {
  const auto all_of = [&](const auto& read) {
    auto all = with_bodies_cut(read);
    const auto first = std::find_if(all.begin(), all.end(),
                                    [&](const auto& one) { return one.number == repo.from; });
    if (first != all.end()) std::rotate(all.begin(), first, all.end());
    return all;
  };
  const auto pulls = [&](int limit) {
    return ctx_.gitea().list_prs(repo.name, {.since = since, .body_limit = limit});
  };
  const auto issues = [&](int limit) {
    return ctx_.gitea().list_issues(repo.name, {.since = since, .body_limit = limit});
  };
  if (kind == Kind::pull)
    for (const auto& pull : all_of(pulls)) each(pull);
  else
    for (const auto& issue : all_of(issues)) each(issue);
}

// Unless the repository is left alone. What may pass is tried again by the next run.
void Round::look_at_issue(Repo& repo, std::int64_t number, const std::function<void()>& work) {
  if (repo.archived) return;
  if (left_alone(repo)) {
    if (repo.skipped == 0) repo.skipped = number;
    return;
  }
  const auto went = tally_.isolated(repo.name + "#" + std::to_string(number), work);
  if (went == Went::wrong) repo.in_a_row = 0;
  if (went != Went::astray) return;
  ++repo.in_a_row;
  repo.due[number] = at_once(ctx_.now());
}

// Whether it is as it was when the last round looked at it.
bool Round::passes_over(const Repo& repo, const Snapshot& issue) {
  if (repo.full || !repo.seen.contains("settled")) return false;
  return repo.seen["settled"].value(std::to_string(issue.number), "") == issue.version();
}

DueList Round::due_of(const Repo& repo) const {
  return DueList::from(ctx_.state().get("due/" + repo.home).value_or(Json()));
}

void Round::look_at_due(Repo& repo, const DueList& due) {
  std::size_t asked = 0;
  for (const auto number : due.ripe(ctx_.now())) {
    if (repo.looked.contains(number) || left_alone(repo) || repo.archived) continue;
    if (applier_.stopped() || asked == kDueOfRound) {
      tally_.left_issue();
      continue;
    }
    ++asked;
    ctx_.throw_if_cancelled();
    look_at_issue(repo, number, [&] { read_and_look(repo, number); });
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
  repo.in_a_row = 0;
}

void Round::look(Repo& repo, Snapshot issue) {
  tally_.read_issue();
  const auto number = issue.number;
  repo.looked.insert(number);
  const std::string name = issue.name();
  // Until it is known better: what throws is looked at again.
  repo.due[number] = ctx_.now() + kOverlap;
  const bool ours = rules_.concern(repo.name, issue.kind);
  const Looked looked = ours ? applier_.look(std::move(issue), repo.home) : Looked();
  if (looked.asked || !looked.change.empty()) repo.in_a_row = 0;
  repo.due[number] = looked.due;
  if (!proves_archived(repo, looked)) tally_.add(name, looked);
}

// Asks at the first write that is refused.
bool Round::proves_archived(Repo& repo, const Looked& looked) {
  if (!looked.refused || std::exchange(repo.asked, true)) return false;
  try {
    repo.archived = ctx_.gitea().get_repo(repo.name).archived;
  } catch (const timmy::Permanent&) {
    return false;
  }
  return repo.archived;
}

// Whether all that is left to do is remembered.
bool Round::keep_due(const Repo& repo, const DueList& before) const {
  DueList due = before;
  for (const auto& [number, when] : repo.due) due.set(number, when);
  const bool all = due.fit(ctx_.now());
  if (due != before) ctx_.state().put_now("due/" + repo.home, due.to_json());
  return all;
}

// Kept at once, since another repository may still fail this run. Where more is left to do than is
// remembered, the same is listed again.
void Round::save(Repo& repo, const DueList& due) const {
  const auto now = ctx_.now();
  const bool all = keep_due(repo, due) && repo.whole;
  if (!all) {
    repo.next = repo.seen;
    if (repo.skipped != 0) repo.next[kFrom] = repo.skipped;
  }
  repo.next["rules"] = rules_.fingerprint();
  if (repo.full && all) repo.next["whole"] = timmy::format_time(now);
  if (repo.next["settled"].is_null()) repo.next.erase("settled");
  if (repo.next != repo.seen) ctx_.state().put_now("seen/" + repo.home, repo.next);
}

Json Round::result() const { return tally_.result(applier_.held() ? watch_.why() : ""); }

}  // namespace triage
