// SPDX-License-Identifier: Apache-2.0
//
// One call through the meter, from its hold to its settlement. Private to the meter; its thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "http/client.hpp"
#include "http/server.hpp"
#include "tokens/call_ledger.hpp"
#include "tokens/meter.hpp"
#include "tokens/model_reply.hpp"
#include "tokens/model_request.hpp"
#include "tokens/route_keys.hpp"
#include "tokens/sse.hpp"

namespace host {

// What all calls share. Outlives them, or abandons them.
struct MeterParts {
  CurlClient* http;
  CallLedger* ledger;
  RouteKeys* keys;
  Loop* loop;
  const MeterOptions* options;
  Log log;
};

// RunSigns of one run, from its calls.
class RunSignals {
 public:
  // `post` takes work to the host's loop.
  RunSignals(RunSigns signs, std::function<void(std::function<void()>)> post)
      : signs_(std::move(signs)), post_(std::move(post)) {}
  // Cheap: a stream calls it for each piece.
  void answered(MonotonicTime now);
  void refused(const Error& why);
  // A call leaves for the model, and is over.
  void forwarded();
  void returned();

 private:
  void tell_with_model(bool any);

  RunSigns signs_;
  std::function<void(std::function<void()>)> post_;
  std::optional<MonotonicTime> told_;  // of an answer
  bool refused_ = false;               // no answer since
  std::size_t with_model_ = 0;         // calls
};

// Of one run, as long as it is open.
struct CallTerms {
  ReservationId reservation;
  std::string run;                            // for the log
  std::shared_ptr<const ModelRoutes> routes;  // in force when the call came
  const ModelRoute* route = nullptr;          // of these
  std::vector<OwnCap> caps;
  std::shared_ptr<RunSignals> signals;
};

[[nodiscard]] ServerResponse json_answer(int status, const Json& body);
// With "x-should-retry: false", which clients obey, where trying again is of no use. So it is after
// a call that was charged: the same request a second time is charged a second time, which is for
// the program to decide, and not for its client.
[[nodiscard]] ServerResponse error_answer(const WireError& error, bool charged = false);

class MeterCall final : public std::enable_shared_from_this<MeterCall> {
 public:
  MeterCall(const MeterParts& parts, CallTerms terms, PreparedCall call,
            HttpServer::Respond respond);
  MeterCall(const MeterCall&) = delete;
  MeterCall& operator=(const MeterCall&) = delete;

  // From now on it has MeterOptions::answer_time until it is answered, or streams; then it is cut.
  void answer_in_time();
  // Until its turn comes; `left` is called, once, where it is over before that.
  void wait(std::function<void()> left) { left_ = std::move(left); }
  // Its turn has come. `ended` is called once, when the call is settled.
  void start(std::function<void()> ended);
  // Nobody waits for the answer any more.
  void client_gone();
  // Ends it, and tells the client why.
  void cut(const WireError& why);
  // The meter is going: nothing of it may be used from now on.
  void abandon();

  // For the stream's side of it.
  void next_piece(std::function<void(std::string)> give);

 private:
  enum class State { waiting, holding, forwarded, streaming, ended };

  void held(Result<Hold> hold);
  void forward();
  void take_head(Result<HttpResponse> head);
  void start_stream(const HttpResponse& head);
  void read_whole();
  void take_whole();
  void answer_success(const std::string& text);
  void answer_failure(const std::string& text);
  void take_bytes(const Result<std::string>& bytes);
  void take_events(const std::vector<SseEvent>& events, std::string& out);
  void end_stream(std::string& out, const std::optional<WireError>& why);
  void refuse(const WireError& why);
  void end(std::optional<Settlement> settlement);
  void give(std::string piece);
  void answered() { terms_.signals->answered(parts_.loop->clock().monotonic()); }

  MeterParts parts_;
  CallTerms terms_;
  PreparedCall call_;
  HttpServer::Respond respond_;
  std::function<void()> left_;
  std::function<void()> ended_;
  Timer late_;
  State state_ = State::waiting;
  bool gone_ = false;
  std::optional<WireError> cut_;
  std::optional<Hold> hold_;
  std::string authorization_;
  std::shared_ptr<bool> sent_ = std::make_shared<bool>(false);
  std::unique_ptr<HttpBody> body_;
  HttpResponse reply_;
  SseReader reader_;
  std::optional<StreamWatch> watch_;
  std::function<void(std::string)> give_;
};

}  // namespace host
