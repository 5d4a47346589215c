// SPDX-License-Identifier: Apache-2.0
#include "verdict.hpp"

#include <algorithm>

#include "glob.hpp"
#include "wording.hpp"

namespace triage {
namespace {

// By which a rejection is known from what else our user asks to be changed.
constexpr const char* kRejection = "This shows what the policy here bans:\n";

int rank(const std::string& permission) {
  constexpr const char* kWords[] = {"none", "read", "write", "admin", "owner"};
  for (int at = 0; at < 5; ++at)
    if (permission == kWords[at]) return at;
  return 0;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

Point conflicts(const PullFacts& facts) {
  const auto base = quoted(facts.pull.base.branch);
  if (facts.pull.mergeable) return {true, "can be merged into " + base};
  return {false, "conflicts with " + base + ": mend that in its branch"};
}

// --- checks

bool has_passed(const timmy::CommitStatus& check) {
  return check.state == "success" || check.state == "skipped";
}

bool is_ignored(const timmy::CommitStatus& check, const ReviewTerms& terms) {
  return !contains(terms.required_checks, check.context) &&
         std::any_of(terms.ignored_checks.begin(), terms.ignored_checks.end(),
                     [&](const std::string& glob) { return glob_matches(glob, check.context); });
}

Point green(const PullFacts& facts, const ReviewTerms& terms) {
  std::vector<std::string> missing;
  std::size_t counted = 0;
  for (const auto& check : facts.checks) {
    if (is_ignored(check, terms)) continue;
    ++counted;
    if (!has_passed(check))
      missing.push_back(quoted(check.context) + " is " +
                        (check.state.empty() ? "unknown" : quoted(check.state)));
  }
  for (const auto& required : terms.required_checks)
    if (std::none_of(facts.checks.begin(), facts.checks.end(),
                     [&](const auto& check) { return check.context == required; }))
      missing.push_back(quoted(required) + " has not reported");
  if (!missing.empty()) return {false, "checks: " + joined(missing)};
  if (counted == 0 && !terms.without_checks)
    return {false, "checks: none has reported on this commit"};
  return {true, counted == 0 ? "no checks" : "checks have passed"};
}

// --- approval

bool is_judgement(const timmy::Review& review) {
  return review.state == "APPROVED" || review.state == "REQUEST_CHANGES";
}

// The last word of each who may be asked, by login.
std::map<std::string, const timmy::Review*> last_words(const PullFacts& facts) {
  std::map<std::string, const timmy::Review*> words;
  for (const auto& review : facts.reviews)
    if (is_judgement(review) && !review.dismissed && !review.user.empty() &&
        !same_login(review.user, facts.pull.user) && !same_login(review.user, facts.me))
      words[review.user] = &review;
  return words;
}

bool is_no_person(const std::string& login, const ReviewTerms& terms) {
  return any_matches(terms.not_people, lowered(login));
}

// Why an approval does not count; empty if it does.
std::string objection(const PullFacts& facts, const timmy::Review& review,
                      const ReviewTerms& terms) {
  const auto who = quoted(review.user);
  if (is_no_person(review.user, terms))
    return "the approval of " + who + ", no person, counts for nothing";
  if (review.stale || review.commit_sha != facts.pull.head.sha)
    return who + " approved an earlier commit";
  if (!review.official) return "the forge does not count the approval of " + who;
  const auto found = facts.permissions.find(review.user);
  const auto may = found == facts.permissions.end() ? std::string() : found->second;
  if (may.empty())
    return who +
           " approved, but what they may do here can't be read: for that the host's user has "
           "to administer the repository";
  if (rank(may) < rank(terms.approver))
    return who + " approved, but may not " + terms.approver + " here";
  return {};
}

Point approval(const PullFacts& facts, const ReviewTerms& terms) {
  std::vector<std::string> yes, notes, no;
  for (const auto& [login, review] : last_words(facts)) {
    if (review->state == "REQUEST_CHANGES") {
      if (review->official) no.push_back(quoted(login) + " asks for changes");
    } else if (auto why = objection(facts, *review, terms); why.empty()) {
      yes.push_back(quoted(login));
    } else {
      notes.push_back(std::move(why));
    }
  }
  if (!no.empty()) return {false, "approval: " + joined(no)};
  const auto lacking = terms.approvals - static_cast<int>(yes.size());
  if (lacking <= 0) {
    std::string by;
    for (const auto& each : yes) by += (by.empty() ? " by " : ", ") + each;
    return {true, yes.empty() ? "needs no approval" : "approved" + by};
  }
  notes.insert(notes.begin(), "approval: " + std::to_string(lacking) +
                                  " more of somebody who may " + terms.approver + " here");
  return {false, joined(notes)};
}

// --- policy and holds

std::string reason_of(const std::vector<Hit>& hits) {
  std::string text;
  for (const auto& hit : hits)
    text += "\n- " + quoted(hit.ban) + ": " + hit.where + " has " + quoted(hit.text);
  return text;
}

bool is_held(const PullFacts& facts, const ReviewTerms& terms, std::string& by) {
  for (const auto& label : facts.pull.labels)
    if (std::any_of(terms.hold_labels.begin(), terms.hold_labels.end(),
                    [&](const std::string& glob) { return glob_matches(glob, label); })) {
      by = quoted(label);
      return true;
    }
  return false;
}

}  // namespace

ReviewTerms::ReviewTerms(const timmy::Json& config)
    : approvals(config.at("approvals").get<int>()),
      approver(config.at("approver").get<std::string>()),
      required_checks(config.value("required_checks", Names())),
      ignored_checks(config.value("ignored_checks", Names())),
      without_checks(config.at("without_checks").get<bool>()),
      hold_labels(config.value("hold_labels", Names())) {
  for (const auto& glob : config.value("not_people", Names())) not_people.push_back(lowered(glob));
}

Names reviewers_in(const PullFacts& facts) {
  Names logins;
  for (const auto& [login, review] : last_words(facts)) logins.push_back(login);
  return logins;
}

Verdict judge(const PullFacts& facts, const ReviewTerms& terms) {
  Verdict verdict;
  // Whatever else it has: nobody is asked to mend what is rejected.
  if (!facts.hits.empty()) {
    verdict.is = Verdict::Is::rejected;
    verdict.reason = kRejection + reason_of(facts.hits);
    return verdict;
  }
  verdict.points.push_back(conflicts(facts));
  verdict.points.push_back(green(facts, terms));
  verdict.points.push_back(approval(facts, terms));
  verdict.points.push_back({true, "nothing that the policy bans"});
  if (std::string label; is_held(facts, terms, label))
    verdict.points.push_back({false, "held by the label " + label});
  if (!facts.settled) return verdict;
  const bool all = std::all_of(verdict.points.begin(), verdict.points.end(),
                               [](const Point& point) { return point.met; });
  verdict.is = all ? Verdict::Is::ready : Verdict::Is::waiting;
  return verdict;
}

bool was_rejected(const PullFacts& facts) {
  return std::any_of(facts.reviews.begin(), facts.reviews.end(), [&](const timmy::Review& review) {
    return same_login(review.user, facts.me) && review.state == "REQUEST_CHANGES" &&
           review.body.starts_with(kRejection) &&
           (!review.dismissed || review.commit_sha == facts.pull.head.sha);
  });
}

std::string report(const Verdict& verdict, const timmy::PullRequest& pull, const Merging& merging) {
  std::string text = "**Not ready yet.**";
  if (verdict.is == Verdict::Is::rejected) text = "**Rejected by policy.**";
  if (verdict.is == Verdict::Is::ready) text = "**Ready to be merged.**";
  if (merging.done) text = "**Merged**, as the config of this host says.";
  if (!merging.refusal.empty()) text += " The forge does not do it: " + quoted(merging.refusal);
  if (merging.waits_until)
    text += " That is done at " + minute_text(*merging.waits_until) +
            " or soon after, unless other checks come: none is named that has to be there.";
  if (!verdict.points.empty()) text += "\n";
  for (const auto& point : verdict.points)
    text += std::string("\n- [") + (point.met ? "x" : " ") + "] " + point.text;
  if (!verdict.reason.empty()) text += "\n\n" + verdict.reason;
  return text + "\n\nThis is said of " + quoted(pull.head.sha.substr(0, 10)) +
         ", and kept up to date here.";
}

}  // namespace triage
