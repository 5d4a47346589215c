// SPDX-License-Identifier: Apache-2.0
#include "stale.hpp"

#include <algorithm>
#include <iterator>

#include "departed.hpp"
#include "home.hpp"
#include "memory.hpp"
#include "pass.hpp"
#include "repos.hpp"
#include "span.hpp"
#include "speaker.hpp"
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
  issue.raw = {{"is_pull", true}};
  return issue;
}

bool is_pull(const timmy::Issue& issue) { return issue.raw.value("is_pull", false); }

class Closing {
 public:
  Closing(timmy::Context& ctx, const StaleTerms& terms, CapWatch watch)
      : ctx_(ctx),
        terms_(terms),
        homes_(ctx.gitea(), ctx.state()),
        pass_(ctx, kTask, std::move(watch)),
        speaker_(ctx) {}

  Json run(const Names& names) {
    const auto holds = repos_of(ctx_.gitea(), names);
    Names repos;
    for (const auto& [repo, what] : holds)
      if (what.issues || what.pulls) repos.push_back(repo);
    pass_.over(repos, [&](const std::string& repo) { look_for(repo, holds.at(repo)); });
    pass_.each(std::move(due_), [&](const Due& due) { look_again(due); });
    forget_departed(ctx_.state(), names, ctx_.now());
    return pass_.result();
  }

 private:
  // Only by what the lists say; what is due is looked at again.
  void look_for(const std::string& repo, Has what) {
    const auto home = homes_.now(repo, 0);
    auto known = remembered(ctx_.state(), kTask, home);
    const bool exempt = terms_.exempt.cover_repo(repo);
    if (exempt && !any_marked(home, known, false))
      return forget_all_but(ctx_.state(), kTask, home, {}, ctx_.now());
    auto all = what.issues ? ctx_.gitea().list_issues(repo, {.body_limit = 0})
                           : std::vector<timmy::Issue>();
    for (const auto& issue : all) known.erase(issue.number);
    // Also where the rule no longer holds, as long as there may be a mark of ours to take off.
    if (what.pulls && ((terms_.pulls && !exempt) || any_marked(home, known, true)))
      for (const auto& pull : ctx_.gitea().list_prs(repo, {.body_limit = 0}))
        all.push_back(as_issue(pull));
    std::set<std::int64_t> open;
    for (const auto& issue : all) {
      open.insert(issue.number);
      const Memory memory(ctx_.state(), kTask, home, issue.number);
      const auto activity = memory.activity(issue.updated_at);
      const auto step = activity ? step_of(repo, issue, *activity, memory) : StaleStep::none;
      // Who answered is not kept waiting by those who are silent.
      if (step != StaleStep::none)
        due_.push_back({repo, issue.number, *activity, step == StaleStep::unmark, home});
    }
    pass_.read(all.size());
    forget_all_but(ctx_.state(), kTask, home, open, ctx_.now());
  }

  [[nodiscard]] bool any_marked(const std::string& home, const std::set<std::int64_t>& numbers,
                                bool pulls) const {
    return std::any_of(numbers.begin(), numbers.end(), [&](std::int64_t number) {
      const Memory memory(ctx_.state(), kTask, home, number);
      return mark_in(memory) && (!pulls || memory.own().value("pull", false));
    });
  }

  [[nodiscard]] StaleStep step_of(const std::string& repo, const timmy::Issue& issue, Time activity,
                                  const Memory& memory) const {
    const bool exempt = terms_.exempt.cover_repo(repo) || (is_pull(issue) && !terms_.pulls) ||
                        terms_.exempt.cover(issue);
    return next_step(ctx_.now(), activity, mark_in(memory), exempt, terms_);
  }

  void look_again(const Due& due) {
    const auto issue = ctx_.gitea().get_issue(due.repo, due.number);
    if (issue.state != "open") return;
    Memory memory(ctx_.state(), kTask, due.home, due.number);
    const auto comments = ctx_.gitea().list_comments(due.repo, due.number);
    const auto activity = memory.activity(issue, comments, speaker_.me());
    if (!activity) return;
    const auto step = step_of(due.repo, issue, *activity, memory);
    if (step == StaleStep::none) return;
    memory.about_to_write(issue.updated_at, *activity);
    if (step == StaleStep::mark) return mark(due, issue, *activity, memory);
    if (step == StaleStep::close) return close(due, memory);
    unmark(due, issue, memory);
  }

  void mark(const Due& due, const timmy::Issue& issue, Time silence, Memory& memory) {
    const std::string body = "Nothing has happened here since " + minute_text(silence) +
                             ". It is marked as " + quoted(terms_.label) +
                             ", and closed if nothing happens until " +
                             minute_text(ctx_.now() + terms_.close_after) +
                             ". A comment or any other change keeps it open.";
    const bool sent = say(due, body, "stale-mark/" + timmy::format_time(silence), memory);
    // Then the next run takes it off again.
    if (sent) (void)memory.somebody_acted(speaker_.updated_at(due));
    put_label(due);
    if (!sent) return pass_.did("rehearsed", due.name());
    memory.set("marked", ctx_.now());
    memory.set("silence", silence);
    memory.set("label", Json(terms_.label));
    if (is_pull(issue)) memory.set("pull", true);
    memory.wrote(speaker_.updated_at(due));
    pass_.did("marked", due.name());
    ctx_.log.info(due.name(), ": marked as ", terms_.label, ", silent since ",
                  timmy::format_time(silence));
  }

  // First said, in words that are true though the forge refuses then, or this run ends. The text is
  // the same if this is done again: it hangs on what was noted alone.
  void close(const Due& due, Memory& memory) {
    const auto mark = *mark_in(memory);
    const auto name = "stale-close/" + timmy::format_time(mark.silence);
    const std::string body =
        "To be closed now: nothing has happened here since " + minute_text(mark.silence) +
        ", nor after the mark of " + minute_text(mark.at) +
        ". If it still matters, open it again: that gives it a whole new period.";
    const bool sent = say(due, body, name, memory);
    if (sent && memory.somebody_acted(speaker_.updated_at(due))) {  // and unmarked by the next run
      (void)speaker_.say(due, "Not closed: somebody did something here just when it was to be.",
                         name, memory);
      return pass_.did("spared", due.name());
    }
    const auto now = ctx_.gitea().set_issue_state(due.repo, due.number, false);
    if (!sent) return pass_.did("rehearsed", due.name());
    memory.set("closed", ctx_.now());
    memory.wrote(now.updated_at);
    pass_.did("closed", due.name());
    ctx_.log.info(due.name(), ": closed as ", terms_.label);
  }

  // Somebody answered, opened it again, took the label off, or made it exempt.
  void unmark(const Due& due, const timmy::Issue& issue, Memory& memory) {
    // What the config called the mark then.
    const auto label = memory.own().value("label", terms_.label);
    auto now = issue;
    if (contains(issue.labels, label)) {
      ctx_.gitea().remove_label(due.repo, due.number, label);
      now = ctx_.gitea().get_issue(due.repo, due.number);
      // A dry run: the mark stands.
      if (contains(now.labels, label)) return pass_.did("rehearsed", due.name());
      pass_.wrote();
    }
    for (const char* what : {"marked", "silence", "label", "pull", "closed"})
      memory.set(what, nullptr);
    memory.wrote(now.updated_at);
    pass_.did("unmarked", due.name());
    ctx_.log.info(due.name(), ": no longer ", label);
  }

  bool say(const Due& due, const std::string& body, const std::string& name, Memory& memory) {
    const bool sent = speaker_.say(due, body, name, memory);
    if (sent) pass_.wrote();
    return sent;
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

  timmy::Context& ctx_;
  const StaleTerms& terms_;
  Homes homes_;
  Pass pass_;
  Speaker speaker_;
  std::vector<Due> due_;
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

Json close_stale(timmy::Context& ctx, const Names& repos, const StaleTerms& terms, CapWatch watch) {
  return Closing(ctx, terms, std::move(watch)).run(repos);
}

}  // namespace triage
