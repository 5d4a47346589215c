// SPDX-License-Identifier: Apache-2.0
#include "orphans.hpp"

#include <algorithm>
#include <cctype>

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

constexpr const char* kTask = "orphans";

std::optional<OrphanWarning> warning_in(const Memory& memory) {
  const auto at = memory.time("warned"), silence = memory.time("silence");
  if (!at || !silence) return std::nullopt;
  return OrphanWarning{*at, *silence, memory.own().value("reset", false)};
}

std::string mention(const Names& logins) {
  std::string text;
  for (const auto& login : logins) text += (text.empty() ? "@" : ", @") + login;
  return text;
}

bool is_candidate(const timmy::Issue& issue, const OrphanTerms& terms) {
  return issue.state == "open" && !issue.assignees.empty() && !terms.exempt.cover(issue);
}

class Cleanup {
 public:
  Cleanup(timmy::Context& ctx, const OrphanTerms& terms, CapWatch watch)
      : ctx_(ctx),
        terms_(terms),
        homes_(ctx.gitea(), ctx.state()),
        pass_(ctx, kTask, std::move(watch)),
        speaker_(ctx) {}

  Json run(const Names& names) {
    pass_.over(repos_with(ctx_.gitea(), names, &Has::issues), [&](const std::string& repo) {
      if (!terms_.exempt.cover_repo(repo)) look_for(repo);
    });
    pass_.each(std::move(due_), [&](const Due& due) { look_again(due); });
    forget_departed(ctx_.state(), names, ctx_.now());
    return pass_.result();
  }

 private:
  // Only by what the list says; who is due is looked at again.
  void look_for(const std::string& repo) {
    const auto home = homes_.now(repo, 0);
    std::set<std::int64_t> open;
    const auto issues = ctx_.gitea().list_issues(repo, {.body_limit = 0});
    for (const auto& issue : issues) {
      open.insert(issue.number);
      if (!is_candidate(issue, terms_)) continue;
      const Memory memory(ctx_.state(), kTask, home, issue.number);
      const auto activity = memory.activity(issue.updated_at);
      if (activity &&
          next_step(ctx_.now(), *activity, warning_in(memory), terms_) != OrphanStep::none)
        due_.push_back({repo, issue.number, *activity, false, home});
    }
    pass_.read(issues.size());
    forget_all_but(ctx_.state(), kTask, home, open, ctx_.now());
  }

  void look_again(const Due& due) {
    const auto issue = ctx_.gitea().get_issue(due.repo, due.number);
    if (!is_candidate(issue, terms_)) return;
    Memory memory(ctx_.state(), kTask, due.home, due.number);
    const auto comments = ctx_.gitea().list_comments(due.repo, due.number);
    const auto on_issue = memory.activity(issue, comments, speaker_.me());
    if (!on_issue) return;
    const auto activity = std::max(*on_issue, on_pulls(due));
    switch (next_step(ctx_.now(), activity, warning_in(memory), terms_)) {
      case OrphanStep::none: return;
      case OrphanStep::warn:
        memory.about_to_write(issue.updated_at, *on_issue);
        return warn(due, issue, activity, memory);
      case OrphanStep::reset:
        memory.about_to_write(issue.updated_at, *on_issue);
        return reset(due, issue, memory);
    }
  }

  void warn(const Due& due, const timmy::Issue& issue, Time silence, Memory& memory) {
    const auto until = ctx_.now() + terms_.reset_after;
    const std::string body =
        mention(issue.assignees) + ": this is assigned, and nothing has " + "happened here since " +
        minute_text(silence) + ". If nothing does, " + what_follows(issue) + " at " +
        minute_text(until) +
        " or soon after. A comment or any other change here keeps it as it is.";
    // Noted with the comment.
    memory.set("warned", ctx_.now());
    memory.set("silence", silence);
    memory.set("reset", nullptr);
    if (!speaker_.say(due, body, "orphan-warning/" + timmy::format_time(silence), memory))
      return pass_.did("rehearsed", due.name());
    pass_.wrote();
    pass_.did("warned", due.name());
    ctx_.log.info(due.name(), ": warned, silent since ", timmy::format_time(silence));
  }

  // First said, in words that are true though the forge refuses then, or this run ends. The text is
  // the same if this is done again: it hangs on what was noted alone.
  void reset(const Due& due, const timmy::Issue& issue, Memory& memory) {
    const auto warning = *warning_in(memory);
    const auto name = "orphan-reset/" + timmy::format_time(warning.silence);
    const std::string body = "Nothing has happened here since " + minute_text(warning.silence) +
                             ", nor after the warning of " + minute_text(warning.at) + ": " +
                             what_is_to_be_done() + ".";
    const bool sent = speaker_.say(due, body, name, memory);
    if (sent) pass_.wrote();
    for (const auto& label : terms_.remove_labels) {
      if (!contains(issue.labels, label)) continue;
      if (sent && memory.somebody_acted(speaker_.updated_at(due))) return spare(due, name, memory);
      ctx_.gitea().remove_label(due.repo, due.number, label);
      if (sent) memory.wrote(speaker_.updated_at(due));
    }
    // Last, since what nobody is assigned to is not looked at again, should this run end here.
    if (terms_.unassign) {
      if (sent && memory.somebody_acted(speaker_.updated_at(due))) return spare(due, name, memory);
      const auto now = ctx_.gitea().remove_assignees(due.repo, due.number, issue.assignees);
      if (sent) memory.wrote(now.updated_at);
    }
    if (!sent) return pass_.did("rehearsed", due.name());
    memory.set("reset", true);
    memory.keep();
    pass_.did("reset", due.name());
    ctx_.log.info(due.name(), ": reset, was assigned to ", mention(issue.assignees));
  }

  [[nodiscard]] std::string what_follows(const timmy::Issue& issue) const {
    if (terms_.unassign)
      return std::string(issue.assignees.size() == 1 ? "its assignee is" : "its assignees are") +
             " taken off, so that somebody else can take it up,";
    return "it is marked as free again";
  }
  [[nodiscard]] std::string what_is_to_be_done() const {
    Names off = terms_.remove_labels;
    for (auto& label : off) label = triage::quoted(label);
    if (terms_.unassign) off.insert(off.begin(), "its assignees");
    if (off.empty()) return "it is free for somebody else";
    std::string text = off.front();
    for (std::size_t i = 1; i < off.size(); ++i)
      text += (i + 1 == off.size() ? " and " : ", ") + off[i];
    const bool one = off.size() == 1 && !terms_.unassign;
    return text + (one ? " is" : " are") + " to come off, so that somebody else can take it up";
  }

  // Somebody did something since that was said.
  void spare(const Due& due, const std::string& name, Memory& memory) {
    (void)speaker_.say(due, "Not reset: somebody did something here just when it was to be.", name,
                       memory);
    pass_.did("spared", due.name());
  }

  // The newest activity on open pull requests that speak of it.
  Time on_pulls(const Due& due) {
    auto [known, unknown] = pulls_.try_emplace(due.repo);
    if (unknown) known->second = open_prs(ctx_.gitea(), due.repo);
    Time newest = Time::min();
    for (auto& pull : known->second) {
      if (pull.body_cut && !mentions(pull.title, due.number))
        pull = ctx_.gitea().get_pr(due.repo, pull.number);
      if (!mentions(pull.title, due.number) && !mentions(pull.body, due.number)) continue;
      const Memory memory(ctx_.state(), kTask, due.home, pull.number);
      // Whose the last update was is not asked here: where it isn't known it counts as theirs.
      const auto activity = memory.in_doubt() ? pull.updated_at : memory.activity(pull.updated_at);
      newest = std::max(newest, activity.value_or(Time::min()));
    }
    return newest;
  }

  timmy::Context& ctx_;
  const OrphanTerms& terms_;
  Homes homes_;
  Pass pass_;
  Speaker speaker_;
  std::vector<Due> due_;
  std::map<std::string, std::vector<timmy::PullRequest>> pulls_;
};

}  // namespace

OrphanTerms::OrphanTerms(const Json& config)
    : warn_after(span_at(config, "warn_after", "orphans")),
      reset_after(span_at(config, "reset_after", "orphans")),
      unassign(config.at("unassign").get<bool>()),
      remove_labels(config.value("remove_labels", Names())),
      exempt(Exemptions::from(config.value("exempt", Json::object()))) {}

OrphanStep next_step(Time now, Time activity, const std::optional<OrphanWarning>& warning,
                     const OrphanTerms& terms) {
  if (warning && activity <= warning->silence) {
    if (warning->reset) return OrphanStep::none;
    return now >= warning->at + terms.reset_after ? OrphanStep::reset : OrphanStep::none;
  }
  return now >= activity + terms.warn_after ? OrphanStep::warn : OrphanStep::none;
}

bool mentions(const std::string& text, std::int64_t number) {
  const auto wanted = "#" + std::to_string(number);
  const auto is_part = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; };
  for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) {
    const auto end = at + wanted.size();
    const bool begins = at == 0 || (!is_part(static_cast<unsigned char>(text[at - 1])) &&
                                    text[at - 1] != '/' && text[at - 1] != '.');
    const bool ends = end == text.size() || !is_part(static_cast<unsigned char>(text[end]));
    if (begins && ends) return true;
  }
  return false;
}

Json clean_up_orphans(timmy::Context& ctx, const Names& repos, const OrphanTerms& terms,
                      CapWatch watch) {
  return Cleanup(ctx, terms, std::move(watch)).run(repos);
}

}  // namespace triage
