// SPDX-License-Identifier: Apache-2.0
#include "dispatch/forge_reporter.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "dispatch/dispatcher_reconcile.hpp"
#include "dispatch/item_account.hpp"
#include "dispatch/quality_gate.hpp"
#include "dispatch/report.hpp"
#include "dispatch/report_facts.hpp"
#include "dispatch/report_words.hpp"

namespace host::dispatch {
namespace {

constexpr std::size_t kMostSubjects = 200;

// Of the agent's commits, oldest first. Blocks.
std::vector<std::string> subjects_of(const ReportWorld& world, const Item& item) {
  const auto mirror = world.git.mirror_of(item);
  auto command = mirror.command(
      {"log", "--reverse", "--format=%s", fmt::format("--max-count={}", kMostSubjects),
       commit_named(item.base).text() + ".." + commit_named(item.head).text()});
  const auto text = mirror.git().must(command, "reading the commits of " + item.subject());
  std::vector<std::string> subjects;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    subjects.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return subjects;
}

Publication made_of(const ReportOrder& order, const QualityLook& look,
                    const std::vector<std::string>& notes) {
  const bool merges = order.work.playbook->report.merge;
  Publication made{
      .pull = look.pull.number, .url = look.pull.html_url, .finished = true, .reason = {}};
  made.reason = fmt::format("pull request {}{}", look.pull.number, look.merged ? ", merged" : "");
  using State = QualityVerdict::State;
  // One that nobody will merge any more, or that the host may not, is left to people.
  made.finished =
      !merges || look.merged || look.pull.state != "open" || look.verdict.state == State::refused;
  made.open = !look.merged && look.pull.state == "open";
  made.unmarked = !made.finished && !look.verdict.signed_off.empty();
  if (!look.merged && merges && !look.verdict.reasons.empty())
    made.reason += fmt::format(": {}", fmt::join(look.verdict.reasons, "; "));
  if (!notes.empty()) made.reason += fmt::format("; {}", fmt::join(notes, "; "));
  return made;
}

void look(const std::shared_ptr<const ReportWorld>& world, const ReportOrder& order,
          const ItemAccount& account, std::int64_t pull, const std::vector<std::string>& notes,
          const Reply<Publication>& reply) {
  const auto& item = order.work.item;
  SealedWork sealed{.repository = item.repository,
                    .pull = pull,
                    .head = item.sealed,
                    .base = item.base_branch,
                    .passed = order.verdict.passed(),
                    .models = account.models,
                    .bypassable = order.facts.evidence.value("bypassable", false)};
  const auto routes = world->routes();
  run_quality_gate(world->gitea, *order.work.playbook, routes->banned, std::move(sealed),
                   [world, routes, order, notes, reply](Result<QualityLook> seen) {
                     if (!seen.ok()) return reply(seen.error());
                     reply(made_of(order, seen.value(), notes));
                   });
}

void post(const std::shared_ptr<const ReportWorld>& world, const ReportOrder& order,
          const ItemAccount& account, ReportFacts facts, const Reply<Publication>& reply) {
  post_report(world->gitea, *order.work.playbook, std::move(facts),
              [world, order, account, reply](Result<Posted> posted) {
                if (!posted.ok()) return reply(posted.error());
                const auto& [pull, comment, notes] = posted.value();
                if (pull) return look(world, order, account, pull->number, notes, reply);
                Publication made{
                    .pull = 0, .url = comment.html_url, .finished = true, .reason = "commented"};
                if (!notes.empty()) made.reason += fmt::format("; {}", fmt::join(notes, "; "));
                reply(std::move(made));
              });
}

// A repository that has the name of the item's by now is to hear nothing of it.
void if_ours(Gitea& gitea, const Item& item, std::int64_t number,
             std::function<void(Status)> then) {
  gitea.get_issue(
      parse_repo_name(item.repository), number,
      [item, then = std::move(then)](Result<Issue> issue) {
        if (!issue.ok()) return then(issue.error());
        if (is_foreign(item, issue.value()))
          return then(Error(Code::conflict, item.repository + " is another repository now"));
        then(Done{});
      });
}

void with_account(const std::shared_ptr<const ReportWorld>& world, const ReportOrder& order,
                  const Reply<Publication>& reply, std::function<void(const ItemAccount&)> then) {
  world->store.run([item = order.work.item](Unit& unit) { return account_of_item(unit, item); },
                   [reply, then = std::move(then)](Result<ItemAccount> account) {
                     if (!account.ok()) return reply(account.error());
                     then(account.value());
                   });
}

}  // namespace

void ForgeReporter::publish(ReportOrder order, Reply<Publication> reply) {
  const auto& item = order.work.item;
  // What stands there is people's to edit from now on.
  if (item.pull != 0)
    return if_ours(world_->gitea, item, item.pull, [world = world_, order, reply](Status ours) {
      if (!ours.ok()) return reply(ours.error());
      with_account(world, order, reply, [=](const ItemAccount& account) {
        look(world, order, account, order.work.item.pull, {}, reply);
      });
    });
  with_account(world_, order, reply, [world = world_, order, reply](const ItemAccount& account) {
    auto facts = report_facts(order, account);
    if (order.work.playbook->report.kind == ReportKind::comment)
      return post(world, order, account, std::move(facts), reply);
    world->blocking.run(
        [world, item = order.work.item] { return subjects_of(*world, item); },
        [world, order, facts, account, reply](Result<std::vector<std::string>> subjects) mutable {
          if (!subjects.ok()) return reply(subjects.error());
          facts.subjects = std::move(subjects).value();
          post(world, order, account, std::move(facts), reply);
        });
  });
}

void ForgeReporter::tell(Item item, std::string text, Reply<Done> reply) {
  Playbook playbook;
  playbook.name = item.playbook;
  auto key = comment_key(playbook, item.repository, item.number);
  if_ours(world_->gitea, item, item.number,
          [world = world_, item, text = disarmed(text), key = std::move(key), reply](Status ours) {
            if (!ours.ok()) return reply(ours.error());
            world->gitea.keep_comment(parse_repo_name(item.repository), item.number, text, key,
                                      [reply](Result<Comment> comment) {
                                        if (!comment.ok()) return reply(comment.error());
                                        reply(Done{});
                                      });
          });
}

}  // namespace host::dispatch
