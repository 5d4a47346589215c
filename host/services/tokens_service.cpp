// SPDX-License-Identifier: Apache-2.0
#include "services/tokens_service.hpp"

#include <fmt/format.h>

#include "services/budget_wait.hpp"
#include "services/job_issue.hpp"
#include "services/reported_usage.hpp"
#include "services/token_json.hpp"
#include "store/store.hpp"
#include "tokens/ledger_reads.hpp"

namespace host {
namespace {

constexpr std::size_t kReportsCap = 1000;  // of one run
constexpr int kTotalsCap = 1000;
constexpr int kDaysCap = 366;
constexpr int kKept = 30;  // files of token_usage.jsonl, for want of another number

// By one of both without the other, no cap over a model would know it.
ModelName model_of(const Report& report, const char* method) {
  if (report.model.provider.empty() || report.model.model.empty())
    throw Error(Code::usage,
                fmt::format("tokens/1.{}: expected \"provider\" and \"model\"", method),
                "Name the model as caps do: provider openai, model gpt-4o.");
  return report.model;
}

// Whether the run may hear of this: a pipeline by its name, all else by "*".
bool may_read(const RunContext& run, Dimension dimension, const std::string& name) {
  const auto& granted = run.grants.values("tokens.read");
  if (std::find(granted.begin(), granted.end(), "*") != granted.end()) return true;
  return dimension == Dimension::pipeline && run.grants.permits("tokens.read", name);
}

void require_any(const RunContext& run, std::string_view grant) {
  if (!run.grants.has(grant)) require_grant(run, grant, "*");
}

class TokensService final : public Service {
 public:
  TokensService(Ledger& ledger, Store& store, std::function<std::optional<std::string>(int)> rotate)
      : ledger_(&ledger), store_(&store), rotate_(std::move(rotate)) {}

  [[nodiscard]] std::string_view id() const override { return "tokens/1"; }

  void call(const std::shared_ptr<RunContext>& run, std::string_view method, const Json& params,
            Reply<Json> reply) override {
    if (method == "reserve") return reserve(run, params, std::move(reply));
    if (method == "settle") return settle(run, params, std::move(reply));
    if (method == "release") return release(run, params, std::move(reply));
    if (method == "report") return report(*run, params, std::move(reply));
    if (method == "standings") return standings(run, std::move(reply));
    if (method == "usage") return usage(run, params, std::move(reply));
    if (method == "rotate_log") return rotate_log(*run, params, std::move(reply));
    throw Error(Code::usage, "tokens/1 has no method \"" + std::string(method) + "\"",
                "It has reserve, settle, release, report, standings, usage and rotate_log.");
  }

 private:
  static ReservationId reservation_of(const RunContext& run, const Json& params) {
    const ReservationId id(number_parameter(params, "reservation", 0, 0));
    if (!run.reservations.contains(id))
      throw Error(Code::usage, fmt::format("the run has no open reservation {}", id.value()),
                  "Ask for one with tokens/1.reserve.");
    return id;
  }

  void reserve(const std::shared_ptr<RunContext>& run, const Json& params, Reply<Json> reply) {
    const auto said = parse_report(params);
    std::optional<ModelName> model;
    if (said.model != ModelName()) model = model_of(said, "reserve");
    const Tokens tokens(number_parameter(params, "tokens", 0, 1, kMostTokensOfARun.count()));
    ledger_->reserve({spender_of_call(*run, params), tokens, model},
                     [run, ledger = ledger_, day = ledger_->today(), asked = moment_of(*ledger_),
                      reply = std::move(reply)](Result<ReservationId> id) {
                       if (!id.ok()) {
                         note_refusal(*run, asked, id.error());
                         return reply(id.error());
                       }
                       if (run->over) {
                         ledger->release(id.value(), {});
                         return reply(Error(Code::stale, "the run is over"));
                       }
                       run->reservations.insert(id.value());
                       if (!run->token_day) run->token_day = day;
                       reply(Json{{"reservation", id.value().value()}});
                     });
  }

  // The call is over already, so that nothing may keep it out of the books.
  void settle(const std::shared_ptr<RunContext>& run, const Json& params, Reply<Json> reply) {
    const auto reservation = reservation_of(*run, params);
    const auto said = parse_report(params);
    ledger_->charge(reservation, {model_of(said, "settle"), said.usage},
                    [reply = std::move(reply)](Result<Charge> charge) {
                      reply(attempt([&] { return (void)charge.value(), Json::object(); }));
                    });
  }

  void release(const std::shared_ptr<RunContext>& run, const Json& params, Reply<Json> reply) {
    const auto reservation = reservation_of(*run, params);
    run->reservations.erase(reservation);
    ledger_->release(reservation, [reply = std::move(reply)](Status released) {
      reply(attempt([&] { return (void)released.value(), Json::object(); }));
    });
  }

  static void report(RunContext& run, const Json& params, Reply<Json> reply) {
    if (run.reports.size() >= kReportsCap)
      throw Error(Code::too_large, fmt::format("a run reports at most {} times", kReportsCap),
                  "Add them up first.");
    run.reports.push_back(parse_report(params));
    reply(Json::object());
  }

  void standings(const std::shared_ptr<RunContext>& run, Reply<Json> reply) {
    require_any(*run, "tokens.read");
    ledger_->standings(
        [run, ledger = ledger_, reply = std::move(reply)](Result<std::vector<Standing>> found) {
          if (!found.ok()) return reply(found.error());
          Json rows = Json::array();
          for (const auto& standing : found.value())
            if (may_read(*run, standing.dimension, standing.name))
              rows.push_back(standing_json(standing));
          auto pauses = ledger->pauses();
          std::erase_if(pauses, [&](const auto& pause) {
            return !may_read(*run, Dimension::pipeline, pause.first);
          });
          reply(Json{{"standings", std::move(rows)},
                     {"pauses", pauses_json(pauses)},
                     {"day", day_text(ledger->today())},
                     {"next_reset", format_utc(ledger->next_reset())}});
        });
  }

  void usage(const std::shared_ptr<RunContext>& run, const Json& params, Reply<Json> reply) {
    require_any(*run, "tokens.read");
    const auto dimension =
        attempt([&] { return parse_dimension(text_parameter(params, "dimension")); });
    if (!dimension.ok()) throw Error(Code::usage, dimension.error().message());
    const auto by = dimension.value();
    const auto last = ledger_->today();
    const auto first = last - number_parameter(params, "days", 1, 1, kDaysCap) + 1;
    store_->run(
        [=](Unit& unit) {
          return renews(by) ? totals_of_days(unit, by, first, last, kTotalsCap)
                            : top_spenders(unit, by, first, kTotalsCap);
        },
        [run, by, first, last, reply = std::move(reply)](Result<SpenderTotals> found) {
          if (!found.ok()) return reply(found.error());
          auto told = std::move(found).value();
          std::erase_if(told.totals,
                        [&](const auto& total) { return !may_read(*run, by, total.name); });
          reply(Json{{"usage", totals_json(told.totals)},
                     {"from", day_text(first)},
                     {"to", day_text(last)},
                     {"cut", told.cut}});
        });
  }

  void rotate_log(const RunContext& run, const Json& params, Reply<Json> reply) {
    require_any(run, "tokens.rotate");
    const auto file = rotate_(static_cast<int>(number_parameter(params, "keep", kKept, 1, 3650)));
    reply(Json{{"file", file ? Json(*file) : Json()}});
  }

  Ledger* ledger_;
  Store* store_;
  std::function<std::optional<std::string>(int)> rotate_;
};

}  // namespace

std::unique_ptr<Service> make_tokens_service(
    Ledger& ledger, Store& store, std::function<std::optional<std::string>(int keep)> rotate) {
  return std::make_unique<TokensService>(ledger, store, std::move(rotate));
}

}  // namespace host
