// SPDX-License-Identifier: Apache-2.0
#include "dispatch/quality_gate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.hpp"
#include "workspaces/git_error.hpp"

namespace host::dispatch {
namespace {

using State = QualityVerdict::State;

constexpr std::size_t kMostDescription = 140;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::string shown(const std::string& sha) { return workspaces::one_line(sha.substr(0, 12)); }

class Judge {
 public:
  explicit Judge(const QualityFacts& facts) : facts_(&facts) {}

  QualityVerdict judge() {
    look_at_work();
    look_at_reviews();
    look_at_statuses();
    verdict_.state = refused_                   ? State::refused
                     : verdict_.reasons.empty() ? State::eligible
                                                : State::waiting;
    return std::move(verdict_);
  }

 private:
  void refuse(std::string reason) {
    refused_ = true;
    verdict_.reasons.push_back(std::move(reason));
  }
  void wait(std::string reason) { verdict_.reasons.push_back(std::move(reason)); }

  void look_at_work() {
    const auto& [work, pull] = std::tie(facts_->work, facts_->pull);
    if (pull.merged || pull.state != "open") refuse("it is not open");
    if (work.head.empty() || pull.head.sha != work.head)
      refuse(fmt::format("its head is {}, and the gates saw {}", shown(pull.head.sha),
                         shown(work.head)));
    if (pull.base.branch != work.base) refuse("it goes into another branch than it was made for");
    if (!work.passed) refuse("its gates did not pass");
    for (const auto& line : facts_->banned) refuse(line);
    if (pull.draft) wait("it is a draft");
  }

  [[nodiscard]] bool counts(const Review& review) const {
    if (review.user.empty() || same_name(review.user, facts_->own_login) ||
        same_name(review.user, facts_->pull.user))
      return false;
    const auto known = facts_->permissions.find(review.user);
    return known == facts_->permissions.end() ? review.official
                                              : known->second >= Permission::write;
  }

  // The last word of each: by login, as the forge compares them.
  [[nodiscard]] std::map<std::string, const Review*> last_words() const {
    std::map<std::string, const Review*> last;
    for (const auto& review : facts_->reviews)
      if (review.state == "APPROVED" || review.state == "REQUEST_CHANGES")
        last[lower(review.user)] = &review;
    return last;
  }

  void look_at_reviews() {
    for (const auto& [login, review] : last_words()) {
      if (review->dismissed || !counts(*review)) continue;
      if (review->state == "REQUEST_CHANGES")
        wait(workspaces::one_line(review->user) + " asks for changes");
      else if (!review->stale && review->commit_sha == facts_->pull.head.sha)
        verdict_.signed_off.push_back(review->user);
    }
    if (verdict_.signed_off.empty())
      wait("nobody who may write the repository has approved this commit");
  }

  void look_at_statuses() {
    for (const auto& status : facts_->statuses) {
      if (status.context == kQualityContext || status.state == "success" ||
          status.state == "skipped")
        continue;
      wait(fmt::format("the check \"{}\" says {}", workspaces::one_line(status.context),
                       workspaces::one_line(status.state)));
    }
  }

  const QualityFacts* facts_;
  QualityVerdict verdict_;
  bool refused_ = false;
};

}  // namespace

std::string_view name(QualityVerdict::State state) noexcept {
  switch (state) {
    case State::eligible: return "eligible";
    case State::waiting: return "waiting";
    case State::refused: return "refused";
  }
  return "refused";
}

QualityVerdict judge_quality(const QualityFacts& facts) { return Judge(facts).judge(); }

NewStatus quality_status(const QualityVerdict& verdict) {
  NewStatus status;
  status.context = kQualityContext;
  switch (verdict.state) {
    case State::eligible:
      status.state = "success";
      status.description =
          fmt::format("gates passed, signed off by {}", fmt::join(verdict.signed_off, ", "));
      break;
    case State::waiting: status.state = "pending"; break;
    case State::refused: status.state = "failure"; break;
  }
  if (verdict.state != State::eligible)
    status.description = fmt::format("{}", fmt::join(verdict.reasons, "; "));
  if (cut_text(status.description, kMostDescription - 3)) status.description += "...";
  return status;
}

}  // namespace host::dispatch
