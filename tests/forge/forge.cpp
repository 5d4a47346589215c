// SPDX-License-Identifier: Apache-2.0
#include "forge/forge.hpp"

#include <boost/asio/io_context.hpp>

#include "forge/exchange.hpp"
#include "forge/git_http.hpp"

namespace host::forge {
namespace {

constexpr std::size_t kKept = 10'000;

ServerResponse raw(std::string bytes) { return {200, {}, "", std::move(bytes)}; }

}  // namespace

Forge::Forge(boost::asio::io_context& context, Loop& loop, const Clock& clock)
    : state(clock), context_(&context), loop_(&loop), clock_(&clock) {}

Forge::~Forge() = default;

std::string Forge::listen(std::uint16_t port) {
  HttpServerLimits limits;
  limits.body_bytes = std::size_t{64} << 20;
  limits.answer_time = std::chrono::minutes(10);  // a silent fault outlasts any client's patience
  server_ = std::make_unique<HttpServer>(
      *context_,
      [this](const ServerRequest& request, const HttpServer::Respond& respond) {
        handle(request, respond);
      },
      limits);
  port_ = server_->listen_loopback(port);
  const auto url = "http://127.0.0.1:" + std::to_string(port_);
  state.settings.root_url = url + "/";
  return url;
}

void Forge::stop() {
  late_.clear();
  silent_.clear();
  server_.reset();
}

std::vector<Logged> Forge::requests(std::string_view method, std::string_view part) const {
  std::vector<Logged> found;
  for (const auto& entry : requests_)
    if (entry.method == method && entry.target.find(part) != std::string::npos)
      found.push_back(entry);
  return found;
}

ServerResponse Forge::apply(const ServerRequest& request, Logged& entry) {
  entry.applied = true;
  auto response = is_model_path(request) ? answer_model(model, request, clock_->wall())
                  : !git_root.empty() && is_git_path(request) ? answer_git(state, git_root, request)
                                                              : answer(state, request);
  entry.status = response.status;
  return response;
}

void Forge::handle(const ServerRequest& request, const HttpServer::Respond& respond) {
  Logged entry{state.now(), request.method, request.target, login_of(state, request), request.body,
               0,           false};
  const auto fault = faults.take(request.method, request.target);
  if (!fault) {
    const auto response = apply(request, entry);
    record(std::move(entry));
    return respond(response);
  }
  using Kind = Fault::Kind;
  switch (fault->kind) {
    case Kind::answer:
      entry.status = fault->response.status;
      respond(fault->response);
      break;
    case Kind::lose_reply:
      (void)apply(request, entry);
      entry.status = 0;
      respond(raw(""));
      break;
    case Kind::close: respond(raw("")); break;
    case Kind::raw: respond(raw(fault->response.body)); break;
    case Kind::delay:
      late_.push_back(loop_->after(
          fault->delay, [respond, response = apply(request, entry)] { respond(response); }));
      break;
    case Kind::silence:
      (void)apply(request, entry);
      entry.status = 0;
      silent_.push_back(respond);
      break;
  }
  record(std::move(entry));
}

void Forge::record(Logged entry) {
  if (requests_.size() == kKept) requests_.pop_front();
  requests_.push_back(std::move(entry));
  if (observer_) observer_(requests_.back());
}

}  // namespace host::forge
