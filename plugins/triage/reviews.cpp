// SPDX-License-Identifier: Apache-2.0
#include "reviews.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "digest.hpp"
#include "glob.hpp"
#include "home.hpp"
#include "pass.hpp"
#include "pull_look.hpp"
#include "repos.hpp"
#include "wording.hpp"

namespace triage {
namespace {

using timmy::Json;
using timmy::Time;

constexpr const char* kTask = "reviews";

// How old a look may be when something is written by it.
constexpr auto kFresh = std::chrono::seconds(30);

// What the forge refused to merge is tried again so much later: it does not say when it would.
constexpr auto kTriesAgain = std::chrono::hours(1);

const char* word(Verdict::Is is) {
  switch (is) {
    case Verdict::Is::unsettled: return "unsettled";
    case Verdict::Is::waiting: return "waiting";
    case Verdict::Is::rejected: return "rejected";
    case Verdict::Is::ready: return "ready";
  }
  return "unsettled";
}

// When the forge dates what we wrote.
std::optional<Time> dated(const timmy::Comment& comment) { return comment.updated_at; }
std::optional<Time> dated(const timmy::Review& review) { return review.submitted_at; }
std::optional<Time> dated(const timmy::PullRequest& merged) { return merged.updated_at; }

// One pull request, from the look at it to what is written about it.
class Reviewer {
 public:
  Reviewer(timmy::Context& ctx, const Reviewing& reviewing, const std::function<Time()>& now,
           PullWatch& watch, Pass& pass, const Due& due)
      : ctx_(ctx),
        reviewing_(reviewing),
        now_(now),
        watch_(watch),
        pass_(pass),
        due_(due),
        memory_(ctx.state(), kTask, due.home, due.number) {}

  void review(timmy::PullRequest pull, Time taken) {
    if (pull.body_cut) {
      taken = now_();
      pull = ctx_.gitea().get_pr(due_.repo, due_.number);
    }
    look_at(std::move(pull), taken);
    pass_.count(word(verdict_.is));
    constexpr int kMost = 8;  // four writes, and looks in between
    for (int i = 0; i < kMost; ++i) {
      const Write next = next_write();
      if (next == nullptr) return;
      // What we did ourselves is to be told, however the rest looks by now.
      if (look_.merged) {
        (this->*next)();
        continue;
      }
      const auto at = now_();
      auto again = ctx_.gitea().get_pr(due_.repo, due_.number);
      if (again.state != "open" || again.draft || reviewing_.exempt.cover(again)) return;
      if (is_as_it_was(look_.facts.pull, again) && at - look_.taken <= kFresh)
        (this->*next)();
      else
        look_at(std::move(again), at);
    }
    throw timmy::Retryable("slow", due_.name() +
                                       ": it changes so fast, or the forge answers so slowly, that "
                                       "each look at it was out of date before it could be used");
  }

 private:
  using Write = void (Reviewer::*)();

  void look_at(timmy::PullRequest pull, Time taken) {
    look_ = watch_.look(due_.repo, std::move(pull), taken, memory_);
    verdict_ = judge(look_.facts, reviewing_.terms);
    waits_until_ = when_settled();
  }

  // Until when it is not merged, since checks may come that nobody has named: those that are there
  // may be the quick ones. A protection of the branch that names some is the forge's to keep.
  [[nodiscard]] std::optional<Time> when_settled() {
    const auto& pull = look_.facts.pull;
    if (!reviewing_.terms.required_checks.empty() || !reviewing_.order_for(due_.repo, pull))
      return std::nullopt;
    std::set<std::string> checks{pull.head.sha};
    for (const auto& check : look_.facts.checks) checks.insert(check.context + " " + check.state);
    const auto these = digest(Json(checks).dump());
    const auto since = memory_.time("same_checks");
    // One from a clock that was ahead is none.
    if (!since || *since > now_() || memory_.own().value("checks", "") != these) {
      memory_.set("same_checks", now_());
      memory_.set("checks", Json(these));
      memory_.keep();
    }
    const auto until = *memory_.time("same_checks") + reviewing_.settle;
    return now_() < until ? std::optional<Time>(until) : std::nullopt;
  }

  // Null: all is as it should be.
  [[nodiscard]] Write next_write() const {
    if (verdict_.is == Verdict::Is::unsettled) return nullptr;
    if (is_to_be_rejected()) return &Reviewer::reject;
    // Before the merge, for which the branch's protection may ask for it.
    if (is_status_due()) return &Reviewer::set_status;
    if (is_to_be_merged()) return &Reviewer::merge;
    if (!look_.said && memory_.own().value("said", "") != digest(comment())) return &Reviewer::say;
    return nullptr;
  }

  // The forge takes no rejection of one's own work; the comment says it.
  [[nodiscard]] bool is_to_be_rejected() const {
    return verdict_.is == Verdict::Is::rejected &&
           !same_login(look_.facts.pull.user, look_.facts.me) && !was_rejected(look_.facts);
  }

  void reject() {
    const auto& pull = look_.facts.pull;
    auto review = write([&] {
      return ctx_.gitea().create_review(due_.repo, due_.number,
                                        {.event = timmy::ReviewEvent::request_changes,
                                         .body = verdict_.reason,
                                         .commit_sha = pull.head.sha,
                                         .name = pull.head.sha});
    });
    pass_.did(review.id == 0 ? "rehearsed" : "rejections", due_.name());
    ctx_.log.info(due_.name(), ": rejected at ", pull.head.sha, ": ", verdict_.reason);
    review.user = look_.facts.me;
    look_.facts.reviews.push_back(std::move(review));
  }

  [[nodiscard]] bool was_refused() const {
    const auto& pull = look_.facts.pull;
    return memory_.own().value("refused_head", "") == pull.head.sha &&
           memory_.own().value("refused_base", "") == pull.base.branch;
  }

  [[nodiscard]] bool is_to_be_merged() const {
    if (verdict_.is != Verdict::Is::ready || look_.merged || waits_until_) return false;
    if (!reviewing_.order_for(due_.repo, look_.facts.pull)) return false;
    const auto refused = memory_.time("refused");
    const auto ago = refused ? now_() - *refused : kTriesAgain;
    return !was_refused() || ago >= kTriesAgain || ago < Time::duration::zero();
  }

  void merge() {
    auto order = *reviewing_.order_for(due_.repo, look_.facts.pull);
    order.head_sha = look_.facts.pull.head.sha;
    order.base = look_.facts.pull.base.branch;
    try {
      const auto merged =
          write([&] { return ctx_.gitea().merge_pr(due_.repo, due_.number, order); });
      look_.merged = true;
      pass_.did(is_rehearsed(merged) ? "rehearsed" : "merged", due_.name());
      ctx_.log.info(due_.name(), ": merged ", order.head_sha, " (", order.style, ")");
    } catch (const timmy::Permanent& refusal) {
      if (refusal.code() != "conflict" && refusal.code() != "denied") throw;
      memory_.set("refused", now_());
      memory_.set("refused_head", Json(order.head_sha));
      memory_.set("refused_base", Json(order.base));
      memory_.set("refusal", Json(refusal.what()));
      memory_.keep();
      pass_.did("refused", due_.name());
      ctx_.log.warn(due_.name(), ": not merged: ", refusal.what());
    }
  }

  [[nodiscard]] timmy::CommitStatus status() const {
    std::string missing;
    for (const auto& point : verdict_.points)
      if (!point.met) missing += (missing.empty() ? "" : "; ") + point.text;
    const char* state = verdict_.is == Verdict::Is::ready      ? "success"
                        : verdict_.is == Verdict::Is::rejected ? "failure"
                                                               : "pending";
    // As much as forges show of it.
    if (verdict_.is == Verdict::Is::rejected) missing = "rejected by policy";
    return {reviewing_.status, state, missing.empty() ? "ready to be merged" : cut(missing)};
  }
  static std::string cut(std::string text) {
    constexpr std::size_t kLongest = 140;
    std::erase(text, '`');
    if (text.size() <= kLongest) return text;
    auto end = kLongest;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    return text.substr(0, end) + "...";
  }

  [[nodiscard]] bool is_status_due() const {
    if (reviewing_.status.empty()) return false;
    const auto wanted = status();
    return !look_.status || look_.status->state != wanted.state ||
           look_.status->description != wanted.description;
  }

  void set_status() {
    const auto wanted = status();
    // Not the typed call, which does not tell a dry run from a real one.
    const Json set = ctx_.call("gitea/1.set_status", {{"repo", due_.repo},
                                                      {"sha", look_.facts.pull.head.sha},
                                                      {"context", wanted.context},
                                                      {"state", wanted.state},
                                                      {"description", wanted.description}});
    if (!set.value("dry_run", false)) pass_.wrote();
    look_.status = wanted;
    pass_.count("statuses");
  }

  [[nodiscard]] std::string comment() const {
    Merging merging{.done = look_.merged};
    if (verdict_.is == Verdict::Is::ready && !look_.merged) merging.waits_until = waits_until_;
    if (!look_.merged && verdict_.is == Verdict::Is::ready && was_refused() &&
        reviewing_.order_for(due_.repo, look_.facts.pull))
      merging.refusal = memory_.own().value("refusal", "");
    return report(verdict_, look_.facts.pull, merging);
  }

  void say() {
    const auto body = comment();
    const auto comment =
        write([&] { return ctx_.gitea().keep_comment(due_.repo, due_.number, body, "review"); });
    look_.said = true;
    if (comment.id == 0) return pass_.did("rehearsed", due_.name());
    memory_.set("said", Json(digest(body)));
    memory_.keep();
    pass_.did("comments", due_.name());
  }

  // A write that changes when the pull request was updated, noted as ours.
  template <class Send>
  auto write(const Send& send) -> decltype(send()) {
    auto& pull = look_.facts.pull;
    if (const auto theirs = activity()) memory_.about_to_write(pull.updated_at, *theirs);
    auto answer = [&] {
      try {
        return send();
      } catch (const timmy::Permanent&) {
        memory_.wrote(std::nullopt);  // nothing was
        throw;
      }
    }();
    if (is_rehearsed(answer)) {
      memory_.wrote(std::nullopt);
      return answer;
    }
    pass_.wrote();
    memory_.wrote(ctx_.gitea().get_issue(due_.repo, due_.number).updated_at, dated(answer));
    // An update that was not ours makes it another one than it was.
    pull.updated_at = memory_.ours();
    return answer;
  }
  // When somebody else last did something, as of the look.
  [[nodiscard]] std::optional<Time> activity() {
    timmy::Issue issue;
    issue.updated_at = look_.facts.pull.updated_at;
    if (!memory_.in_doubt()) return memory_.activity(issue.updated_at);
    return memory_.activity(issue, ctx_.gitea().list_comments(due_.repo, due_.number), watch_.me());
  }
  template <class Answer>
  static bool is_rehearsed(const Answer& answer) {
    return answer.raw.value("dry_run", false);
  }

  timmy::Context& ctx_;
  const Reviewing& reviewing_;
  const std::function<Time()>& now_;
  PullWatch& watch_;
  Pass& pass_;
  const Due& due_;
  Memory memory_;
  PullLook look_;
  Verdict verdict_;
  std::optional<Time> waits_until_;  // see when_settled()
};

class ReviewRun {
 public:
  // `task`: see Pass.
  ReviewRun(timmy::Context& ctx, const Reviewing& reviewing, const std::function<Time()>& now,
            const std::string& task, CapWatch watch)
      : ctx_(ctx),
        reviewing_(reviewing),
        now_(now),
        homes_(ctx.gitea(), ctx.state()),
        watch_(ctx, reviewing, now),
        pass_(ctx, task, std::move(watch)) {}

  // `head`: only those of this one; empty: all.
  Json over(const Names& repos, const std::string& head = {}) {
    pass_.over(repos, [&](const std::string& repo) {
      if (!reviewing_.exempt.cover_repo(repo)) list(repo, head);
    });
    return review_all();
  }

  Json only(const std::string& repo, std::int64_t number) {
    const auto name = repo + "#" + std::to_string(number);
    pass_.over({name}, [&](const std::string&) {
      if (reviewing_.exempt.cover_repo(repo)) return;
      const auto at = now_();
      try {
        add(repo, homes_.known(repo), ctx_.gitea().get_pr(repo, number), at);
      } catch (const timmy::Permanent& failure) {
        if (failure.code() != "not_found") throw;
        pass_.did("gone", name);
        ctx_.log.info(name, ": it is gone since the event");
      }
    });
    return review_all();
  }

 private:
  struct Listed {
    timmy::PullRequest pull;
    Time at{};
  };

  void list(const std::string& repo, const std::string& head) {
    const auto home = homes_.known(repo);
    std::set<std::int64_t> open;
    const auto at = now_();
    for (auto& pull : open_prs(ctx_.gitea(), repo)) {
      open.insert(pull.number);
      if (head.empty() || pull.head.sha == head) add(repo, home, std::move(pull), at);
    }
    forget_all_but(ctx_.state(), kTask, home, open, ctx_.now());
  }

  void add(const std::string& repo, const std::string& home, timmy::PullRequest pull, Time at) {
    if (pull.state != "open") return;
    pass_.read(1);
    if (pull.draft) return pass_.count("drafts");
    if (reviewing_.exempt.cover(pull)) return pass_.count("exempt");
    due_.push_back({repo, pull.number, pull.created_at.value_or(Time()), false, home});
    listed_[due_.back().name()] = {std::move(pull), at};
  }

  Json review_all() {
    pass_.each(std::move(due_), [&](const Due& due) {
      auto& listed = listed_.at(due.name());
      Reviewer(ctx_, reviewing_, now_, watch_, pass_, due)
          .review(std::move(listed.pull), listed.at);
    });
    return pass_.result();
  }

  timmy::Context& ctx_;
  const Reviewing& reviewing_;
  const std::function<Time()>& now_;
  Homes homes_;
  PullWatch watch_;
  Pass pass_;
  std::vector<Due> due_;
  std::map<std::string, Listed> listed_;
};

}  // namespace

Json review_prs(timmy::Context& ctx, const Names& repos, const Reviewing& reviewing,
                const Json& payload, CapWatch watch, const std::function<Time()>& now) {
  const auto repo = payload.value("repo", "");
  ReviewRun run(ctx, reviewing, now, repo.empty() ? kTask : "", std::move(watch));
  if (repo.empty()) return run.over(repos_with(ctx.gitea(), repos, &Has::pulls));
  if (!covers_repo(repos, repo)) return run.over({});
  const auto number = payload.value("number", std::int64_t{0});
  if (number > 0) return run.only(repo, number);
  return run.over({repo}, payload.value("event", "") == "status" ? payload.value("ref", "") : "");
}

}  // namespace triage
