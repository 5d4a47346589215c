// SPDX-License-Identifier: Apache-2.0
#include "tokens/refusal.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace host {
namespace {

std::string amount(Measure measure, std::int64_t number) {
  if (measure == Measure::cost) return to_text(Cost(number));
  return fmt::format("{} {}", number, measure == Measure::tokens ? "tokens" : "runs");
}

std::int64_t whole(const Cap& cap, Measure measure) {
  switch (measure) {
    case Measure::tokens: return cap.tokens.value_or(kMostTokens).count();
    case Measure::runs: return cap.runs.value_or(0);
    case Measure::cost: return cap.cost.value_or(kMostCost).nano_dollars();
  }
  return 0;
}

std::int64_t settled(const Account& account, Measure measure) {
  switch (measure) {
    case Measure::tokens: return account.settled.count();
    case Measure::runs: return account.runs;
    case Measure::cost: return account.cost_settled.nano_dollars();
  }
  return 0;
}

bool is_capped(const Cap& cap, Measure measure) {
  return measure == Measure::tokens ? cap.tokens.has_value()
         : measure == Measure::runs ? cap.runs.has_value()
                                    : cap.cost.has_value();
}

// How long it stands in the way.
enum class Stands { while_held, until_reset, for_good };

Stands stands(const Shortage& shortage) {
  if (is_only_held(shortage)) return Stands::while_held;
  const bool waits = shortage.cap.when != WhenReached::refuse && helps_to_wait(shortage);
  return waits ? Stands::until_reset : Stands::for_good;
}

const Shortage& worst_of(const std::vector<Shortage>& shortages) {
  auto worst = std::max_element(
      shortages.begin(), shortages.end(),
      [](const Shortage& one, const Shortage& other) { return stands(one) < stands(other); });
  for (auto other = worst; other != shortages.end(); ++other)
    if (stands(*other) == stands(*worst) && other->measure == worst->measure &&
        other->left < worst->left)
      worst = other;
  return *worst;
}

std::string held_text(const Shortage& shortage) {
  const auto part = [&](std::int64_t number, const char* by) {
    return number > 0 ? amount(shortage.measure, number) + by : std::string();
  };
  const auto held = part(shortage.held, " are held by calls under way");
  const auto reserved = part(shortage.reserved, " are reserved by runs under way");
  return held + (held.empty() || reserved.empty() ? "" : " and ") + reserved;
}

}  // namespace

BudgetRefusal::BudgetRefusal(Code code, Dimension about, std::string whose, WhenReached then,
                             std::string message, std::string next_step,
                             std::optional<WallTime> begins_anew)
    : Error(code, std::move(message), std::move(next_step)),
      dimension(about),
      name(std::move(whose)),
      when(then),
      reset(begins_anew) {}

std::string describe(Dimension dimension, std::string_view name) {
  switch (dimension) {
    case Dimension::day: return "each day";
    case Dimension::issue: return name.empty() ? "each issue" : fmt::format("issue {}", name);
    case Dimension::run: return name.empty() ? "each run" : fmt::format("run {}", name);
    default: break;
  }
  const auto what = host::name(dimension);
  return name == "*" ? fmt::format("each {} each day", what)
                     : fmt::format("{} \"{}\" each day", what, name);
}

Cap cap_of(const OwnCap& own) {
  return {.tokens = own.tokens,
          .warn_at = 1,
          .when = renews(own.dimension) ? WhenReached::queue_until_reset : WhenReached::refuse};
}

std::string cap_text(const Cap& cap, Measure measure, const AccountKey& key) {
  return fmt::format("the cap of {}{} {}", amount(measure, whole(cap, measure)),
                     key.dimension == Dimension::day ? "" : " on",
                     describe(key.dimension, key.name));
}

std::string pause_text(const PipelinePause& pause) {
  return fmt::format("pipeline {} pauses until {}: {}", pause.pipeline, format_utc(pause.until),
                     pause.cause);
}

std::optional<WallTime> reset_of(const AccountKey& key, const BudgetZone& zone) {
  if (!renews(key.dimension)) return std::nullopt;
  return zone.end_of(key.day);
}

bool helps_to_wait(const Shortage& shortage) {
  return renews(shortage.key.dimension) && shortage.asked <= whole(shortage.cap, shortage.measure);
}

bool is_only_held(const Shortage& shortage) {
  return shortage.asked <= shortage.left + shortage.held + shortage.reserved;
}

BudgetRefusal refusal_of(const std::vector<Shortage>& shortages, const LedgerTerms& terms) {
  const auto& worst = worst_of(shortages);
  const auto& [key, cap, measure, left, asked, held, reserved, own] = worst;
  const auto what = own != nullptr ? own->what : cap_text(cap, measure, key);
  const auto advice = [own = own](const char* of_budget) {
    return own != nullptr ? own->next_step : of_budget;
  };
  const auto rest = amount(measure, std::max<std::int64_t>(left, 0));
  if (is_only_held(worst))
    return {Code::busy,
            key.dimension,
            key.name,
            cap.when,
            fmt::format("{} has {} left and {} were asked for; {}", what, rest,
                        amount(measure, asked), held_text(worst)),
            "Ask again in some seconds, when they have ended.",
            std::nullopt};
  if (renews(key.dimension) && !helps_to_wait(worst))
    return {Code::denied,
            key.dimension,
            key.name,
            cap.when,
            fmt::format("{} is less than the {} asked for, and has {} left", what,
                        amount(measure, asked), rest),
            advice("Ask for less, or raise the cap in token_budget.json."),
            std::nullopt};
  const auto reset = reset_of(key, terms.zone);
  const bool has_come = reset && *reset <= terms.now;
  const auto code = stands(worst) == Stands::for_good ? Code::denied
                    : has_come                        ? Code::unavailable
                                                      : Code::rate_limited;
  const auto anew = !reset     ? "never begins anew"
                    : has_come ? "has begun anew at " + format_utc(*reset) + " for new runs"
                               : "begins anew at " + format_utc(*reset);
  return {code,
          key.dimension,
          key.name,
          cap.when,
          fmt::format("{} has {} left and {} were asked for; it {}", what, rest,
                      amount(measure, asked), anew),
          advice(reset && !has_come ? "Wait until then, or raise the cap in token_budget.json."
                 : reset            ? "Begin a new run, or raise the cap in token_budget.json."
                                    : "Raise the cap in token_budget.json."),
          reset};
}

void warn_of(const AccountKey& key, const Cap& cap, const Account& before, const Account& after,
             LedgerNotes& notes) {
  for (const auto measure : {Measure::tokens, Measure::runs, Measure::cost}) {
    if (!is_capped(cap, measure)) continue;
    const auto most = whole(cap, measure);
    const auto level = cap.warn_at * static_cast<double>(most);
    const auto was = settled(before, measure), is = settled(after, measure);
    if (was < most && is >= most)
      notes.warnings.push_back(cap_text(cap, measure, key) + " is reached");
    else if (static_cast<double>(was) < level && static_cast<double>(is) >= level)
      notes.warnings.push_back(
          fmt::format("{} are used of {}", amount(measure, is), cap_text(cap, measure, key)));
  }
}

}  // namespace host
