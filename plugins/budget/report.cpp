// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include <algorithm>
#include <cmath>

#include "figures.hpp"
#include "forecast.hpp"

namespace budget {
namespace {

constexpr std::size_t kRows = 20;  // of a table
constexpr int kIssueDays = 8;
constexpr const char* kCut =
    "\nMore was used than is looked at: some are missing here, or too small.\n";
constexpr const char* kTitle = "Token report";

// As code, so that the forge makes neither a mention nor a reference of it.
std::string code(std::string name) {
  std::replace(name.begin(), name.end(), '`', '\'');
  std::replace(name.begin(), name.end(), '|', '/');
  std::replace(name.begin(), name.end(), '\n', ' ');
  return "`" + (name.empty() ? "(none)" : name) + "`";
}

std::string more(std::size_t count) {
  return count > kRows ? "\nand " + std::to_string(count - kRows) + " more.\n" : "\n";
}

std::string caps(const std::vector<timmy::TokenStanding>& all, timmy::Time now) {
  std::vector<timmy::TokenStanding> told;
  for (const auto& each : all)
    if (each.tokens && each.dimension != "run") told.push_back(each);
  if (told.empty()) return "No cap on tokens.\n";
  std::stable_sort(told.begin(), told.end(),
                   [](const auto& a, const auto& b) { return a.taken > b.taken; });
  std::string text = "| cap on | used | of | at this rate |\n|---|--:|--:|---|\n";
  for (std::size_t i = 0; i < std::min(told.size(), kRows); ++i) {
    const auto& each = told[i];
    text += "| " + code(each.about) + " | " + grouped(each.tokens->settled) + " | " +
            grouped(each.tokens->cap) + " | " + forecast(each, now) + " |\n";
  }
  return text + more(told.size());
}

std::string paused(const std::vector<timmy::TokenPause>& pauses) {
  std::string text;
  for (const auto& pause : pauses)
    text += "- " + code(pause.pipeline) + " pauses until " + pause.until + ": " +
            code(pause.cause) + "\n";
  return text.empty() ? "" : text + "\n";
}

std::string dollars(double amount) {
  return "$" + grouped(static_cast<std::int64_t>(amount)) + "." +
         std::to_string(100 + std::lround((amount - std::floor(amount)) * 100) % 100).substr(1);
}

std::string table(const timmy::Context& ctx, const std::string& dimension) {
  const auto [all, cut] = figures_by(ctx, dimension);
  if (all.empty()) return "Nothing in the last 9 days.\n\n";
  std::string text = "| " + dimension +
                     " | today | yesterday | a day in the 7 before | trend | cost yesterday |\n"
                     "|---|--:|--:|--:|--:|--:|\n";
  for (std::size_t i = 0; i < std::min(all.size(), kRows); ++i) {
    const auto& each = all[i];
    text += "| " + (dimension == "day" ? "all" : code(each.name)) + " | " + grouped(each.today) +
            " | " + grouped(each.yesterday) + " | " + grouped(each.week / 7) + " | " +
            trend_text(each) + " | " +
            (each.cost_yesterday > 0 ? dollars(each.cost_yesterday) : "") + " |\n";
  }
  return text + more(all.size()) + (cut ? kCut : "");
}

std::string issues(const timmy::Context& ctx) {
  const auto [all, cut] = ctx.tokens().totals("issue", kIssueDays);
  if (all.empty()) return "None in the last 8 days.\n";
  std::string text = "| issue | tokens, all in all | calls |\n|---|--:|--:|\n";
  for (std::size_t i = 0; i < std::min(all.size(), kRows); ++i)
    text += "| " + code(all[i].name) + " | " + grouped(all[i].usage.total()) + " | " +
            grouped(all[i].calls) + " |\n";
  return text + more(all.size()) + (cut ? kCut : "");
}

}  // namespace

std::string report_text(const timmy::Context& ctx) {
  const auto all = ctx.tokens().standings();
  return "Tokens up to " + timmy::format_time(ctx.now()).substr(0, 16) + "Z of the day " + all.day +
         ". This host writes it anew once a day.\n\n" + paused(all.pauses) + "### Caps\n\n" +
         caps(all.standings, ctx.now()) + "\n### In all\n\n" + table(ctx, "day") +
         "### By pipeline\n\n" + table(ctx, "pipeline") + "### By model\n\n" + table(ctx, "model") +
         "### By issue\n\n" + issues(ctx);
}

timmy::Json write_reports(const timmy::Context& ctx, const std::vector<std::string>& repos) {
  const auto text = report_text(ctx);
  timmy::Json written = timmy::Json::array();
  std::string problems;
  bool may_pass = false;
  for (const auto& repo : repos) {
    try {
      const auto issue = ctx.gitea().keep_issue(repo, kTitle, text, "token_report");
      written.push_back({{"repo", repo}, {"number", issue.number}});
    } catch (const timmy::Cancelled&) {
      throw;
    } catch (const timmy::Failure& failure) {
      problems += (problems.empty() ? "" : "; ") + repo + ": " + failure.what();
      may_pass = may_pass || failure.status() == TIMMY_RETRYABLE;
    }
  }
  if (problems.empty()) return {{"issues", written}};
  if (may_pass) throw timmy::Retryable("incomplete", problems);
  throw timmy::Permanent("incomplete", problems);
}

}  // namespace budget
