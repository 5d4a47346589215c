// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "app/model_routes.hpp"
#include "app/running_host.hpp"
#include "tokens/refusal.hpp"

namespace host {
namespace {

// By how much a clock may be corrected without a word.
constexpr Duration kShiftToTell = std::chrono::minutes(10);
// One on which clocks are put back.
constexpr Duration kLongestDay = std::chrono::hours(25);

}  // namespace

void Host::open_tokens() {
  ledger_.set_rows_handler([this] { usage_export_.rows_committed(); });
  ledger_.set_pause_handler([this] { pipelines_changed(); });
  pipelines_changed();
  ledger_.set_budget_handler([this] {
    budget_waits_.end_outdated();
    if (dispatch_) dispatch_->budget_changed();
  });
  // Where the host before was killed in the middle of that.
  budget_waits_.end_outdated();
  const auto read = [this] { budget_file_.read({}); };
  read();
  budget_watch_ = std::make_unique<FileWatch>(context_, loop_, log_.named("tokens"),
                                              options_.paths.token_budget(), read);
  usage_export_.start();
  open_meter();
}

std::unique_ptr<Meter> Host::make_meter(const HostConfig& config) {
  return std::make_unique<Meter>(
      loop_, [this](Loop& callers) { return make_call_ledger(ledger_, loop_, callers); },
      model_routes(config), log_.redactor(), log_.named("meter"),
      MeterOptions{.listen = SocketAddress::parse(config.model.listen)});
}

// What can fail of taking a new config. Where nothing of it is new, a meter that does not listen is
// no reason to refuse the rest.
Host::MeterChange Host::prepare_meter(const HostConfig& fresh) {
  const auto& now = config_.config.model;
  const bool moved = fresh.model.listen != now.listen;
  MeterChange change;
  if (meter_ && moved)
    change.place = meter_->take_place(SocketAddress::parse(fresh.model.listen));
  else if (!meter_ && !fresh.model.routes.empty() && (moved || now.routes.empty()))
    change.opened = make_meter(fresh);
  return change;
}

void Host::configure_models(const std::shared_ptr<const ModelRoutes>& routes, MeterChange change) {
  models_.set_routes(routes);
  const bool news = change.opened || change.place;
  if (change.opened) meter_ = std::move(change.opened);
  if (!meter_) return open_meter();
  meter_->set_routes(routes);
  if (change.place) meter_->move_to(change.place);
  meter_fault_.clear();
  if (news) log_.named("meter").info("listens on {}", meter_->address().text());
}

// Without it the host goes on: agents' runs are refused, and plugins' calls need no endpoint.
void Host::open_meter() {
  meter_fault_.clear();
  if (config_.config.model.routes.empty()) return;
  const auto open = attempt([this] { meter_ = make_meter(config_.config); });
  if (open.ok()) return log_.named("meter").info("listens on {}", meter_->address().text());
  meter_fault_ = open.error().message();
  log_.named("meter").error("does not listen: {}", open.error().what());
}

Meter& Host::meter() {
  if (meter_) return *meter_;
  throw Error(Code::unavailable,
              meter_fault_.empty() ? "there is no meter, since host.yaml has no route to a model"
                                   : "the meter does not listen: " + meter_fault_,
              "See model: in host.yaml.");
}

void Host::pipelines_changed() {
  std::set<std::string> paused;
  for (const auto& [pipeline, pause] : ledger_.pauses()) paused.insert(pipeline);
  for (const auto& pipeline : paused) executor_.set_available(pipeline_system(pipeline), false);
  for (const auto& pipeline : paused_pipelines_)
    if (!paused.contains(pipeline)) executor_.set_available(pipeline_system(pipeline), true);
  paused_pipelines_ = std::move(paused);
  if (dispatch_) dispatch_->budget_changed();
}

void Host::add_tokens_attention(Json& lines) const {
  if (!meter_fault_.empty()) lines.push_back("the meter does not listen: " + meter_fault_);
  const auto& fault = budget_file_.fault();
  if (fault && ledger_.budget())
    lines.push_back("the last good budget holds: " + fault->message());
  else if (fault && !config_.config.model.routes.empty())
    lines.push_back("no tokens are granted: " + fault->message());
  const auto shift = ledger_.clock_shift();
  const bool ahead = ledger_.next_reset() - clock_.wall() > kLongestDay;
  if (std::chrono::abs(shift) >= kShiftToTell || ahead)
    lines.push_back(
        fmt::format("the clock was set, and the budget's day is still {}, until {}; if the clock "
                    "is right now: timmy-host tokens accept-clock",
                    day_text(ledger_.today()), format_utc(ledger_.next_reset())));
  for (const auto& [pipeline, pause] : ledger_.pauses()) lines.push_back(pause_text(pause));
  if (!usage_export_.state().trouble.empty())
    lines.push_back("token_usage.jsonl is not kept up: " + usage_export_.state().trouble);
}

Json Host::tokens_report() const {
  return {{"routes", config_.config.model.routes.size()},
          {"meter", meter_ ? Json(meter_->address().text()) : Json()},
          {"metered_runs", meter_ ? meter_->open_runs() : 0}};
}

TokenSources Host::token_sources() {
  TokenSources sources;
  sources.store = &store_;
  sources.ledger = &ledger_;
  sources.clock = &clock_;
  sources.host_name = config_.config.host_name;
  sources.pipeline_of = [this](const std::string& task) {
    const auto found = plan_.pipelines.find(task);
    return found == plan_.pipelines.end() ? std::nullopt : std::optional(found->second);
  };
  sources.export_state = [this] {
    const auto& state = usage_export_.state();
    return Json{{"through", state.through}, {"trouble", state.trouble}};
  };
  sources.rows_added = [this] { usage_export_.rows_committed(); };
  sources.meter = [this]() -> Meter& { return meter(); };
  sources.open_runs = [this] { return meter_ ? meter_->runs() : std::vector<OpenRun>{}; };
  return sources;
}

}  // namespace host
