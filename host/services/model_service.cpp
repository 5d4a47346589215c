// SPDX-License-Identifier: Apache-2.0
#include "services/model_service.hpp"

#include <chrono>

#include "services/budget_wait.hpp"
#include "services/job_issue.hpp"
#include "tokens/ledger.hpp"
#include "tokens/model_call.hpp"

namespace host {
namespace {

class ModelService final : public Service {
 public:
  ModelService(ModelGateway& models, const Ledger& ledger) : models_(&models), ledger_(&ledger) {}

  [[nodiscard]] std::string_view id() const override { return "model/1"; }

  void call(const std::shared_ptr<RunContext>& run, std::string_view method, const Json& params,
            Reply<Json> reply) override {
    if (method == "chat") return ask(run, ModelCallKind::chat, params, std::move(reply));
    if (method == "embed") return ask(run, ModelCallKind::embeddings, params, std::move(reply));
    if (method == "models") return list(*run, params, std::move(reply));
    throw Error(Code::usage, "model/1 has no method \"" + std::string(method) + "\"",
                "It has chat, embed and models.");
  }

 private:
  static std::string granted_route(const RunContext& run, const Json& params) {
    auto route = text_parameter(params, "route");
    require_grant(run, "model", route);
    return route;
  }

  void ask(const std::shared_ptr<RunContext>& run, ModelCallKind kind, const Json& params,
           Reply<Json> reply) {
    ModelCall call;
    call.route = granted_route(*run, params);
    call.spender = spender_of_call(*run, params);
    call.kind = kind;
    call.request = object_parameter(params, "request");
    call.timeout = milliseconds_parameter(params, "timeout_ms", std::chrono::minutes(10));
    if (const auto number = number_parameter(params, "reservation", 0, 0); number != 0) {
      call.reservation = ReservationId(number);
      if (!run->reservations.contains(*call.reservation))
        throw Error(Code::usage, "the run has no open reservation " + std::to_string(number));
      if (!text_parameter(params, "issue", "").empty())
        throw Error(Code::usage, "a call counts for the issue of its reservation",
                    "Name the issue with tokens/1.reserve.");
    }
    // A call without a reservation takes one of its own.
    if (!run->token_day) run->token_day = ledger_->today();
    call.refused = [run, asked = moment_of(*ledger_)](const Error& error) {
      note_refusal(*run, asked, error);
    };
    const auto number = ++run->last_call;
    run->give_up[number] =
        models_->call(std::move(call), [this, run = std::weak_ptr(run), number,
                                        reply = std::move(reply)](Result<ModelAnswer> answer) {
          if (const auto open = run.lock()) open->give_up.erase(number);
          reply(attempt([&] { return to_json(std::move(answer).value()); }));
        });
  }

  // The cost is that of the price in force, which is the ledger's, too.
  [[nodiscard]] Json to_json(ModelAnswer answer) const {
    Json charged{{"input_tokens", answer.charged.input.count()},
                 {"output_tokens", answer.charged.output.count()},
                 {"total_tokens", answer.charged.total().count()},
                 {"source", name(answer.source)}};
    const auto& budget = ledger_->budget();
    const auto* price = budget ? budget->price_of(answer.model) : nullptr;
    if (price != nullptr)
      charged["cost_usd"] =
          static_cast<double>(cost_of(answer.charged, *price).nano_dollars()) / 1e9;
    return {{"reply", std::move(answer.reply)}, {"charged", std::move(charged)}};
  }

  void list(const RunContext& run, const Json& params, Reply<Json> reply) {
    models_->models(granted_route(run, params),
                    [reply = std::move(reply)](Result<std::vector<std::string>> names) {
                      reply(attempt([&] { return Json{{"models", std::move(names).value()}}; }));
                    });
  }

  ModelGateway* models_;
  const Ledger* ledger_;
};

}  // namespace

std::unique_ptr<Service> make_model_service(ModelGateway& models, const Ledger& ledger) {
  return std::make_unique<ModelService>(models, ledger);
}

}  // namespace host
