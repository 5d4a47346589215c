// SPDX-License-Identifier: Apache-2.0
#include "control/token_routes.hpp"

#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <utility>

#include "control/query.hpp"
#include "services/token_json.hpp"
#include "store/store.hpp"
#include "tokens/account_table.hpp"
#include "tokens/day.hpp"

namespace host {
namespace {

constexpr std::int64_t kLongestPage = 1000;
constexpr std::int64_t kMostDays = 3660;
constexpr int kNames = 1000;  // of a dimension on one day
constexpr int kReachedIssues = 20;

std::int64_t number(const ServerRequest& request, const std::string& key, std::int64_t otherwise,
                    std::int64_t least, std::int64_t most) {
  const auto text = query_value(request, key);
  if (text.empty()) return otherwise;
  std::int64_t given = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), given);
  if (failed != std::errc{} || end != text.data() + text.size() || given < least || given > most)
    throw Error(Code::usage, fmt::format("{} must be a number from {} to {}, not \"{}\"", key,
                                         least, most, text.substr(0, 40)));
  return given;
}

// Reads that are served too while nothing can be stored.
template <class Work>
void read(Store& store, Work work, Reply<Json> done) {
  const auto slot = std::make_shared<Json>();
  Store::Operation operation;
  operation.reads = true;
  operation.work = [slot, work = std::move(work)](Unit& unit) { *slot = work(unit); };
  operation.done = [slot, done = std::move(done)](const Status& status) {
    if (!status.ok()) return done(status.error());
    done(std::move(*slot));
  };
  std::vector<Store::Operation> one;
  one.push_back(std::move(operation));
  store.submit_all(std::move(one));
}

std::string zone_of(const Ledger& ledger) {
  return ledger.budget() ? ledger.budget()->zone : std::string("UTC");
}

void today(const TokenSources& sources, Reply<Json> done) {
  const auto day = sources.ledger->today();
  Json head{{"day", day_text(day)},
            {"zone", zone_of(*sources.ledger)},
            {"until", format_utc(sources.ledger->next_reset())},
            {"pauses", pauses_json(sources.ledger->pauses())},
            {"export", sources.export_state ? sources.export_state() : Json()}};
  read(
      *sources.store,
      [day, head = std::move(head)](Unit& unit) {
        const auto of = [&](Dimension dimension) {
          return totals_json(totals_of_days(unit, dimension, day, day, kNames).totals);
        };
        Json answer = head;
        answer["total"] =
            total_json(find_account(unit, day, Dimension::day, "").value_or(AccountTotal{}));
        answer["pipelines"] = of(Dimension::pipeline);
        answer["playbooks"] = of(Dimension::playbook);
        answer["models"] = of(Dimension::model);
        return answer;
      },
      std::move(done));
}

void top(const TokenSources& sources, const ServerRequest& request, Reply<Json> done) {
  const auto by = query_value(request, "by");
  const auto dimension = parse_dimension(by.empty() ? "pipeline" : by);
  const auto days = number(request, "days", 1, 1, kMostDays);
  const int limit = static_cast<int>(number(request, "limit", 20, 1, kLongestPage));
  const auto last = sources.ledger->today();
  const auto first = last - days + 1;
  read(
      *sources.store,
      [=](Unit& unit) {
        const auto found = renews(dimension) ? totals_of_days(unit, dimension, first, last, limit)
                                             : top_spenders(unit, dimension, first, limit);
        return Json{{"by", name(dimension)},
                    {"from", day_text(first)},
                    {"to", day_text(last)},
                    {"totals", totals_json(found.totals)},
                    {"cut", found.cut}};
      },
      std::move(done));
}

AccountTotal sum_of(const std::vector<LedgerEntry>& rows) {
  AccountTotal sum;
  for (const auto& row : rows) {
    sum.usage += row.usage;
    if (row.source == UsageSource::overrun)
      sum.overrun += row.usage.total();
    else
      ++sum.calls;
    if (row.cost) sum.cost += *row.cost;
  }
  return sum;
}

void show(const TokenSources& sources, const ServerRequest& request, Reply<Json> done) {
  const auto run = query_value(request, "run");
  const auto issue = query_value(request, "issue");
  const auto job = number(request, "job", 0, 1, INT64_MAX);
  const int limit = static_cast<int>(number(request, "limit", 100, 1, kLongestPage));
  if ((job != 0) + !run.empty() + !issue.empty() != 1)
    throw Error(Code::usage, "what is to be shown?", "Name one of job, run and issue.");
  const auto on = issue.empty() ? IssueName() : parse_issue(issue);
  read(
      *sources.store,
      [=](Unit& unit) {
        std::optional<AccountTotal> total;
        std::vector<LedgerEntry> rows;
        if (job != 0) {
          rows = rows_of_job(unit, JobId(job), limit + 1);
        } else if (!run.empty()) {
          rows = rows_of_run(unit, run, limit + 1);
          total = find_account(unit, 0, Dimension::run, run);
        } else {
          rows = rows_of_issue(unit, on.repo, on.number, limit + 1);
          total = find_account(unit, 0, Dimension::issue, issue_account(on.repo, on.number));
        }
        const bool more = std::ssize(rows) > limit;
        if (more) rows.pop_back();
        // What was imported is in no account of issues; so, without one, what is shown is summed.
        if (!total) total = sum_of(rows);
        const auto ledger = ledger_name(unit);
        Json answer{{"total", total_json(*total)}, {"rows", Json::array()}, {"more", more}};
        for (const auto& row : rows) answer["rows"].push_back(row_json(row, ledger));
        return answer;
      },
      std::move(done));
}

void rows(const TokenSources& sources, const ServerRequest& request, Reply<Json> done) {
  const auto after = number(request, "after", 0, 0, INT64_MAX);
  const int limit = static_cast<int>(number(request, "limit", 500, 1, kLongestPage));
  read(
      *sources.store,
      [=](Unit& unit) {
        const auto found = rows_after(unit, after, limit);
        const auto ledger = ledger_name(unit);
        Json answer{{"rows", Json::array()}, {"next", nullptr}};
        for (const auto& row : found) answer["rows"].push_back(row_json(row, ledger));
        if (std::ssize(found) == limit) answer["next"] = found.back().id;
        return answer;
      },
      std::move(done));
}

// What stands in /v1/budget and in each explanation.
Json budget_head(const Ledger& ledger) {
  return {{"budget", ledger.budget().has_value()},
          {"zone", zone_of(ledger)},
          {"day", day_text(ledger.today())},
          {"until", format_utc(ledger.next_reset())},
          {"pauses", pauses_json(ledger.pauses())}};
}

// Each cap, and each that an open run has of its own.
using Standings = std::pair<std::vector<Standing>, std::vector<OwnStanding>>;

void read_all_standings(const TokenSources& sources, StandingAsk ask, Reply<Standings> done) {
  auto runs = sources.open_runs ? sources.open_runs() : std::vector<OpenRun>{};
  sources.ledger->standings(
      [ledger = sources.ledger, runs = std::move(runs),
       done = std::move(done)](Result<std::vector<Standing>> caps) {
        if (!caps.ok()) return done(caps.error());
        ledger->own_standings(
            runs, [caps = std::move(caps.value()), done](Result<std::vector<OwnStanding>> own) {
              if (!own.ok()) return done(own.error());
              done(Standings{caps, std::move(own.value())});
            });
      },
      std::move(ask));
}

void budget(const TokenSources& sources, Reply<Json> done) {
  const StandingAsk ask{.of = {}, .reached_issues = kReachedIssues};
  read_all_standings(sources, ask,
                     [head = budget_head(*sources.ledger),
                      done = std::move(done)](const Result<Standings>& standings) {
                       if (!standings.ok()) return done(standings.error());
                       Json answer = head;
                       answer["caps"] = Json::array();
                       for (const auto& standing : standings.value().first)
                         answer["caps"].push_back(standing_json(standing));
                       answer["own_caps"] = own_standings_json(standings.value().second);
                       done(std::move(answer));
                     });
}

void explain(const TokenSources& sources, const ServerRequest& request, Reply<Json> done) {
  auto subject = parse_budget_subject(query_value(request, "of"));
  Json head = budget_head(*sources.ledger);
  if (subject.kind == Dimension::pipeline && sources.pipeline_of)
    if (const auto pipeline = sources.pipeline_of(subject.name)) {
      head["task"] = subject.name;
      subject.name = *pipeline;
    }
  head["kind"] = name(subject.kind);
  head["name"] = subject.name;
  const auto& caps = sources.ledger->budget();
  if (!caps) {
    head.update({{"caps", Json::array()},
                 {"own_caps", Json::array()},
                 {"tightest", nullptr},
                 {"refused", {"everything is refused: there is no token_budget.json in force"}}});
    return done(std::move(head));
  }
  const StandingAsk ask{.of = std::pair(subject.kind, subject.name)};
  read_all_standings(
      sources, ask,
      [head, subject, caps = *caps, done = std::move(done)](const Result<Standings>& standings) {
        if (!standings.ok()) return done(standings.error());
        const auto& [shared, own] = standings.value();
        Json answer = head;
        answer.update(explanation_json(explain_budget(caps, subject, shared, own)));
        for (const auto& pause : head["pauses"])
          if (subject.kind == Dimension::pipeline && pause["pipeline"] == subject.name)
            answer["refused"].push_back("no task of it starts until " +
                                        pause["until"].get<std::string>() + ": " +
                                        pause["cause"].get<std::string>());
        done(std::move(answer));
      });
}

OfferedLine line_in(const Json& line) {
  const auto counts = [&line](const char* key) {
    const auto found = line.find(key);
    return found != line.end() && found->is_number_integer() && *found > 0 && *found < INT32_MAX;
  };
  if (!line.is_object() || !counts("line") || (line.contains("copy") && !counts("copy")) ||
      !line.value("text", Json()).is_string())
    throw Error(Code::usage, "a line to import is {\"line\": number, \"text\": text}");
  return {line["line"].get<std::int64_t>(), line["text"].get<std::string>(), line.value("copy", 1)};
}

}  // namespace

void read_tokens(const TokenSources& sources, const ServerRequest& request, Reply<Json> done) {
  const auto& path = request.segments;
  const std::string what = path.size() == 3 ? path[2] : "";
  const bool tokens = path[1] == "tokens";
  if (path[1] == "budget" && path.size() == 2) return budget(sources, std::move(done));
  if (path[1] == "budget" && what == "explain") return explain(sources, request, std::move(done));
  if (tokens && what == "today") return today(sources, std::move(done));
  if (tokens && what == "top") return top(sources, request, std::move(done));
  if (tokens && what == "show") return show(sources, request, std::move(done));
  if (tokens && what == "rows") return rows(sources, request, std::move(done));
  throw Error(Code::not_found, "this host has no GET " + request.path,
              "See docs/admin-api.md for what there is.");
}

Json tokens_status(const TokenSources& sources) {
  return {{"budget", sources.ledger->budget().has_value()},
          {"until", format_utc(sources.ledger->next_reset())},
          {"pauses", pauses_json(sources.ledger->pauses())},
          {"export", sources.export_state ? sources.export_state() : Json()}};
}

void accept_clock(const TokenSources& sources, Reply<Json> done) {
  auto* ledger = sources.ledger;
  const auto shift = std::chrono::round<std::chrono::seconds>(ledger->clock_shift()).count();
  ledger->accept_clock([ledger, shift, done = std::move(done)](const Status& accepted) {
    if (!accepted.ok()) return done(accepted.error());
    done(Json{{"day", day_text(ledger->today())},
              {"until", format_utc(ledger->next_reset())},
              {"shift_seconds", shift}});
  });
}

void import_tokens(const TokenSources& sources, const Json& request, Reply<Json> done) {
  const auto list = request.find("lines");
  if (list == request.end() || !list->is_array() || list->size() > kLongestPage)
    throw Error(Code::usage, "\"lines\" must be a list of at most 1,000 lines");
  std::vector<OfferedLine> lines;
  for (const auto& line : *list) lines.push_back(line_in(line));
  const auto zone = BudgetZone::load(zone_of(*sources.ledger));
  sources.store->run(
      [lines = std::move(lines), zone, now = sources.clock->wall(),
       host = sources.host_name](Unit& unit) {
        return import_usage(
            unit, lines, [&zone](WallTime at) { return zone.day_of(at); }, now, host);
      },
      [added = sources.rows_added, done = std::move(done)](Result<ImportReport> report) {
        if (!report.ok()) return done(report.error());
        if (added && report.value().imported > 0) added();
        done(import_json(report.value()));
      });
}

}  // namespace host
