// SPDX-License-Identifier: Apache-2.0
//
// Calls to models for the host's own services, one request and one reply: the same rules, holds and
// settlements as the meter's (tokens/meter.hpp), without HTTP in between.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "tokens/call_ledger.hpp"
#include "tokens/routes.hpp"

namespace host {

class HttpClient;

enum class ModelCallKind { chat, embeddings };

struct ModelCall {
  Spender spender;
  // Of the run, if it took one; else the call takes one of no tokens for itself alone.
  std::optional<ReservationId> reservation;
  std::string route;
  ModelCallKind kind = ModelCallKind::chat;
  Json request;  // OpenAI's, without "stream"
  Duration timeout = std::chrono::minutes(10);
  // Called before `done` where it is the ledger that refuses; may be empty.
  std::function<void(const Error&)> refused;
};

// What a call came to.
struct ModelAnswer {
  Json reply;          // the upstream's, as it came, without the credential
  ModelName model;     // on whose account
  TokenUsage charged;  // what it used, or all that had been held where that is not known
  UsageSource source = UsageSource::meter;  // or hold
};

// Loop thread.
class ModelGateway {
 public:
  // The first three outlive it; `http` and `ledger` reply on `loop`. `redactor` learns the
  // credentials.
  ModelGateway(HttpClient& http, CallLedger& ledger, Loop& loop, std::shared_ptr<Redactor> redactor,
               Log log, std::shared_ptr<const ModelRoutes> routes);
  ~ModelGateway();
  ModelGateway(const ModelGateway&) = delete;
  ModelGateway& operator=(const ModelGateway&) = delete;

  // From the next call on.
  void set_routes(std::shared_ptr<const ModelRoutes> routes);
  [[nodiscard]] const ModelRoutes& routes() const;

  // What is charged is settled by then, or on its way to the ledger. What is returned gives the
  // call up: its upstream is dropped at once, `done` is not called any more, and unless no byte had
  // left all that had been held is charged. After its end that does nothing. Errors:
  //   invalid       the request is none (the message says where), or the upstream found it so, or
  //                 the reply was no reply
  //   not_found     no such route, or the route does not carry the model
  //   denied        a banned model; a cap that does not renew; a credential that the upstream
  //                 refused
  //   rate_limited  a cap that does; or the upstream asked for a pause
  //   unavailable, timed_out, too_large   as HttpClient says of the upstream
  std::function<void()> call(ModelCall call, Reply<ModelAnswer> done);

  // The names that a route carries and that are not banned, of those that the upstream offers
  // (GET /models); where it tells none, those that host.yaml names in full. Sorted. Costs nothing.
  void models(std::string_view route, Reply<std::vector<std::string>> done);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace host
