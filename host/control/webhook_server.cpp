// SPDX-License-Identifier: Apache-2.0
#include "control/webhook_server.hpp"

#include <utility>

#include "base/sha256.hpp"
#include "base/socket_address.hpp"
#include "control/respond.hpp"
#include "gitea/token.hpp"
#include "http/server.hpp"

namespace host {
namespace {

// Gitea gives up after five seconds.
constexpr HttpServerLimits kLimits{.header_bytes = std::size_t{16} << 10,
                                   .body_bytes = std::size_t{4} << 20,
                                   .receive_time = std::chrono::seconds(10),
                                   .answer_time = std::chrono::seconds(4),
                                   .send_time = std::chrono::seconds(10),
                                   .idle_time = std::chrono::seconds(30),
                                   .connections = 64};
constexpr Duration kStopGrace = std::chrono::seconds(2);
constexpr Duration kComplaintPause = std::chrono::minutes(1);
constexpr std::size_t kUuidCap = 64;

bool is_json(const ServerRequest& request) {
  const auto* type = request.header("content-type");
  if (type == nullptr) return false;
  const auto name = type->substr(0, type->find(';'));
  return name.substr(0, name.find_last_not_of(" \t") + 1) == "application/json";
}

std::string delivery_uuid(const ServerRequest& request) {
  for (const char* name : {"x-gitea-delivery", "x-forgejo-delivery", "x-github-delivery"})
    if (const auto* uuid = request.header(name)) return uuid->substr(0, kUuidCap);
  return {};
}

void say(const Respond& respond, int status, std::string_view what) {
  respond_json(respond, status, {{"error", {{"message", what}}}});
}

}  // namespace

class WebhookServer::Impl {
 public:
  Impl(boost::asio::io_context& context, Loop& loop, Log log, Store& store, Queue& queue,
       Route route)
      : context_(context),
        loop_(loop),
        log_(std::move(log)),
        store_(store),
        queue_(queue),
        route_(std::move(route)) {}

  void configure(const WebhookSettings& settings) {
    std::vector<TokenSource> secrets;
    for (const auto& file : settings.secret_files) {
      secrets.emplace_back(std::vector{file}, log_.redactor(), "webhook secret");
      static_cast<void>(secrets.back().get());
    }
    if (settings.listen != listen_ || !server_ == !settings.listen.empty()) listen(settings.listen);
    secrets_ = std::move(secrets);
  }

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] const WebhookStats& stats() const { return stats_; }

  void list(std::optional<std::int64_t> before, int limit, Reply<std::vector<Delivery>> done) {
    store_.run([before, limit](Unit& unit) { return list_deliveries(unit, before, limit); },
               std::move(done));
  }

  void replay(std::int64_t id, Reply<std::vector<Inserted>> done) {
    store_.run([id](Unit& unit) { return find_delivery(unit, id); },
               [this, id, done = std::move(done)](Result<Delivery> found) {
                 if (!found.ok()) return done(found.error());
                 const auto jobs = route_(found.value().event);
                 if (jobs.empty())
                   return done(
                       Error(Code::conflict,
                             fmt::format("no task here asks for {} of {}", found.value().event.kind,
                                         found.value().event.repo),
                             "See `events` in timmy-host plugins show, and the grant gitea.read."));
                 insert(id, jobs, done);
               });
  }

  void stop(std::function<void()> done) {
    if (!server_) return loop_.post(std::move(done));
    server_->stop(kStopGrace, std::move(done));
  }

 private:
  struct Listening {
    std::shared_ptr<HttpServer> server;
    std::string address;  // that it got
  };

  void listen(const std::string& where) {
    auto fresh = where.empty() ? Listening{} : listen_at(where);
    if (const auto old = std::exchange(server_, std::move(fresh.server))) retire(old);
    listen_ = where;
    address_ = std::move(fresh.address);
    if (server_) log_.info("webhooks come in at http://{}/webhooks", address_);
  }

  // The old address is kept until the new one is had, but where it stands in the way itself: the
  // kernel gives a port of one address and that of all addresses to no two sockets.
  Listening listen_at(const std::string& where) {
    const auto address = SocketAddress::parse(where);
    auto fresh = attempt([&] { return open(address); });
    if (fresh.ok()) return std::move(fresh).value();
    if (!server_ || SocketAddress::parse(address_).port != address.port) throw fresh.error();
    retire(std::exchange(server_, nullptr));
    try {
      return open(address);
    } catch (...) {
      reopen();
      throw;
    }
  }

  void reopen() {
    auto old = attempt([&] { return open(SocketAddress::parse(address_)); });
    if (old.ok()) {
      server_ = std::move(old).value().server;
      return;
    }
    listen_.clear();
    address_.clear();
    log_.error("no webhooks come in: {}", old.error().what());
  }

  Listening open(const SocketAddress& address) {
    auto server = std::make_shared<HttpServer>(
        context_, [this](ServerRequest request, Respond respond) { handle(request, respond); },
        kLimits);
    auto got = server->listen_tcp(address).text();
    return {std::move(server), std::move(got)};
  }

  // The old one lives until its last answer is out.
  void retire(const std::shared_ptr<HttpServer>& old) {
    retired_.push_back(old);
    old->stop(kStopGrace, [this, alive = std::weak_ptr(alive_), gone = old.get()] {
      if (!alive.expired()) std::erase_if(retired_, [&](const auto& e) { return e.get() == gone; });
    });
  }

  void handle(const ServerRequest& request, const Respond& respond) {
    if (request.path != "/webhooks") return say(respond, 404, "webhooks go to /webhooks");
    if (request.method != "POST") return say(respond, 405, "webhooks are posted");
    if (!is_json(request)) {
      ++stats_.malformed;
      return say(respond, 415, "the hook's content type must be application/json");
    }
    const auto secrets = readable_secrets();
    if (secrets.empty()) {
      ++stats_.unstored;
      return say(respond, 503, "no secret can be read here");
    }
    const auto signature = webhook_signature(request);
    if (!signature || !is_signed_by(request.body, *signature, secrets)) {
      ++stats_.unsigned_or_forged;
      complain(forged_,
               fmt::format("a delivery from {} is signed by none of the secrets; {} so far",
                           request.peer.address, stats_.unsigned_or_forged));
      return say(respond, 401, "the signature is missing or by none of the secrets");
    }
    take(request, respond);
  }

  void take(const ServerRequest& request, const Respond& respond) {
    const auto event = attempt([&] { return read_forge_event(request.body); });
    if (!event.ok()) {
      ++stats_.malformed;
      return say(respond, 400, event.error().message());
    }
    Delivery delivery;
    delivery.received = loop_.clock().wall();
    delivery.uuid = delivery_uuid(request);
    delivery.body_hash = sha256_hex(request.body);
    delivery.event = event.value();
    const auto jobs = route_(delivery.event);
    const auto now = queue_.now();
    store_.run(
        [delivery, jobs, now](Unit& unit) { return take_delivery(unit, delivery, jobs, now); },
        [this, jobs, respond](Result<Taken> taken) {
          if (!taken.ok()) {
            ++stats_.unstored;
            return say(respond, 503, taken.error().message());
          }
          answer(jobs, taken.value(), respond);
        });
  }

  void answer(const std::vector<NewJob>& jobs, const Taken& taken, const Respond& respond) {
    ++(taken.duplicate ? stats_.duplicates : stats_.taken);
    if (!taken.duplicate && jobs.empty()) ++stats_.without_jobs;
    Json ids = Json::array();
    for (const auto& job : taken.jobs) ids.push_back(job.id.value());
    respond_json(respond, 202,
                 {{"delivery", taken.id}, {"duplicate", taken.duplicate}, {"jobs", ids}});
    tell_queue(jobs, taken.jobs);
  }

  void insert(std::int64_t id, const std::vector<NewJob>& jobs,
              const Reply<std::vector<Inserted>>& done) {
    const auto now = queue_.now();
    store_.run(
        [id, jobs, now](Unit& unit) {
          auto inserted = insert_event_jobs(unit, jobs, now);
          add_delivery_jobs(unit, id, inserted);
          return inserted;
        },
        [this, jobs, done](Result<std::vector<Inserted>> inserted) {
          if (inserted.ok()) tell_queue(jobs, inserted.value());
          done(std::move(inserted));
        });
  }

  void tell_queue(const std::vector<NewJob>& jobs, const std::vector<Inserted>& inserted) {
    // Of those that waited already, too: they may have been brought forward.
    for (std::size_t i = 0; i < inserted.size(); ++i)
      queue_.note_inserted(jobs[i].task, inserted[i].due);
  }

  // A file that can't be read now leaves the other secret in force.
  std::vector<Secret> readable_secrets() {
    std::vector<Secret> secrets;
    for (auto& source : secrets_) {
      auto secret = attempt([&] { return source.get(); });
      if (secret.ok())
        secrets.push_back(std::move(secret).value());
      else
        complain(unread_, secret.error().what());
    }
    return secrets;
  }

  // Not a line for each of a flood. `last`: of complaints of its kind.
  void complain(std::optional<MonotonicTime>& last, const std::string& what) {
    const auto now = loop_.clock().monotonic();
    if (last && now - *last < kComplaintPause) return;
    last = now;
    log_.warn("{}", what);
  }

  boost::asio::io_context& context_;
  Loop& loop_;
  Log log_;
  Store& store_;
  Queue& queue_;
  Route route_;
  std::string listen_;
  std::string address_;
  std::vector<TokenSource> secrets_;
  std::shared_ptr<HttpServer> server_;
  std::vector<std::shared_ptr<HttpServer>> retired_;
  std::optional<MonotonicTime> forged_, unread_;  // when it was complained of last
  WebhookStats stats_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

WebhookServer::WebhookServer(boost::asio::io_context& context, Loop& loop, Log log, Store& store,
                             Queue& queue, Route route)
    : impl_(std::make_unique<Impl>(context, loop, std::move(log), store, queue, std::move(route))) {
}
WebhookServer::~WebhookServer() = default;
void WebhookServer::configure(const WebhookSettings& settings) { impl_->configure(settings); }
std::string WebhookServer::address() const { return impl_->address(); }
const WebhookStats& WebhookServer::stats() const { return impl_->stats(); }
void WebhookServer::list(std::optional<std::int64_t> before, int limit,
                         Reply<std::vector<Delivery>> done) {
  impl_->list(before, limit, std::move(done));
}
void WebhookServer::replay(std::int64_t id, Reply<std::vector<Inserted>> done) {
  impl_->replay(id, std::move(done));
}
void WebhookServer::stop(std::function<void()> done) { impl_->stop(std::move(done)); }

}  // namespace host
