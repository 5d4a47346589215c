// SPDX-License-Identifier: Apache-2.0
#include "alert.hpp"

#include <algorithm>

namespace deadman {
namespace {

using timmy::Json;

constexpr std::string_view kIssue = "issue/";

// As code, so that the forge makes neither a mention nor a reference of it.
std::string code(std::string text) {
  for (char& byte : text) {
    if (byte == '`') byte = '\'';
    if (byte == '|') byte = '/';
    if (byte == '\n' || byte == '\r') byte = ' ';
  }
  return "`" + text + "`";
}

// Nobody can tell whether it lives.
bool is_dark(const timmy::Watch& watch) {
  return watch.state == "unwatchable" || watch.state == "unlooked";
}

// Another one whenever the issue has something else to say.
std::string edition(const timmy::Watch& watch) {
  const auto last = watch.history.empty() ? 0 : watch.history.back().number;
  return watch.state_id + "/" + std::to_string(last) + (watch.active ? "/active" : "") +
         (watch.handed_off ? "/handed_off" : "") + (is_dark(watch) ? "/" + watch.state : "") +
         (watch.untold_since.empty() ? "" : "/untold");
}

std::string title(const timmy::Watch& watch, const std::string& host) {
  const auto about = watch.name + " on " + host;
  if (watch.handed_off) return "Deadman: hands off " + about + ", a person is needed";
  if (watch.active) return "Deadman: " + about + " gives no sign of life";
  if (watch.state == "unlooked") return "Deadman: nobody looks at " + about + " any more";
  if (is_dark(watch)) return "Deadman: " + about + " can't be watched";
  return "Deadman: nobody could be told about " + about;
}

std::string what_happened(const timmy::Watch& watch) {
  if (watch.history.empty()) return {};
  std::string text = "### What happened\n\n| at | event | |\n|---|---|---|\n";
  for (const auto& each : watch.history)
    text += "| " + each.at + " | " + each.event + " | " + code(each.text) + " |\n";
  return text + "\n";
}

std::string what_to_do(const timmy::Watch& watch, bool dry_run) {
  const auto clear = "`timmy-host deadman clear " + watch.name + (dry_run ? " --dry-run`" : "`");
  std::string text = "### What to do\n\n";
  if (watch.handed_off)
    text += "Nothing more is restarted. Look after it, then: " + clear + "\n";
  else if (watch.active && watch.restarts && watch.withheld.empty())
    text += "It is restarted at most " + std::to_string(watch.max_retries) +
            " times. This issue is closed when it has given signs of life for long enough.\n";
  else if (watch.active)
    text +=
        "Nobody restarts it. Look after it; its flag goes down when it has given signs of life "
        "for long enough, or with: " +
        clear + "\n";
  if (!watch.withheld.empty()) text += "\n" + code(watch.withheld) + "\n";
  return text +
         "\nClosing this issue clears nothing. `timmy-host deadman status` shows how it stands.\n";
}

std::string body(const timmy::Watch& watch, const std::string& host, bool dry_run) {
  std::string text = code(watch.name) + " on " + code(host) + ", watched by " +
                     code(watch.watched) + ": " +
                     (watch.active ? "`deadman_active`" : "its flag is down") + ", " +
                     std::to_string(watch.tries) + " of " + std::to_string(watch.max_retries) +
                     " restarts, " + (watch.handed_off ? "hands off" : "hands on") + ".\n\n";
  if (!watch.text.empty()) text += code(watch.text) + "\n\n";
  return text + what_happened(watch) + what_to_do(watch, dry_run);
}

std::string key_of(const std::string& watch) { return std::string(kIssue) + watch; }

}  // namespace

bool needs_a_person(const timmy::Watch& watch) {
  return watch.active || watch.handed_off || is_dark(watch) || !watch.untold_since.empty();
}

void Alerts::bring_up_to_date(const timmy::Context& ctx, const timmy::Watch& watch) const {
  if (needs_a_person(watch)) return keep(ctx, watch);
  const auto last = watch.history.empty() ? "" : watch.history.back().text;
  close(ctx, watch.name, watch.name + " is well again" + (last.empty() ? "" : ": " + code(last)));
}

void Alerts::close_others(const timmy::Context& ctx,
                          const std::vector<timmy::Watch>& watches) const {
  for (const auto& key : ctx.state().list(std::string(kIssue))) {
    const auto name = key.substr(kIssue.size());
    const bool known = std::any_of(watches.begin(), watches.end(),
                                   [&](const auto& watch) { return watch.name == name; });
    if (!known) close(ctx, name, name + " is not watched any more");
  }
}

void Alerts::keep(const timmy::Context& ctx, const timmy::Watch& watch) const {
  if (repo_.empty()) return;
  const Json told = ctx.state().get(key_of(watch.name)).value_or(Json::object());
  const auto now = edition(watch);
  if (told.value("edition", "") == now && told.value("repo", "") == repo_) return;
  const auto issue =
      ctx.gitea().keep_issue(repo_, title(watch, host_), body(watch, host_, dry_run_),
                             "deadman/" + host_ + "/" + watch.name);
  ctx.state().put_now(key_of(watch.name),
                      {{"repo", repo_}, {"number", issue.number}, {"edition", now}});
}

void Alerts::close(const timmy::Context& ctx, const std::string& watch,
                   const std::string& why) const {
  const auto told = ctx.state().get(key_of(watch));
  if (!told) return;
  const std::string repo = told->value("repo", "");
  const auto number = told->value("number", std::int64_t{0});
  try {
    if (number > 0) {  // else it was made in a dry run
      ctx.gitea().keep_comment(repo, number, why + ".", "deadman/end");
      ctx.gitea().set_issue_state(repo, number, false);
    }
  } catch (const timmy::Permanent& failure) {
    if (failure.code() != "not_found") throw;
    ctx.log.warn("the issue about ", watch, " is gone: ", failure.what());
  }
  ctx.state().put_now(key_of(watch), nullptr);
}

}  // namespace deadman
