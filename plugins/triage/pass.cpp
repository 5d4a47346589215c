// SPDX-License-Identifier: Apache-2.0
#include "pass.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "write_cap.hpp"

namespace triage {
namespace {

using timmy::Json;
using timmy::Milliseconds;
using timmy::Time;

// What a run has to have left to begin with one more: a merge alone may wait half a minute.
constexpr Milliseconds kReserve = std::chrono::seconds(45);
// After so many refusals one after the other a repository is left alone.
constexpr int kRefusals = 3;
// After so many failures one after the other, each of which may be one object's own, the forge is
// taken to be away, lest it be hammered with all the others.
constexpr int kInARow = 3;

using Place = std::tuple<bool, Time, std::string, std::int64_t>;

Place place_of(const Due& due) { return {!due.urgent, due.since, due.repo, due.number}; }

bool comes_before(const Due& a, const Due& b) { return place_of(a) < place_of(b); }

Json to_json(const Due& due) {
  return {{"repo", due.repo},
          {"number", due.number},
          {"since", timmy::format_time(due.since)},
          {"urgent", due.urgent}};
}

// Nothing for what is none.
std::optional<Due> due_of(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  Due due;
  due.repo = json.value("repo", "");
  due.number = json.value("number", std::int64_t{0});
  due.since = timmy::parse_time(json.value("since", "")).value_or(Time());
  due.urgent = json.value("urgent", false);
  return due;
}

// The earliest first, but that it begins with `first`, or what comes after it, among those that are
// as urgent.
void put_in_order(std::vector<Due>& all, const std::optional<Due>& first) {
  std::sort(all.begin(), all.end(), comes_before);
  if (!first) return;
  const auto others =
      std::partition_point(all.begin(), all.end(), [](auto& x) { return x.urgent; });
  const auto begin = std::lower_bound(all.begin(), all.end(), *first, comes_before);
  if (first->urgent)
    std::rotate(all.begin(), begin, others);
  else
    std::rotate(others, begin, all.end());
}

}  // namespace

void Pass::did(const std::string& word, const std::string& name) {
  constexpr std::size_t kListed = 100;
  count(word);
  if (changes_.size() < kListed) changes_.push_back({{"issue", name}, {"done", word}});
}

void Pass::over(const Names& repos, const std::function<void(const std::string&)>& work) {
  Names all = repos;
  std::sort(all.begin(), all.end());
  if (const Json first = kept("repo"); first.is_string())
    std::rotate(all.begin(), std::lower_bound(all.begin(), all.end(), first.get<std::string>()),
                all.end());
  const Milliseconds half = ctx_.remaining().value_or(Milliseconds()) / 2;
  for (std::size_t at = 0; at < all.size(); ++at) {
    ctx_.throw_if_cancelled();
    if (in_a_row_ >= kInARow || !has_time(std::max(kReserve, half))) {
      unread_ = all.size() - at;
      return keep("repo", all[at]);
    }
    ctx_.jobs().progress(100.0 * static_cast<double>(at) / static_cast<double>(all.size()),
                         all[at]);
    (void)isolated(all[at], [&] { work(all[at]); });
    ++repos_;
  }
  keep("repo", nullptr);
}

void Pass::each(std::vector<Due> all, const std::function<void(const Due&)>& work) {
  put_in_order(all, due_of(kept("due")));
  // Repositories that could not be read say nothing of what was read, but for a pause.
  if (!pause_) in_a_row_ = 0;
  Json first_left;  // where the next run begins
  held_ = !all.empty() && watch_.holds();
  bool goes_on = !held_;
  for (std::size_t at = 0; at < all.size(); ++at) {
    const Due& due = all[at];
    ctx_.throw_if_cancelled();
    if (archived_.contains(due.repo)) continue;
    if (goes_on && (in_a_row_ >= kInARow || !has_time(kReserve))) {
      goes_on = false;
      first_left = to_json(due);
    }
    if (!goes_on || refusals_[due.repo] >= kRefusals) {
      if (first_left.is_null()) first_left = to_json(due);
      ++left_;
      continue;
    }
    switch (isolated(due.name(), [&] { work(due); })) {
      case Ended::well: refusals_[due.repo] = 0; break;
      case Ended::refused: refused(due.repo); break;
      case Ended::passing: break;
      case Ended::capped:
        watch_.met_cap();
        goes_on = false;
        first_left = to_json(due);
        ++left_;
    }
  }
  keep("due", first_left);
}

Pass::Ended Pass::isolated(const std::string& what, const std::function<void()>& work) {
  try {
    work();
    in_a_row_ = 0;
    return Ended::well;
  } catch (const timmy::Permanent& failure) {
    in_a_row_ = 0;
    if (is_write_cap(failure)) return Ended::capped;
    failed(what, failure);
    return Ended::refused;
  } catch (const timmy::Retryable& failure) {
    failed(what, failure);
    may_pass_ = true;
    if (failure.delay()) delay_ = std::max(delay_.value_or(Milliseconds()), *failure.delay());
    // A pause is asked for by the forge as a whole.
    pause_ = failure.code() == "rate_limited";
    in_a_row_ = pause_ ? kInARow : in_a_row_ + 1;
    return Ended::passing;
  }
}

void Pass::failed(const std::string& what, const timmy::Failure& failure) {
  failures_.push_back(what + ": " + failure.what());
  ctx_.log.warn(failures_.back());
}

// Asks at the first refusal whether it is archived. A * in a config's name leaves such out, so it
// is no failure that nothing can be written to one whose whole name is there.
void Pass::refused(const std::string& repo) {
  if (refusals_[repo]++ == 0 && asked_.insert(repo).second && is_archived(repo)) {
    failures_.pop_back();
    archived_.insert(repo);
    count("archived");
    ctx_.log.info(repo, ": left out, it is archived");
  } else if (refusals_[repo] == kRefusals) {
    failures_.push_back(repo + ": left alone until the next run, it refused " +
                        std::to_string(kRefusals) + " times one after the other");
  }
}

bool Pass::is_archived(const std::string& repo) const {
  try {
    return ctx_.gitea().get_repo(repo).archived;
  } catch (const timmy::Permanent&) {
    return false;
  } catch (const timmy::Retryable&) {
    return false;
  }
}

bool Pass::has_time(Milliseconds reserve) const {
  const auto remaining = ctx_.remaining();
  return !remaining || *remaining >= reserve;
}

Json Pass::kept(const char* place) const {
  if (task_.empty()) return nullptr;
  return ctx_.state().get("begin/" + task_ + "/" + place).value_or(Json());
}

// At once, whatever becomes of the run.
void Pass::keep(const char* place, const Json& next) const {
  if (task_.empty() || next == kept(place)) return;
  ctx_.state().put_now("begin/" + task_ + "/" + place, next);
}

Json Pass::result() {
  if (left_ + unread_ == 0 && !may_pass_) watch_.did_all();
  if (held_) ctx_.log.error(watch_.why());
  if (left_ + unread_ > 0)
    ctx_.log.warn(left_, " are left for the next run, and ", unread_, " repositories unread");
  Json all{{"repos", repos_},
           {"read", read_},
           {"left", left_},
           {"repos_left", unread_},
           {"changes", changes_}};
  for (const auto& [word, count] : counts_) all[word] = count;
  if (may_pass_) throw timmy::Retryable("incomplete", summary(), delay_);
  if (held_) throw timmy::Permanent("held", summary());
  if (failures_.empty()) return all;
  throw timmy::Permanent("incomplete", summary());
}

std::string Pass::summary() const {
  constexpr std::size_t kTold = 20;  // all are in the log
  std::string text = held_ ? watch_.why() + ". So far: " : "";
  text += std::to_string(failures_.size()) + " failed";
  for (const auto& [word, count] : counts_) text += ", " + std::to_string(count) + " " + word;
  if (left_ > 0) text += ", " + std::to_string(left_) + " left for the next run";
  if (unread_ > 0) text += ", " + std::to_string(unread_) + " repositories unread";
  for (std::size_t at = 0; at < failures_.size() && at < kTold; ++at) text += "; " + failures_[at];
  if (failures_.size() > kTold)
    text += "; and " + std::to_string(failures_.size() - kTold) + " more, in the log";
  return text;
}

Json not_configured(const std::string& key) {
  return {{"configured", false},
          {"why", "the config of triage has no \"" + key + "\": nothing was read or done"}};
}

}  // namespace triage
