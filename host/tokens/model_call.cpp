// SPDX-License-Identifier: Apache-2.0
#include "tokens/model_call.hpp"

#include <set>
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

  std::function<void()> call(ModelCall order, Reply<ModelAnswer> done) {
    auto flight = std::make_shared<Flight>();
    flight->routes = routes_;
    flight->done = std::move(done);
    flight->refused = order.refused;
    try {
      const auto& route = routes_->at(order.route);
      flight->route = &route;
      if (order.request.is_object() && order.request.contains("stream"))
        throw Error(Code::invalid, "the request: \"stream\" is of no use here", "Leave it out.");
      flight->prepared = prepare_call(order.kind, to_text(order.request), route, routes_->banned);
      flight->request = request_of(route, order, keys_.authorization(route));
      reserve(flight, order);
    } catch (const Error& error) {
      loop_->post([flight, error] { reply(*flight, error); });
    }
    return [weak = weak_from_this(), flight = std::weak_ptr(flight)] {
      const auto self = weak.lock();
      if (const auto up = flight.lock(); self && up) self->give_up(up);
    };
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
  // Kept by what is asked of the ledger, and then, while it is forwarded, by the gateway.
  struct Flight {
    std::shared_ptr<const ModelRoutes> routes;
    const ModelRoute* route = nullptr;
    std::optional<PreparedCall> prepared;
    HttpRequest request;
    std::optional<ReservationId> own;  // taken for this call alone
    std::optional<Hold> hold;
    std::unique_ptr<HttpBody> body;
    HttpResponse answer;
    std::function<void(const Error&)> refused;
    Reply<ModelAnswer> done;  // empty: the call is over, or nobody wants it any more
  };
  using FlightPointer = std::shared_ptr<Flight>;

  static void reply(Flight& flight, Result<ModelAnswer> result) {
    if (const auto done = std::exchange(flight.done, nullptr)) done(std::move(result));
  }

  static void refuse(Flight& flight, const Error& error) {
    if (flight.done && flight.refused) flight.refused(error);
    reply(flight, error);
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

  void reserve(const FlightPointer& flight, const ModelCall& order) {
    if (order.reservation) return hold(flight, *order.reservation);
    ledger_->reserve({order.spender, Tokens(0), std::nullopt},
                     [weak = weak_from_this(), flight](Result<ReservationId> reserved) {
                       const auto self = weak.lock();
                       if (!self) return;
                       if (!reserved.ok()) return refuse(*flight, reserved.error());
                       flight->own = reserved.value();
                       if (!flight->done) return self->release(*flight);
                       self->hold(flight, reserved.value());
                     });
  }

  void hold(const FlightPointer& flight, ReservationId reservation) {
    ledger_->hold(reservation, flight->prepared->ask,
                  [weak = weak_from_this(), flight](Result<Hold> hold) {
                    const auto self = weak.lock();
                    if (!self) return;
                    if (!hold.ok()) {
                      self->release(*flight);
                      return refuse(*flight, hold.error());
                    }
                    flight->hold = hold.value();
                    if (!flight->done) return self->settle(*flight, std::nullopt);
                    self->forward(flight);
                  });
  }

  void forward(const FlightPointer& flight) {
    auto request = flight->request;
    request.body = flight->prepared->body(flight->hold->output);
    forwarded_.insert(flight);
    flight->body = http_->open(
        std::move(request),
        step<HttpResponse>(flight, [](Impl& self, const FlightPointer& up, HttpResponse head) {
          up->answer = std::move(head);
          self.read(up);
        }));
  }

  void read(const FlightPointer& flight) {
    flight->body->read(step<std::string>(
        flight, [](Impl& self, const FlightPointer& up, const std::string& bytes) {
          if (bytes.empty()) return self.answer(up);
          up->answer.body += bytes;
          if (up->answer.body.size() <= kReplyCap) return self.read(up);
          self.fail(up, Error(Code::too_large, "the upstream's reply is larger than 32 MiB"));
        }));
  }

  // What the upstream's next word is for. The flight holds the body, and so must not be held by it.
  template <class T, class Work>
  Reply<T> step(const FlightPointer& flight, Work work) {
    return [weak = weak_from_this(), known = std::weak_ptr(flight), work](Result<T> word) {
      const auto self = weak.lock();
      const auto up = known.lock();
      if (!self || !up || !up->done) return;
      if (!word.ok()) return self->fail(up, word.error());
      work(*self, up, std::move(word).value());
    };
  }

  void finish(const FlightPointer& flight, Result<ModelAnswer> result) {
    flight->body.reset();
    forwarded_.erase(flight);
    reply(*flight, std::move(result));
  }

  // No reply, or half of one.
  void fail(const FlightPointer& flight, const Error& error) {
    settle(*flight, settlement_of({.sent = *flight->request.sent}));
    finish(flight, error);
  }

  void answer(const FlightPointer& pointer) {
    auto& flight = *pointer;
    CallEnd end{.sent = true};
    auto reply = attempt([&] { return judge(flight, end); });
    const auto settlement = settlement_of(end);
    settle(flight, settlement);
    if (!reply.ok()) return finish(pointer, reply.error());
    const bool told = settlement && settlement->usage;
    finish(pointer, ModelAnswer{std::move(reply).value(), flight.prepared->model,
                                told ? plausible(*settlement->usage)
                                     : TokenUsage{.input = flight.hold->input,
                                                  .output = flight.hold->output},
                                told ? settlement->source : UsageSource::hold});
  }

  void give_up(const FlightPointer& flight) {
    if (!std::exchange(flight->done, nullptr) || !flight->body) return;
    flight->body.reset();
    forwarded_.erase(flight);
    settle(*flight, settlement_of({.sent = *flight->request.sent}));
  }

  [[nodiscard]] Json judge(const Flight& flight, CallEnd& end) const {
    const auto text = keys_.scrub(flight.answer.body);
    const int status = flight.answer.status;
    if (status / 100 != 2) {
      end = failed_end(status, text);
      throw failure_of(status, text);
    }
    auto reply = read_reply(text);
    end.usage = reply.usage;
    if (const auto refusal =
            reply_refusal(reply.body, flight.route->provider, flight.routes->banned))
      throw Error(Code::denied, refusal->message);
    return std::move(reply.body);
  }

  void settle(const Flight& flight, std::optional<Settlement> settlement) {
    end_hold(*ledger_, flight.hold->id, settlement, [log = log_](const Status& told) {
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
  std::set<FlightPointer> forwarded_;
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
std::function<void()> ModelGateway::call(ModelCall call, Reply<ModelAnswer> done) {
  return impl_->call(std::move(call), std::move(done));
}
void ModelGateway::models(std::string_view route, Reply<std::vector<std::string>> done) {
  impl_->models(route, std::move(done));
}

}  // namespace host
