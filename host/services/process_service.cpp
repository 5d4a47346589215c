// SPDX-License-Identifier: Apache-2.0
#include "services/process_service.hpp"

#include <algorithm>

namespace host {
namespace {

using deadman::Record;
using deadman::Sign;
using deadman::State;
using deadman::Watch;

constexpr std::size_t kHistory = 10;  // records of one watch
// Of a run: twice as many as there may be watches. Each takes the lock that `deadman --once` waits
// for, so a run that looked without end would put that out.
constexpr int kMostLooks = 200;

Sign sign_of(const Json& json) {
  const auto kind = text_parameter(json, "kind");
  const auto mark = text_parameter(json, "mark", "");
  if (kind == "there") return {Sign::Kind::there, mark};
  if (kind == "missing") return {Sign::Kind::missing, ""};
  if (kind == "untrusted") return {Sign::Kind::untrusted, mark};
  throw Error(Code::usage, "parameter \"sign\" is of no kind that there is",
              "Say there, missing or untrusted as its kind.");
}

// Without its evidence, in which commands stand.
Json told(const Record& record) {
  return {{"number", record.number},
          {"at", format_utc(std::chrono::floor<std::chrono::seconds>(record.at))},
          {"event", deadman::name(record.event)},
          {"text", record.text}};
}

// Oldest first.
Json history_of(const State& state, const std::string& watch) {
  std::vector<Json> newest;
  for (auto each = state.records.rbegin(); each != state.records.rend(); ++each)
    if (each->target == watch && newest.size() < kHistory) newest.push_back(told(*each));
  std::reverse(newest.begin(), newest.end());
  return newest;
}

std::string withheld(const RunContext& run, const Watch& watch) {
  if (!watch.restart || !deadman::seen_from_inside(watch)) return {};
  const auto granted = attempt([&] { require_grant(run, "process.restart", watch.name); });
  return granted.ok() ? "" : granted.error().what();
}

Json watch_json(const RunContext& run, const Watch& watch, const deadman::Standing& standing,
                const State& state) {
  Json json = deadman::to_json(standing);
  json["restarts"] = watch.restart.has_value();
  json["withheld"] = withheld(run, watch);
  json["state_id"] = state.id;
  json["history"] = history_of(state, watch.name);
  if (watch.kind == Watch::Kind::work)
    json["work"] = {{"repositories", watch.work.repositories}, {"user", watch.work.user}};
  return json;
}

class ProcessService final : public Service {
 public:
  explicit ProcessService(DeadmanDesk& desk) : desk_(&desk) {}

  [[nodiscard]] std::string_view id() const override { return "process/1"; }

  void call(const std::shared_ptr<RunContext>& run, std::string_view method, const Json& params,
            Reply<Json> reply) override {
    if (method == "watches") return watches(run, std::move(reply));
    if (method == "look") return look(run, params, std::move(reply));
    throw Error(Code::usage, "process/1 has no method \"" + std::string(method) + "\"",
                "It has watches and look.");
  }

 private:
  void watches(const std::shared_ptr<RunContext>& run, Reply<Json> reply) {
    if (!run->grants.has("process.watch")) require_grant(*run, "process.watch", "*");
    desk_->survey(run->writes.dry_run,
                  [this, run, reply = std::move(reply)](Result<deadman::Survey> survey) {
                    reply(attempt([&] { return survey_json(*run, survey.value()); }));
                  });
  }

  [[nodiscard]] Json survey_json(const RunContext& run, const deadman::Survey& survey) const {
    const auto all = deadman::standings(survey.settings, survey.state, desk_->now());
    Json rows = Json::array();
    for (std::size_t i = 0; i < all.size(); ++i)
      if (run.grants.permits("process.watch", all[i].name))
        rows.push_back(watch_json(run, survey.settings.watches[i], all[i], survey.state));
    return {{"host", desk_->host_name()},
            {"dry_run", survey.settings.dry_run},
            {"watches", std::move(rows)}};
  }

  void look(const std::shared_ptr<RunContext>& run, const Json& params, Reply<Json> reply) {
    deadman::LookOrder order{.watch = text_parameter(params, "name")};
    require_grant(*run, "process.watch", order.watch);
    order.may_restart = run->grants.permits("process.restart", order.watch);
    order.dry_run = run->writes.dry_run;
    const auto sign = object_parameter(params, "sign");
    if (!sign.empty()) order.sign = sign_of(sign);
    if (run->looks >= kMostLooks)
      throw Error(Code::rate_limited,
                  "this run has looked " + std::to_string(kMostLooks) + " times already",
                  "Look once at each watch, and again in the next run.");
    ++run->looks;
    desk_->look(std::move(order), [run, reply = std::move(reply)](Result<deadman::Looked> looked) {
      reply(attempt([&] { return looked_json(*run, looked.value()); }));
    });
  }

  static Json looked_json(const RunContext& run, const deadman::Looked& looked) {
    Json json = watch_json(run, looked.watch, looked.standing, looked.state);
    json["dry_run"] = looked.dry_run;
    json["records"] = Json::array();
    // Those of others, that were forgotten or carried over, are not this plugin's to hear of.
    for (const auto& record : looked.records)
      if (record.target == looked.watch.name) json["records"].push_back(told(record));
    return json;
  }

  DeadmanDesk* desk_;
};

}  // namespace

std::unique_ptr<Service> make_process_service(DeadmanDesk& desk) {
  return std::make_unique<ProcessService>(desk);
}

}  // namespace host
