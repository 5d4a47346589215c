// SPDX-License-Identifier: Apache-2.0
#include "memory.hpp"

#include <algorithm>
#include <array>

#include "numbered_keys.hpp"

namespace triage {
namespace {

using timmy::Json;
using timmy::Time;
using MaybeTime = std::optional<Time>;

// Those that note what they write.
constexpr std::array kTasks{"orphans", "stale", "reviews"};

// The forge dates a comment and the change of its issue one after the other.
constexpr auto kApart = std::chrono::seconds(2);

constexpr auto kRemembered = std::chrono::days(365);

std::string prefix_of(const std::string& task, const std::string& home) {
  return task + "/" + home + "#";
}

MaybeTime time_of(const Json& json, const char* what) {
  return json.is_object() ? timmy::parse_time(json.value(what, "")) : std::nullopt;
}

}  // namespace

Memory::Memory(timmy::State state, const std::string& task, const std::string& home,
               std::int64_t number)
    : state_(state), key_(prefix_of(task, home) + std::to_string(number)), own_(Json::object()) {
  for (const std::string other : kTasks) {
    const auto noted = state_.get(prefix_of(other, home) + std::to_string(number));
    if (!noted || !noted->is_object()) continue;
    if (other == task) own_ = *noted;
    const auto ours = time_of(*noted, "ours");
    const auto newest = time_of(noted_, "ours");
    if (!ours || !time_of(*noted, "theirs")) continue;
    if (ours > newest || (ours == newest && noted->value("pending", false))) noted_ = *noted;
  }
}

MaybeTime Memory::activity(MaybeTime updated_at) const {
  const auto ours = time_of(noted_, "ours");
  if (!updated_at || !ours) return updated_at;
  const bool known = *updated_at <= *ours || noted_.value("pending", false);
  return known ? time_of(noted_, "theirs") : updated_at;
}

MaybeTime Memory::activity(const timmy::Issue& issue, const std::vector<timmy::Comment>& comments,
                           const std::string& me) const {
  const auto ours = time_of(noted_, "ours");
  if (!issue.updated_at || !ours) return issue.updated_at;
  if (*issue.updated_at > *ours && !is_ours(issue, comments, me)) return issue.updated_at;
  auto theirs = time_of(noted_, "theirs");
  for (const auto& comment : comments)
    if (comment.user != me) theirs = std::max(theirs, comment.updated_at);
  return theirs;
}

// Whether the last update was by a comment that a run did not live to note.
bool Memory::is_ours(const timmy::Issue& issue, const std::vector<timmy::Comment>& comments,
                     const std::string& me) const {
  if (!noted_.value("pending", false) || comments.empty()) return false;
  const auto& last = comments.back();
  return last.user == me && last.created_at && last.created_at >= time_of(noted_, "ours") &&
         *issue.updated_at <= *last.created_at + kApart;
}

void Memory::about_to_write(MaybeTime updated_at, Time activity) {
  set("theirs", activity);
  if (updated_at > time("ours")) set("ours", *updated_at);
  set("pending", true);
  keep();
}

void Memory::wrote(MaybeTime updated_at, MaybeTime dated) {
  const auto known = std::max(dated, time("ours"));
  if (updated_at) set("ours", dated && *updated_at > *known + kApart ? *known : *updated_at);
  set("pending", nullptr);
  keep();
}

bool Memory::somebody_acted(MaybeTime updated_at) {
  if (!updated_at || updated_at <= time("ours")) return false;
  set("theirs", *updated_at);
  return true;
}

MaybeTime Memory::ours() const { return time_of(noted_, "ours"); }

bool Memory::in_doubt() const { return noted_.is_object() && noted_.value("pending", false); }

MaybeTime Memory::time(const char* what) const { return time_of(own_, what); }

void Memory::set(const char* what, Json value) {
  if (value.is_null())
    own_.erase(what);
  else
    own_[what] = std::move(value);
}

void Memory::set(const char* what, Time value) { set(what, Json(timmy::format_time(value))); }

void Memory::keep() {
  // At once: what was written on the forge stays, whatever becomes of this run.
  state_.put_now(key_, own_.empty() ? Json() : own_);
  if (const auto ours = time("ours"); ours && ours >= time_of(noted_, "ours")) noted_ = own_;
}

std::set<std::int64_t> remembered(const timmy::State& state, const std::string& task,
                                  const std::string& home) {
  return numbers_after(state, prefix_of(task, home));
}

void forget_all_but(timmy::State state, const std::string& task, const std::string& home,
                    const std::set<std::int64_t>& open, Time now) {
  for (const auto number : remembered(state, task, home)) {
    if (open.contains(number)) continue;
    const auto key = prefix_of(task, home) + std::to_string(number);
    const Json noted = state.get(key).value_or(Json());
    const auto last = std::max(time_of(noted, "closed"), time_of(noted, "marked"));
    if (!last || now - *last > kRemembered) state.put_now(key, Json());
  }
}

}  // namespace triage
