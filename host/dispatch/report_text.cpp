// SPDX-License-Identifier: Apache-2.0
//
// The texts of a report, for people at the forge.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/plural.hpp"
#include "base/sha256.hpp"
#include "base/utf8.hpp"
#include "dispatch/report.hpp"
#include "dispatch/report_words.hpp"
#include "dispatch/template_quote.hpp"

namespace host::dispatch {
namespace {

constexpr std::size_t kMostTitle = 255;
// What is quoted of each of others' texts, until the whole fits.
constexpr std::array<std::size_t, 5> kQuoted{kQuotedText, 8192, 4096, 1024, 256};

std::string joined(const std::vector<Label>& labels) {
  std::string text;
  for (const auto& label : labels) text += (text.empty() ? "" : ", ") + label.name;
  return text;
}

std::string lines_of(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& each : words) text += (text.empty() ? "" : "\n") + each;
  return text;
}

std::string cut(std::string text, std::size_t most) {
  if (cut_text(text, most)) text += "...";
  return text;
}

TemplateValues values_of(const Playbook& playbook, const ReportFacts& facts, std::size_t quoted) {
  const auto words = [&](std::string_view text) { return cut(disarmed(text), quoted); };
  return {{"gates.results", results_table(facts.verdict)},
          {"issue.author", words(facts.issue.user)},
          {"issue.body", words(facts.issue.body)},
          {"issue.kind", facts.issue.is_pull ? "pull request" : "issue"},
          {"issue.labels", words(joined(facts.issue.labels))},
          {"issue.number", std::to_string(facts.issue.number)},
          {"issue.title", words(facts.issue.title)},
          // The forge's own, and needed whole.
          {"issue.url", facts.issue.html_url},
          {"lane.name", facts.lane},
          {"playbook.name", playbook.name},
          {"repository.name", facts.repository},
          {"run.attempts", std::to_string(facts.attempts)},
          {"run.commits", words(lines_of(facts.subjects))},
          {"run.id", facts.run},
          {"run.report", words(facts.report)},
          {"run.tokens", std::to_string(facts.tokens)},
          {"workspace.base", facts.base_branch},
          {"workspace.branch", facts.branch}};
}

std::string list_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += "- " + line + "\n";
  return text;
}

std::string caveats(const ReportFacts& facts) {
  std::string text;
  if (!facts.tokens_whole)
    text += " It is so many tokens at most: not every call said how many it used.";
  if (facts.bypassable)
    text += " It could reach models past the host's meter, so what it used there is not known.";
  return text;
}

std::string made_by(const Playbook& playbook, const ReportFacts& facts) {
  return fmt::format("Playbook {}, run {}, {}: {}, {} tokens.", playbook.name, facts.run,
                     facts.agent, plural(static_cast<std::uint64_t>(facts.attempts), "attempt"),
                     facts.tokens) +
         caveats(facts);
}

// What the host adds, whatever the template says.
std::string behind(const Playbook& playbook, const ReportFacts& facts, bool with_gates) {
  std::string text;
  if (with_gates) text += "\nWhat the host has checked:\n\n" + results_table(facts.verdict) + "\n";
  if (!facts.verdict.notes.empty())
    text +=
        "\nTo look at in a review, since no gate decides it:\n\n" + list_of(facts.verdict.notes);
  const auto& body = playbook.report.body;
  const bool told = body.uses("run.id") && body.uses("run.tokens");
  return text + "\n" +
         (told ? fmt::format("Made by {}.{}", facts.agent, caveats(facts))
               : made_by(playbook, facts)) +
         "\n";
}

std::string gates_in_words(const WorkVerdict& verdict) {
  std::size_t passed = 0;
  for (const auto& check : verdict.checks)
    if (check.state == Check::State::passed) ++passed;
  return fmt::format("{} of {} gates passed", passed, verdict.checks.size());
}

std::string rendered(const Playbook& playbook, const ReportFacts& facts) {
  const auto& body = playbook.report.body;
  const auto end =
      behind(playbook, facts,
             !body.uses("gates.results") && playbook.report.kind == ReportKind::pull_request);
  for (const auto quoted : kQuoted) {
    auto text = body.render(values_of(playbook, facts, quoted)) + end;
    if (text.size() <= kMostBody) return text;
  }
  auto text =
      fmt::format("For #{}. The text that the playbook asks for is too long for the forge.\n",
                  facts.issue.number) +
      behind(playbook, facts, true);
  (void)cut_text(text, kMostBody);
  return text;
}

}  // namespace

std::string pull_title(const Playbook& playbook, const ReportFacts& facts) {
  auto title = playbook.report.title.render(values_of(playbook, facts, kQuotedText));
  std::replace(title.begin(), title.end(), '\n', ' ');
  return cut(std::move(title), kMostTitle - 3);
}

std::string pull_body(const Playbook& playbook, const ReportFacts& facts) {
  return rendered(playbook, facts);
}

std::string report_comment(const Playbook& playbook, const ReportFacts& facts) {
  return rendered(playbook, facts);
}

std::string pull_comment(const Playbook& playbook, const ReportFacts& facts, std::int64_t pull) {
  return fmt::format("Pull request #{} has work on this issue: {}. {}\n\n{}\n", pull,
                     gates_in_words(facts.verdict),
                     playbook.report.merge ? "It is merged once somebody who may has approved it."
                                           : "It waits for a person to review and merge it.",
                     made_by(playbook, facts));
}

std::string failure_comment(const Playbook& playbook, const ReportFacts& facts,
                            const std::string& reason, const std::string& kept) {
  auto text = fmt::format("No pull request came of the work on this issue: {}.\n", reason);
  if (!facts.verdict.checks.empty())
    text += "\nWhat the host has checked:\n\n" + results_table(facts.verdict) + "\n";
  if (const auto found = feedback(facts.verdict); !found.empty())
    text += "\nWhat it found, with the words of the work and its programs:\n" +
            quote_text(disarmed(found), TemplatePlace::body) + "\n";
  if (!kept.empty()) text += "\nThe work is kept: " + kept + "\n";
  return text + "\n" + made_by(playbook, facts) + "\n";
}

std::string comment_key(const Playbook& playbook, const std::string& repository,
                        std::int64_t number) {
  const auto of = fmt::format("{}\n{}\n{}", playbook.name, repository, number);
  return "dispatch/" + sha256_hex(of).substr(0, 32);
}

}  // namespace host::dispatch
