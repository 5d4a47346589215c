// SPDX-License-Identifier: Apache-2.0
#include "tokens/meter_runs.hpp"

#include <openssl/crypto.h>

#include <cctype>
#include <utility>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "tokens/model_list.hpp"

namespace host {
namespace {

// For answers under way at an address that is given up.
constexpr Duration kLeaveGrace = std::chrono::seconds(2);
// By how much the server waits longer for an answer than a call does: its own knows nothing of what
// was charged.
constexpr Duration kServerSlack = std::chrono::minutes(1);

HttpServerLimits limits_of(const MeterOptions& options) {
  HttpServerLimits limits;
  // A little more than is taken, so that what is just too large gets an answer that clients show.
  limits.body_bytes = kModelRequestCap + kModelRequestCap / 8;
  limits.receive_time = std::chrono::minutes(1);
  limits.answer_time = options.answer_time + kServerSlack;
  limits.send_time = options.send_time;
  limits.connections = options.connections;
  return limits;
}

CurlOptions client_options() {
  CurlOptions options;
  options.connections_kept = 64;
  // Less than any server keeps one: those of models close what has been idle for two seconds or
  // more.
  options.reuse_for_posts = std::chrono::seconds(1);
  return options;
}

std::string bearer_of(const ServerRequest& request) {
  const auto* header = request.header("authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (header == nullptr || header->size() <= kScheme.size()) return {};
  for (std::size_t at = 0; at < kScheme.size(); ++at)
    if (std::tolower(static_cast<unsigned char>((*header)[at])) != kScheme[at]) return {};
  return header->substr(kScheme.size());
}

const WireError kClosed{401, "invalid_request_error", "run_closed", "the run is over"};
const WireError kUnknown{401, "invalid_request_error", "invalid_api_key",
                         "this is not the key of a run that is open"};

ServerResponse models_answer(const std::string& list) {
  return {200, {{"content-type", "application/json"}}, list, std::nullopt, nullptr};
}

}  // namespace

MeterRuns::MeterRuns(const Meter::LedgerFor& ledger_for, std::shared_ptr<const ModelRoutes> routes,
                     std::shared_ptr<Redactor> redactor, Log log, const MeterOptions& options)
    : options_(options),
      log_(std::move(log)),
      routes_(std::move(routes)),
      keys_(std::move(redactor)),
      ledger_(ledger_for(loop_)),
      http_(context_, loop_, client_options()),
      here_(take_place(options.listen)) {}

// Sessions may outlive all this within the context, and hold calls.
MeterRuns::~MeterRuns() {
  for (const auto& [id, run] : runs_) {
    for (const auto& call : run->calls) call->abandon();
    for (const auto& call : run->waiting) call->abandon();
  }
}

MeterRuns::PlacePointer MeterRuns::take_place(const SocketAddress& where) {
  auto server = std::make_unique<HttpServer>(
      context_,
      [this](ServerRequest request, HttpServer::Respond respond) {
        handle(std::move(request), std::move(respond));
      },
      limits_of(options_),
      [this](const ServerRequest& head, std::shared_ptr<void>& seat) { return admit(head, seat); });
  const auto address = server->listen_tcp(where);
  return places_.insert(places_.end(), Place{address, std::move(server)});
}

void MeterRuns::move_to(PlacePointer place) { leave(std::exchange(here_, place)); }

void MeterRuns::leave(PlacePointer place) {
  place->left = true;
  if (place->runs == 0) place->server->stop(kLeaveGrace, [this, place] { places_.erase(place); });
}

void MeterRuns::forget(const Run& run) {
  const auto place = run.place;
  runs_.erase(run.opening.id);
  if (--place->runs == 0 && place->left) leave(place);
}

MeterParts MeterRuns::parts() const {
  auto* self = const_cast<MeterRuns*>(this);
  return {&self->http_, ledger_.get(), &self->keys_, &self->loop_, &options_, log_};
}

void MeterRuns::open(Opening opening) {
  const auto id = opening.id;
  ++here_->runs;
  runs_.emplace(id,
                std::make_shared<Run>(Run{std::move(opening), here_, {}, {}, nullptr, nullptr}));
}

void MeterRuns::close(const std::string& id, std::function<void()> done) {
  const auto found = runs_.find(id);
  if (found == runs_.end() || found->second->closed) return done();
  const auto run = found->second;
  run->closed = std::move(done);
  for (const auto& call : std::exchange(run->waiting, {})) call->cut(kClosed);
  // What ends at once leaves the list.
  const std::vector<std::shared_ptr<MeterCall>> calls(run->calls.begin(), run->calls.end());
  for (const auto& call : calls) call->cut(kClosed);
  if (calls.empty()) {
    forget(*run);
    std::exchange(run->closed, [] {})();
  }
}

void MeterRuns::start(const RunPointer& run, const std::shared_ptr<MeterCall>& call) {
  const auto at = run->calls.insert(run->calls.end(), call);
  // Ends within, where it is refused at once.
  call->start([this, run, at] { ended(run, at); });
}

void MeterRuns::ended(const RunPointer& run, std::list<std::shared_ptr<MeterCall>>::iterator call) {
  const auto kept = *call;
  run->calls.erase(call);
  if (run->closed) {
    if (!run->calls.empty()) return;
    forget(*run);
    return std::exchange(run->closed, [] {})();
  }
  // Not from inside: a long queue of calls that are refused at once would be as deep a stack.
  if (!run->waiting.empty()) loop_.post([this, run] { start_next(run); });
}

void MeterRuns::start_next(const RunPointer& run) {
  if (run->waiting.empty() || run->calls.size() >= options_.calls_of_run) return;
  const auto next = run->waiting.front();
  run->waiting.pop_front();
  start(run, next);
}

MeterRuns::RunPointer MeterRuns::whose(const ServerRequest& request) const {
  const auto hash = sha256_hex(bearer_of(request));
  RunPointer found;
  // All of them, each in constant time: how long it takes tells nothing of any key.
  for (const auto& [id, run] : runs_)
    if (CRYPTO_memcmp(run->opening.key_hash.data(), hash.data(), hash.size()) == 0) found = run;
  return found && !found->closed ? found : nullptr;
}

// Before megabytes are read for somebody who has no key, or has enough of them already.
std::optional<ServerResponse> MeterRuns::admit(const ServerRequest& head,
                                               std::shared_ptr<void>& seat) const {
  const auto run = whose(head);
  if (!run) return error_answer(kUnknown);
  if (*run->seats >= options_.connections_of_run)
    return error_answer({429, "requests", "rate_limit_exceeded",
                         "this run has " + std::to_string(*run->seats) +
                             " connections with a request each, and more are not taken"});
  ++*run->seats;
  seat = std::shared_ptr<void>(nullptr, [seats = run->seats](void*) { --*seats; });
  return std::nullopt;
}

void MeterRuns::handle(ServerRequest request, HttpServer::Respond respond) {
  const auto run = whose(request);
  if (!run) return respond(error_answer(kUnknown));
  if (routes_->find(run->opening.route) == nullptr)
    return respond(
        error_answer({404, "invalid_request_error", "no_route",
                      "the host has no model route \"" + run->opening.route + "\" any more"}));
  const bool post = request.method == "POST";
  if (post && request.path == "/v1/chat/completions")
    return answer_call(run, ModelCallKind::chat, std::move(request), std::move(respond));
  if (post && request.path == "/v1/embeddings")
    return answer_call(run, ModelCallKind::embeddings, std::move(request), std::move(respond));
  if (request.method == "GET" && request.path == "/v1/models")
    return answer_models(run, std::move(respond));
  respond(error_answer({404, "invalid_request_error", "unknown_url",
                        "the meter has no " + request.method + " " + request.path +
                            "; it has POST /v1/chat/completions, POST /v1/embeddings and GET "
                            "/v1/models"}));
}

void MeterRuns::answer_call(const RunPointer& run, ModelCallKind kind, ServerRequest request,
                            HttpServer::Respond respond) {
  if (run->waiting.size() >= options_.waiting_of_run)
    return respond(error_answer({429, "requests", "rate_limit_exceeded",
                                 "too many calls of this run are waiting for their turn"}));
  const auto* route = routes_->find(run->opening.route);
  const CallTerms terms{run->opening.reservation, run->opening.id,     routes_, route,
                        run->opening.caps,        run->opening.signals};
  try {
    auto prepared = prepare_call(kind, std::move(request.body), *route, routes_->banned);
    if (run->opening.only && prepared.model != *run->opening.only)
      return respond(error_answer({403, "invalid_request_error", "model_not_allowed",
                                   "this run may ask for " + run->opening.only->text() +
                                       " only, not for " + prepared.model.text()}));
    const auto call =
        std::make_shared<MeterCall>(parts(), terms, std::move(prepared), std::move(respond));
    request.watch_peer([weak = std::weak_ptr<MeterCall>(call)] {
      if (const auto waiting = weak.lock()) waiting->client_gone();
    });
    call->answer_in_time();
    // Also where one that waits longer is about to start.
    if (run->calls.size() < options_.calls_of_run && run->waiting.empty()) return start(run, call);
    run->waiting.push_back(call);
    call->wait([waiting = std::weak_ptr(run), left = call.get()] {
      if (const auto in = waiting.lock())
        std::erase_if(in->waiting, [left](const auto& each) { return each.get() == left; });
    });
  } catch (const Error& error) {
    log_.info("run {}: refused: {}", run->opening.id, error.what());
    respond(error_answer(request_error(error)));
  }
}

void MeterRuns::answer_models(const RunPointer& run, HttpServer::Respond respond) {
  const auto& last = run->listing;
  const auto now = clock_.monotonic();
  if (last && last->routes == routes_) {
    if (last->text.empty()) return last->waiting.push_back(std::move(respond));
    if (now - last->asked < options_.models_every) return respond(models_answer(last->text));
  }
  run->listing = std::make_shared<Listing>(Listing{routes_, now, {}, {std::move(respond)}});
  ask_for_models(run, run->listing);
}

// It costs no tokens, and so no cap bounds it.
void MeterRuns::ask_for_models(const RunPointer& run, const std::shared_ptr<Listing>& listing) {
  const auto* route = listing->routes->find(run->opening.route);
  std::optional<std::string> authorization;
  try {
    authorization = keys_.authorization(*route);
  } catch (const Error& error) {
    log_.error("run {}: {}", run->opening.id, error.what());
  }
  http_.send(
      model_list_request(*route, authorization),
      [this, listing, route, only = run->opening.only](const Result<HttpResponse>& answer) {
        const auto& banned = listing->routes->banned;
        Json data = Json::array();
        for (const auto& each : carried_models(*route, banned, answer))
          if (!only || choose_model(*route, banned, each.id).account == *only)
            data.push_back({{"id", each.id},
                            {"object", "model"},
                            {"created", each.created},
                            {"owned_by", each.owned_by}});
        listing->text = keys_.scrub(to_text(Json{{"object", "list"}, {"data", std::move(data)}}));
        for (const auto& respond : std::exchange(listing->waiting, {}))
          respond(models_answer(listing->text));
      });
}

}  // namespace host
