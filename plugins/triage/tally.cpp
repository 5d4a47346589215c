// SPDX-License-Identifier: Apache-2.0
#include "tally.hpp"

#include <algorithm>
#include <utility>

namespace triage {
namespace {

using timmy::Json;

// How many changes the result lists, and how many failures the message; all are in the log.
constexpr std::size_t kListed = 100;
constexpr std::size_t kToldFailures = 20;

}  // namespace

Went Tally::isolated(const std::string& what, const std::function<void()>& work) {
  try {
    work();
    return Went::well;
  } catch (const timmy::Permanent& failure) {
    failed(what, failure);
    return Went::wrong;
  } catch (const timmy::Retryable& failure) {
    if (failure.code() == "rate_limited") throw;
    failed(what, failure);
    may_pass_ = true;
    if (failure.delay())
      delay_ = std::max(delay_.value_or(timmy::Milliseconds()), *failure.delay());
    return Went::astray;
  }
}

void Tally::failed(const std::string& what, const timmy::Failure& failure) {
  ++failed_;
  failures_.push_back(what + ": " + failure.what());
  ctx_.log.warn(failures_.back());
}

void Tally::add(const std::string& issue, const Looked& looked) {
  left_ += looked.left;
  failed_ += looked.failed;
  may_pass_ = may_pass_ || looked.may_pass;
  for (const auto& failure : looked.failures) {
    failures_.push_back(failure);
    ctx_.log.warn(failure);
  }
  if (!looked.unsure.empty() && unsure_.size() < kListed)
    unsure_.push_back({{"issue", issue}, {"labels", looked.unsure}});
  if (looked.change.empty()) return;
  ++changed_;
  labelled_ += looked.change.contains("added");
  Json change = looked.change;
  change["issue"] = issue;
  if (changes_.size() < kListed) changes_.push_back(std::move(change));
}

void Tally::archived(const std::string& repo) {
  archived_.push_back(repo);
  ctx_.log.info(repo, ": left out, it is archived");
}

Json Tally::result(const std::string& held) const {
  if (!held.empty())
    ctx_.log.error(held);
  else if (left_ > 0)
    ctx_.log.warn(left_,
                  " issues are left for the next round: this one made as many writes as it "
                  "may (limits.mutations), or its time was up");
  if (repos_left_ > 0)
    ctx_.log.warn(repos_left_, " repositories are left for the next round, which begins with them");
  if (may_pass_) throw timmy::Retryable("incomplete", summary(held), delay_);
  if (!held.empty()) throw timmy::Permanent("held", summary(held));
  if (failed_ > 0) throw timmy::Permanent("incomplete", summary(held));
  Json all{{"repos", repos_},       {"read", read_}, {"changed", changed_},
           {"labelled", labelled_}, {"left", left_}, {"changes", changes_}};
  if (repos_left_ > 0) all["repos_left"] = repos_left_;
  if (!archived_.empty()) all["archived"] = archived_;
  if (!unsure_.empty()) all["unsure_labels"] = unsure_;
  return all;
}

std::string Tally::summary(const std::string& held) const {
  std::string text = held.empty() ? "" : held + ". So far: ";
  text += std::to_string(failed_) + " failed, " + std::to_string(changed_) + " changed";
  if (left_ > 0) text += ", " + std::to_string(left_) + " left for the next round";
  if (repos_left_ > 0) text += ", " + std::to_string(repos_left_) + " repositories unread";
  for (std::size_t i = 0; i < failures_.size() && i < kToldFailures; ++i)
    text += "; " + failures_[i];
  if (failures_.size() > kToldFailures)
    text += "; and " + std::to_string(failures_.size() - kToldFailures) + " more, in the log";
  return text;
}

}  // namespace triage
