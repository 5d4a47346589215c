// SPDX-License-Identifier: Apache-2.0
#include "dispatch/selection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/glob.hpp"
#include "gitea/types.hpp"

namespace host::dispatch {
namespace {

using Words = std::vector<std::string>;

bool holds(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool names_login(const Words& logins, const std::string& login) {
  return holds(logins, "*") ||
         std::any_of(logins.begin(), logins.end(),
                     [&](const std::string& each) { return same_name(each, login); });
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::string listed(const Words& words) { return fmt::format("{}", fmt::join(words, ", ")); }

// Everything that keeps one playbook from one item.
class Obstacles {
 public:
  Obstacles(const ItemFacts& facts, const OfferedPlaybook& offered)
      : facts_(facts), offered_(offered), matching_(offered.playbook->matching) {}

  Words find() {
    if (!offered_.enabled) say("off in host.yaml");
    if (!facts_.open) say("closed");
    look_at_kind();
    look_at_repository();
    look_at_labels();
    look_at_people();
    if (matching_.title && !RE2::PartialMatch(facts_.title, *matching_.title))
      say("title has no match of " + matching_.title->pattern());
    return std::move(found_);
  }

 private:
  void say(std::string reason) { found_.push_back(std::move(reason)); }

  void look_at_kind() {
    if (facts_.is_pull && !matching_.pulls) say("a pull request, and it takes issues");
    if (!facts_.is_pull && !matching_.issues) say("an issue, and it takes pull requests");
  }

  void look_at_repository() {
    const auto& globs =
        offered_.repositories.empty() ? matching_.repositories : offered_.repositories;
    if (globs.empty()) return say("no repositories given, in host.yaml or the playbook");
    const bool found = std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
      return repository_matches(glob, facts_.repository);
    });
    if (!found) say("repository " + facts_.repository + " is none of " + listed(globs));
  }

  void look_at_labels() {
    for (const auto& label : matching_.all_labels)
      if (!holds(facts_.labels, label)) say("label " + label + " missing");
    const auto carried = [&](const std::string& label) { return holds(facts_.labels, label); };
    const auto& any = matching_.any_label;
    if (!any.empty() && std::none_of(any.begin(), any.end(), carried))
      say((any.size() == 1 ? "label " + any.front() : "one of labels " + listed(any)) + " missing");
    for (const auto& label : matching_.no_label)
      if (carried(label)) say("has label " + label);
  }

  void look_at_people() {
    if (!matching_.authors.empty() && !names_login(matching_.authors, facts_.author))
      say("written by " + facts_.author + ", not by " + listed(matching_.authors));
    for (const auto& login : facts_.assignees)
      if (!same_name(login, facts_.own_login) && !names_login(matching_.assignees, login))
        say("assigned to " + login);
  }

  const ItemFacts& facts_;
  const OfferedPlaybook& offered_;
  const Matching& matching_;
  Words found_;
};

auto rank(const OfferedPlaybook& offered) {
  return std::tie(offered.playbook->priority, offered.playbook->name);
}

// Why nobody could work there.
std::optional<std::string> lane_fault(const Lane* lane, const Playbook& playbook) {
  if (lane == nullptr) return "lane " + playbook.lane + " does not exist";
  const auto fault = agent_fault(laid_over(lane->agent, playbook.agent));
  if (!fault) return std::nullopt;
  return fmt::format("the agent over that of lane {} {}", lane->name, *fault);
}

std::string why_first(const Playbook& first, const Playbook& other) {
  if (first.priority == other.priority)
    return fmt::format("{} comes first, by its name", first.name);
  return fmt::format("{} comes first: priority {} before {}", first.name, first.priority,
                     other.priority);
}

}  // namespace

std::string_view name(PlaybookVerdict::Kind kind) noexcept {
  switch (kind) {
    case PlaybookVerdict::Kind::chosen: return "chosen";
    case PlaybookVerdict::Kind::outranked: return "outranked";
    case PlaybookVerdict::Kind::skipped: return "skipped";
  }
  return "skipped";
}

bool repository_matches(std::string_view glob, std::string_view repository) {
  return glob == "*" ||
         matches_glob(lower(glob), lower(repository), {.question_mark = false, .stops_at = '/'});
}

std::vector<PlaybookVerdict> choose_playbook(const ItemFacts& facts,
                                             const std::vector<OfferedPlaybook>& offered,
                                             const Lanes& lanes) {
  auto ordered = offered;
  std::sort(ordered.begin(), ordered.end(),
            [](const auto& a, const auto& b) { return rank(a) < rank(b); });
  const Lane* claiming = lanes.claiming(facts.labels);
  const Playbook* chosen = nullptr;
  std::vector<PlaybookVerdict> verdicts;
  for (const auto& each : ordered) {
    PlaybookVerdict verdict{.playbook = each.playbook->name,
                            .reasons = Obstacles(facts, each).find()};
    const Lane* lane = claiming ? claiming : lanes.find(each.playbook->lane);
    if (const auto fault = lane_fault(lane, *each.playbook)) verdict.reasons.push_back(*fault);
    if (verdict.reasons.empty()) {
      verdict.lane = lane->name;
      verdict.kind = chosen ? PlaybookVerdict::Kind::outranked : PlaybookVerdict::Kind::chosen;
      verdict.reasons = {chosen     ? why_first(*chosen, *each.playbook)
                         : claiming ? fmt::format("lane {}, by the item's label", verdict.lane)
                                    : fmt::format("lane {}, the playbook's own", verdict.lane)};
      if (chosen == nullptr) chosen = each.playbook;
    }
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

}  // namespace host::dispatch
