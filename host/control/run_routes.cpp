// SPDX-License-Identifier: Apache-2.0
#include "control/run_routes.hpp"

#include <utility>

#include "services/token_json.hpp"
#include "store/store.hpp"
#include "tokens/ledger.hpp"
#include "tokens/refusal.hpp"

namespace host {
namespace {

// Each has a connection of the admin socket, of which there are 64, to itself.
constexpr std::size_t kMostOpen = 32;
constexpr const char* kTask = "tokens-run";

std::string text_in(const Json& request, const char* key) {
  const auto found = request.find(key);
  if (found == request.end()) return {};
  if (!found->is_string() || found->get_ref<const std::string&>().empty())
    throw Error(Code::usage, std::string(key) + " must be a text");
  return found->get<std::string>();
}

}  // namespace

class RunRoutes::Answer final : public ServerStream {
 public:
  Answer(const MeteredRun& run, std::weak_ptr<State> state)
      : run_(run.id),
        line_(to_text({{"run", run.id},
                       {"route", run.route},
                       {"url", run.url},
                       {"key", run.key.expose()}}) +
              "\n"),
        state_(std::move(state)) {}

  ~Answer() override {
    const auto state = state_.lock();
    if (!state) return;
    state->open.erase(run_);
    (void)attempt([&] { state->sources.meter().close_run(run_, [](const Status&) {}); });
  }

  void next(std::function<void(std::string)> give) override {
    if (!line_.empty() || over_) return give(std::exchange(line_, {}));
    give_ = std::move(give);
  }

  void end() {
    over_ = true;
    if (const auto give = std::exchange(give_, nullptr)) give({});
  }

 private:
  std::string run_;
  std::string line_;
  std::weak_ptr<State> state_;
  std::function<void(std::string)> give_;
  bool over_ = false;
};

RunRoutes::RunRoutes(const TokenSources& sources)
    : state_(std::make_shared<State>(State{.sources = sources, .open = {}})) {}

RunTerms RunRoutes::terms_in(const Json& request) {
  for (const auto& [key, value] : request.items())
    if (key != "route" && key != "model" && key != "pipeline" && key != "playbook" &&
        key != "issue" && key != "reserve")
      throw Error(Code::usage, "a run has no \"" + key + "\"", "See docs/admin-api.md.");
  RunTerms terms;
  terms.route = text_in(request, "route");
  if (auto model = text_in(request, "model"); !model.empty()) terms.model = std::move(model);
  terms.spender.task = kTask;
  terms.spender.pipeline = text_in(request, "pipeline");
  if (terms.spender.pipeline.empty()) terms.spender.pipeline = kTask;
  terms.spender.playbook = text_in(request, "playbook");
  if (const auto text = text_in(request, "issue"); !text.empty()) {
    auto issue = parse_issue(text);
    terms.spender.repo = std::move(issue.repo);
    terms.spender.issue = issue.number;
  }
  const Json reserve = request.value("reserve", Json(0));
  if (!reserve.is_number_integer() || reserve < 0)
    throw Error(Code::usage, "reserve must be a number of tokens");
  terms.reservation = Tokens(reserve.get<std::int64_t>());
  // Nothing keeps it from reaching a provider by itself.
  terms.spender.bypassable = true;
  return terms;
}

void RunRoutes::open(RunTerms terms, Reply<MeteredRun> done) {
  if (state_->open.size() + state_->opening >= kMostOpen)
    throw Error(Code::rate_limited,
                std::to_string(kMostOpen) + " runs of this kind are open, and more are not taken",
                "Wait until one of them has ended.");
  if (!state_->sources.meter) throw Error(Code::unsupported, "this host has no meter");
  const auto& pauses = state_->sources.ledger->pauses();
  if (const auto paused = pauses.find(terms.spender.pipeline); paused != pauses.end())
    throw Error(Code::rate_limited, pause_text(paused->second),
                "Wait until then, or raise the cap in token_budget.json.");
  Meter& meter = state_->sources.meter();
  ++state_->opening;
  // Ends with the last copy of the reply, whether that is called or thrown away.
  const std::shared_ptr<void> opening(nullptr, [state = std::weak_ptr(state_)](void*) {
    if (const auto here = state.lock()) --here->opening;
  });
  meter.open_run(std::move(terms), [opening, done = std::move(done)](Result<MeteredRun> run) {
    done(std::move(run));
  });
}

Reply<MeteredRun> RunRoutes::answer_opened(Respond respond) {
  return [state = std::weak_ptr(state_), respond = std::move(respond)](Result<MeteredRun> run) {
    if (!run.ok()) return respond_error(respond, run.error());
    const auto answer = std::make_shared<Answer>(run.value(), state);
    if (const auto here = state.lock()) here->open[run.value().id] = answer;
    respond({200,
             {{"content-type", "application/json"}, {"cache-control", "no-store"}},
             {},
             std::nullopt,
             answer});
  };
}

void RunRoutes::close(const std::string& run, Reply<Json> done) {
  const auto found = state_->open.find(run);
  const auto answer = found == state_->open.end() ? nullptr : found->second.lock();
  if (!answer)
    throw Error(Code::not_found, "no run " + run + " is open",
                "It was closed already, or the host was started since.");
  state_->sources.meter().close_run(run, [run, answer, store = state_->sources.store,
                                          done = std::move(done)](const Status& shut) {
    answer->end();
    if (!shut.ok()) return done(shut.error());
    store->run(
        [run](Unit& unit) {
          return find_account(unit, 0, Dimension::run, run).value_or(AccountTotal{});
        },
        [run, done](Result<AccountTotal> total) {
          if (!total.ok()) return done(total.error());
          done(Json{{"run", run}, {"charged", total_json(total.value())}});
        });
  });
}

void RunRoutes::stop() {
  for (const auto& [run, open] : std::exchange(state_->open, {}))
    if (const auto answer = open.lock()) answer->end();
}

}  // namespace host
