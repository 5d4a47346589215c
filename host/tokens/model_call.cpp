// SPDX-License-Identifier: Apache-2.0
#include "tokens/model_call.hpp"

#include <utility>

#include "base/error.hpp"
#include "http/client.hpp"
#include "tokens/model_list.hpp"
#include "tokens/model_reply.hpp"
#include "tokens/model_request.hpp"
#include "tokens/route_keys.hpp"

namespace host {
namespace {

constexpr std::size_t kReplyCap = std::size_t{32} << 20;
constexpr std::size_t kShownCap = 300;

// The upstream's own words about what went wrong, or some of its text.
std::string said(const std::string& text) {
  try {
    const Json reply = parse_json(text, "the upstream's error");
    const auto& error = reply.at("error");
    return error.is_string() ? error.get<std::string>() : error.at("message").get<std::string>();
  } catch (const std::exception&) {
    return text.substr(0, kShownCap);
  }
}

Error failure_of(int status, const std::string& text) {
  const auto message =
      "the upstream answered with status " + std::to_string(status) + ": " + said(text);
  if (status == 401 || status == 403 || status == 407)
    return {Code::denied, message,
            "Check the credential of the route (host.yaml, model: routes:)."};
  if (status == 429) return {Code::rate_limited, message};
  if (status >= 500) return {Code::unavailable, message};
  return {Code::invalid, message};
}

}  // namespace

class ModelGateway::Impl : public std::enable_shared_from_this<ModelGateway::Impl> {
 public:
  Impl(HttpClient& http, CallLedger& ledger, Loop& loop, std::shared_ptr<Redactor> redactor,
       Log log, std::shared_ptr<const ModelRoutes> routes)
      : routes_(std::move(routes)),
        http_(&http),
        ledger_(&ledger),
        loop_(&loop),
        keys_(std::move(redactor)),
        log_(std::move(log)) {}

  void call(ModelCall order, Reply<Json> done) {
    auto flight = std::make_shared<Flight>();
    flight->routes = routes_;
    flight->done = std::move(done);
    flight->bypassable = order.bypassable;
    flight->refused = order.refused;
    try {
      const auto& route = routes_->at(order.route);
      flight->route = &route;
      if (order.request.is_object() && order.request.contains("stream"))
        throw Error(Code::invalid, "the request: \"stream\" is of no use here", "Leave it out.");
      auto prepared = prepare_call(order.kind, to_text(order.request), route, routes_->banned);
      const auto authorization = keys_.authorization(route);
      flight->request = request_of(route, order, authorization);
      const auto hold = [weak = weak_from_this(), flight,
                         prepared = std::make_shared<PreparedCall>(std::move(prepared))](
                            ReservationId reservation) {
        if (const auto self = weak.lock()) self->hold(flight, prepared, reservation);
      };
      if (order.reservation) return hold(*order.reservation);
      ledger_->reserve({order.spender, Tokens(0), std::nullopt},
                       [flight, hold](Result<ReservationId> reserved) {
                         if (!reserved.ok()) return refuse(*flight, reserved.error());
                         flight->own = reserved.value();
                         hold(reserved.value());
                       });
    } catch (const Error& error) {
      loop_->post([flight, error] { flight->done(error); });
    }
  }

  void models(std::string_view name, Reply<std::vector<std::string>> done) {
    try {
      const auto routes = routes_;
      const auto& route = routes->at(name);
      http_->send(model_list_request(route, keys_.authorization(route)),
                  [routes, &route, done](const Result<HttpResponse>& answer) {
                    std::vector<std::string> ids;
                    for (const auto& each : carried_models(route, routes->banned, answer))
                      ids.push_back(each.id);
                    done(std::move(ids));
                  });
    } catch (const Error& error) {
      loop_->post([done, error] { done(error); });
    }
  }

  std::shared_ptr<const ModelRoutes> routes_;

 private:
  struct Flight {
    std::shared_ptr<const ModelRoutes> routes;
    const ModelRoute* route = nullptr;
    HttpRequest request;
    bool bypassable = false;
    std::optional<ReservationId> own;  // taken for this call alone
    Hold hold;
    std::function<void(const Error&)> refused;
    Reply<Json> done;
  };
  using FlightPointer = std::shared_ptr<Flight>;

  static void refuse(const Flight& flight, const Error& error) {
    if (flight.refused) flight.refused(error);
    flight.done(error);
  }

  static HttpRequest request_of(const ModelRoute& route, const ModelCall& order,
                                const std::optional<std::string>& authorization) {
    HttpRequest request;
    request.method = "POST";
    request.url = upstream_url(
        route, order.kind == ModelCallKind::chat ? "/chat/completions" : "/embeddings");
    request.headers = {{"content-type", "application/json"}, {"accept", "application/json"}};
    if (authorization) request.headers.emplace_back("authorization", *authorization);
    request.timeout = request.silence = order.timeout;
    request.body_cap = kReplyCap;
    request.sent = std::make_shared<bool>(false);
    return request;
  }

  void hold(const FlightPointer& flight, const std::shared_ptr<PreparedCall>& prepared,
            ReservationId reservation) {
    ledger_->hold(reservation, prepared->ask,
                  [weak = weak_from_this(), flight, prepared](Result<Hold> hold) {
                    const auto self = weak.lock();
                    if (!self) return;
                    if (!hold.ok()) {
                      self->release(*flight);
                      return refuse(*flight, hold.error());
                    }
                    flight->hold = hold.value();
                    flight->request.body = prepared->body(hold.value().output);
                    self->forward(flight);
                  });
  }

  void forward(const FlightPointer& flight) {
    const auto sent = flight->request.sent;
    http_->send(std::move(flight->request),
                [weak = weak_from_this(), flight, sent](Result<HttpResponse> answer) {
                  const auto self = weak.lock();
                  if (!self) return;
                  CallEnd end{*sent, answer.ok() ? answer.value().status : 0, std::nullopt};
                  auto reply = attempt([&] { return self->judge(*flight, answer.value(), end); });
                  self->settle(*flight, end);
                  flight->done(std::move(reply));
                });
  }

  Json judge(const Flight& flight, const HttpResponse& answer, CallEnd& end) const {
    const auto text = keys_.scrub(answer.body);
    if (answer.status / 100 != 2) throw failure_of(answer.status, text);
    auto reply = read_reply(text);
    end.usage = reply.usage;
    if (const auto refusal =
            reply_refusal(reply.body, flight.route->provider, flight.routes->banned))
      throw Error(Code::denied, refusal->message);
    return std::move(reply.body);
  }

  void settle(const Flight& flight, const CallEnd& end) {
    auto settlement = settlement_of(end);
    if (settlement) settlement->bypassable = flight.bypassable;
    end_hold(*ledger_, flight.hold.id, settlement, [log = log_](const Status& told) {
      if (!told.ok()) log.error("a hold stays open: {}", told.error().what());
    });
    release(flight);
  }

  void release(const Flight& flight) {
    if (flight.own)
      ledger_->release(*flight.own, [log = log_](const Status& released) {
        if (!released.ok()) log.error("a reservation stays open: {}", released.error().what());
      });
  }

  HttpClient* http_;
  CallLedger* ledger_;
  Loop* loop_;
  RouteKeys keys_;
  Log log_;
};

ModelGateway::ModelGateway(HttpClient& http, CallLedger& ledger, Loop& loop,
                           std::shared_ptr<Redactor> redactor, Log log,
                           std::shared_ptr<const ModelRoutes> routes)
    : impl_(std::make_shared<Impl>(http, ledger, loop, std::move(redactor), std::move(log),
                                   std::move(routes))) {}
ModelGateway::~ModelGateway() = default;
void ModelGateway::set_routes(std::shared_ptr<const ModelRoutes> routes) {
  impl_->routes_ = std::move(routes);
}
const ModelRoutes& ModelGateway::routes() const { return *impl_->routes_; }
void ModelGateway::call(ModelCall call, Reply<Json> done) {
  impl_->call(std::move(call), std::move(done));
}
void ModelGateway::models(std::string_view route, Reply<std::vector<std::string>> done) {
  impl_->models(route, std::move(done));
}

}  // namespace host
