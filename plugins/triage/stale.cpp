// SPDX-License-Identifier: Apache-2.0
#include "stale.hpp"

#include <algorithm>
#include <iterator>

#include "memory.hpp"
#include "pass.hpp"
#include "repos.hpp"
#include "span.hpp"
#include "wording.hpp"

namespace triage {
namespace {

using timmy::Json;
using timmy::Time;

constexpr const char* kTask = "stale";

std::optional<StaleMark> mark_in(const Memory& memory) {
  const auto at = memory.time("marked"), silence = memory.time("silence");
  if (!at || !silence) return std::nullopt;
  return StaleMark{*at, *silence};
}

// As far as it is looked at here, a pull request is an issue.
timmy::Issue as_issue(const timmy::PullRequest& pull) {
  timmy::Issue issue;
  issue.number = pull.number;
  issue.state = pull.state;
  issue.user = pull.user;
  issue.labels = pull.labels;
  issue.assignees = pull.assignees;
  issue.milestone = pull.milestone;
  issue.updated_at = pull.updated_at;
  return issue;
}

class Closing {
 public:
  Closing(timmy::Context& ctx, const StaleTerms& terms) : ctx_(ctx), terms_(terms) {}

  Json run(const Names& names) {
    auto holds = repos_of(ctx_.gitea(), names);
    Names repos;
    for (auto& [repo, what] : holds) {
      what.pulls = what.pulls && terms_.pulls;
      if (what.issues || what.pulls) repos.push_back(repo);
    }
    pass_.over(ctx_, repos, [&](const std::string& repo) {
      if (terms_.exempt.cover_repo(repo)) return;
      look_for(repo, holds.at(repo).issues, holds.at(repo).pulls);
    });
    pass_.each(ctx_, std::move(due_), [&](const Due& due) { look_again(due); });
    return pass_.result();
  }

 private:
  // Only by what the lists say; what is due is looked at again.
  void look_for(const std::string& repo, bool issues, bool pulls) {
    std::set<std::int64_t> open;
    auto all = issues ? ctx_.gitea().list_issues(repo) : std::vector<timmy::Issue>();
    if (pulls)
      for (const auto& pull : ctx_.gitea().list_prs(repo)) all.push_back(as_issue(pull));
    for (const auto& issue : all) {
      open.insert(issue.number);
      const Memory memory(ctx_.state(), kTask, repo, issue.number);
      const auto activity = memory.activity(issue.updated_at);
      const auto step = activity ? step_of(issue, *activity, memory) : StaleStep::none;
      // Who answered is not kept waiting by those who are silent.
      if (step != StaleStep::none)
        due_.push_back({repo, issue.number, step == StaleStep::unmark ? Time::min() : *activity});
    }
    pass_.read(all.size());
    forget_all_but(ctx_.state(), kTask, repo, open, ctx_.now());
  }

  [[nodiscard]] StaleStep step_of(const timmy::Issue& issue, Time activity,
                                  const Memory& memory) const {
    return next_step(ctx_.now(), activity, mark_in(memory), terms_.exempt.cover(issue), terms_);
  }

  void look_again(const Due& due) {
    const auto issue = ctx_.gitea().get_issue(due.repo, due.number);
    if (issue.state != "open") return;
    Memory memory(ctx_.state(), kTask, due.repo, due.number);
    const auto comments = ctx_.gitea().list_comments(due.repo, due.number);
    const auto activity = memory.activity(issue, comments, me());
    if (!activity) return;
    const auto step = step_of(issue, *activity, memory);
    if (step == StaleStep::none) return;
    memory.about_to_write(issue.updated_at, *activity);
    if (step == StaleStep::mark) return mark(due, *activity, memory);
    if (step == StaleStep::close) return close(due, memory);
    unmark(due, issue, memory);
  }

  void mark(const Due& due, Time silence, Memory& memory) {
    const std::string body = "Nothing has happened here since " + minute_text(silence) +
                             ". It is marked as " + quoted(terms_.label) +
                             ", and closed if nothing happens until " +
                             minute_text(ctx_.now() + terms_.close_after) +
                             ". A comment or any other change keeps it open.";
    const bool sent = say(due, body, "stale-mark/" + timmy::format_time(silence));
    if (sent) memory.wrote(updated_at(due));
    put_label(due);
    if (!sent) return pass_.did("rehearsed", due.name());
    memory.set("marked", ctx_.now());
    memory.set("silence", silence);
    memory.wrote(updated_at(due));
    pass_.did("marked", due.name());
    ctx_.log.info(due.name(), ": marked as ", terms_.label, ", silent since ",
                  timmy::format_time(silence));
  }

  // The text is the same if this is done again: it hangs on what was noted alone.
  void close(const Due& due, Memory& memory) {
    const auto mark = *mark_in(memory);
    const std::string body =
        "Closed: nothing has happened here since " + minute_text(mark.silence) +
        ", nor after the mark of " + minute_text(mark.at) +
        ". If it still matters, open it again: that gives it a whole new period.";
    const bool sent = say(due, body, "stale-close/" + timmy::format_time(mark.silence));
    if (sent) memory.wrote(updated_at(due));
    const auto now = ctx_.gitea().set_issue_state(due.repo, due.number, false);
    if (!sent) return pass_.did("rehearsed", due.name());
    memory.set("closed", ctx_.now());
    memory.wrote(now.updated_at);
    pass_.did("closed", due.name());
    ctx_.log.info(due.name(), ": closed as ", terms_.label);
  }

  // Somebody answered, opened it again, took the label off, or made it exempt.
  void unmark(const Due& due, const timmy::Issue& issue, Memory& memory) {
    auto now = issue;
    if (contains(issue.labels, terms_.label)) {
      ctx_.gitea().remove_label(due.repo, due.number, terms_.label);
      now = ctx_.gitea().get_issue(due.repo, due.number);
      // A dry run: the mark stands.
      if (contains(now.labels, terms_.label)) return pass_.did("rehearsed", due.name());
    }
    for (const char* what : {"marked", "silence", "closed"}) memory.set(what, nullptr);
    memory.wrote(now.updated_at);
    pass_.did("unmarked", due.name());
    ctx_.log.info(due.name(), ": no longer ", terms_.label);
  }

  // False in a dry run, of which nothing is to be noted.
  bool say(const Due& due, const std::string& body, const std::string& name) {
    return ctx_.gitea().keep_comment(due.repo, due.number, body, name).id != 0;
  }

  // Makes the label where the repository does not have it.
  void put_label(const Due& due) {
    try {
      ctx_.gitea().add_labels(due.repo, due.number, {terms_.label});
    } catch (const timmy::Permanent& failure) {
      if (failure.code() != "not_found") throw;
      ctx_.gitea().create_label(
          due.repo, {.name = terms_.label, .description = "Nothing has happened for long"});
      ctx_.gitea().add_labels(due.repo, due.number, {terms_.label});
    }
  }

  std::optional<Time> updated_at(const Due& due) const {
    return ctx_.gitea().get_issue(due.repo, due.number).updated_at;
  }
  const std::string& me() {
    if (me_.empty()) me_ = ctx_.gitea().whoami().login;
    return me_;
  }

  timmy::Context& ctx_;
  const StaleTerms& terms_;
  Pass pass_;
  std::vector<Due> due_;
  std::string me_;
};

}  // namespace

StaleTerms::StaleTerms(const Json& config)
    : after(span_at(config, "after", "stale")),
      close_after(span_at(config, "close_after", "stale")),
      label(config.at("label").get<std::string>()),
      pulls(config.at("pulls").get<bool>()),
      exempt(Exemptions::from(config.value("exempt", Json::object()))) {}

StaleStep next_step(Time now, Time activity, const std::optional<StaleMark>& mark, bool exempt,
                    const StaleTerms& terms) {
  if (!mark) return !exempt && now >= activity + terms.after ? StaleStep::mark : StaleStep::none;
  if (exempt || activity > mark->silence) return StaleStep::unmark;
  return now >= mark->at + terms.close_after ? StaleStep::close : StaleStep::none;
}

Json close_stale(timmy::Context& ctx, const Names& repos, const StaleTerms& terms) {
  return Closing(ctx, terms).run(repos);
}

}  // namespace triage
