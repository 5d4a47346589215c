// SPDX-License-Identifier: Apache-2.0
#include "control/admin_api.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>

#include "base/kept_json.hpp"
#include "base/redactor.hpp"
#include "control/audit_routes.hpp"
#include "control/db_routes.hpp"
#include "control/job_routes.hpp"
#include "control/query.hpp"
#include "control/queue_routes.hpp"
#include "control/respond.hpp"
#include "control/run_routes.hpp"
#include "control/schedule_routes.hpp"
#include "services/audit.hpp"
#include "services/service.hpp"
#include "store/store.hpp"

namespace host {
namespace {

constexpr Duration kStopGrace = std::chrono::seconds(2);

std::string random_cookie() {
  std::array<unsigned char, 32> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw Error(Code::internal, "no random bytes for the admin cookie");
  std::string hex;
  for (const auto byte : bytes) hex += fmt::format("{:02x}", byte);
  return hex;
}

Error no_such_route(const ServerRequest& request) {
  return {Code::not_found, "this host has no " + request.method + " " + request.path,
          "See docs/admin-api.md for what there is."};
}

Json object_in(const ServerRequest& request) {
  Json body = parse_kept_json(request.body, "the request");
  if (!body.is_object()) throw Error(Code::usage, "the request must be a JSON object");
  return body;
}

}  // namespace

class AdminApi::Impl {
 public:
  Impl(boost::asio::io_context& context, Loop& loop, Log log, Store& store, Queue& queue,
       Scheduler& scheduler, HostControl& control, const std::filesystem::path& socket,
       const std::filesystem::path& cookie, std::optional<TokenSources> tokens)
      : loop_(&loop),
        log_(std::move(log)),
        store_(&store),
        queue_(&queue),
        scheduler_(&scheduler),
        control_(&control),
        db_(loop, control),
        jobs_(loop, queue, control),
        tokens_(std::move(tokens)),
        runs_(tokens_.value_or(TokenSources{})),
        cookie_(random_cookie()),
        server_(context, [this](ServerRequest request, Respond respond) {
          handle(request, std::move(respond));
        }) {
    write_atomically(cookie, cookie_.expose() + "\n", 0600);
    log_.redactor()->add(cookie_);
    server_.listen_unix(socket, 0600);
  }

  void set_items(ItemSources items) { items_ = std::move(items); }
  void job_ended(JobId job) { jobs_.ended(job); }

  void stop(std::function<void()> done) {
    jobs_.stop();
    runs_.stop();
    server_.stop(kStopGrace, std::move(done));
  }

 private:
  void handle(const ServerRequest& request, Respond respond) {
    try {
      const auto& path = request.segments;
      if (path.size() < 2 || path[0] != "v1") throw no_such_route(request);
      // Copies: what throws on the way must still find somebody to tell.
      if (request.method == "GET") return read(request, respond);
      if (request.method != "POST") throw no_such_route(request);
    } catch (...) {
      return respond_error(respond, current_error());
    }
    try {
      check_cookie(request);
      change(request, respond);
    } catch (...) {
      const Error error = current_error();
      audit(request.peer, "POST " + request.path, "", error.what(),
            [respond, error] { respond_error(respond, error); });
    }
  }

  void read(const ServerRequest& request, Respond respond) {
    const auto& path = request.segments;
    const auto& what = path[1];
    if (what == "jobs" && path.size() == 3) return jobs_.show(request, std::move(respond));
    if (what == "db" && path.size() == 3 && path[2] == "task")
      return db_.outcome(json_answer(std::move(respond)));
    if (what == "schedules" && path.size() == 3)
      return respond_json(respond, 200, schedule_report(*scheduler_, path[2]));
    if (what == "tokens" || what == "budget")
      return read_tokens(tokens(), request, json_answer(std::move(respond)));
    if (what == "items") return read_items(items(), request, json_answer(std::move(respond)));
    if (path.size() != 2) throw no_such_route(request);
    if (what == "status") return read_status(std::move(respond));
    if (what == "tasks") return respond_json(respond, 200, control_->tasks());
    if (what == "plugins") return respond_json(respond, 200, control_->plugins());
    if (what == "queues") return read_queues(std::move(respond));
    if (what == "schedules") return respond_json(respond, 200, schedules_report(*scheduler_));
    if (what == "config") return respond_json(respond, 200, control_->config());
    if (what == "jobs") return jobs_.list(request, std::move(respond));
    if (what == "audit") return list_audit(request, std::move(respond));
    if (what == "webhooks") return list_webhooks(request, std::move(respond));
    throw no_such_route(request);
  }

  void change(const ServerRequest& request, Respond respond) {
    const auto& path = request.segments;
    const auto& what = path[1];
    if (what == "jobs" && path.size() == 2) return enqueue(request, std::move(respond));
    if (what == "jobs" && path.size() == 3)
      return change_jobs(request, path[2], std::move(respond));
    if (what == "jobs" && path.size() == 4)
      return change_job(request, JobId(number_in(path[2], "a job's id")), path[3],
                        std::move(respond));
    if ((what == "tasks" || what == "queues") && path.size() == 4)
      return change_pause(
          *queue_, *control_, what == "tasks" ? Pausable::task : Pausable::queue, path[2], path[3],
          audited<Json>(request, what + "." + path[3], path[2], json_answer(std::move(respond))));
    if (what == "schedules" && path.size() == 4)
      return change_schedule(
          *scheduler_, path[2], path[3],
          audited<Json>(request, "schedules." + path[3], path[2],
                        answer<Json>(std::move(respond), [](Json done) { return done; })));
    if (what == "plugins" && path.size() == 4 && path[3] == "reset")
      return reset(request, path[2], std::move(respond));
    if (what == "webhooks" && path.size() == 4 && path[3] == "replay")
      return control_->replay_webhook(
          number_in(path[2], "a delivery's id"),
          audited<Json>(request, "webhooks.replay", path[2], json_answer(std::move(respond))));
    if (what == "db" && path.size() == 3 && path[2] == "check")
      return db_.check(audited<Json>(request, "db.check", "", json_answer(std::move(respond))));
    if (what == "db" && path.size() == 3 && path[2] == "backup")
      return back_up(request, std::move(respond));
    if (what == "tokens" && path.size() == 3 && path[2] == "import")
      return import_lines(request, std::move(respond));
    if (what == "tokens" && path.size() == 3 && path[2] == "accept-clock")
      return accept_clock(tokens(), audited<Json>(request, "tokens.accept-clock", "",
                                                  json_answer(std::move(respond))));
    if (what == "tokens" && path.size() == 3 && path[2] == "runs")
      return open_run(request, std::move(respond));
    if (what == "tokens" && path.size() == 5 && path[2] == "runs" && path[4] == "close")
      return runs_.close(path[3], audited<Json>(request, "tokens.close", path[3],
                                                json_answer(std::move(respond))));
    if (what == "items" || what == "continuity") return change_item(request, std::move(respond));
    if (what == "reload" && path.size() == 2) return reload(request, std::move(respond));
    throw no_such_route(request);
  }

  void change_item(const ServerRequest& request, Respond respond) {
    const Json body = request.body.empty() ? Json::object() : object_in(request);
    const auto [what, on] = audited_change(request, body);
    change_items(items(), request, body,
                 audited<Json>(request, what, on, json_answer(std::move(respond))));
  }

  void check_cookie(const ServerRequest& request) const {
    const auto* given = request.header(kCookieHeader);
    if (given == nullptr || given->size() != cookie_.expose().size() ||
        CRYPTO_memcmp(given->data(), cookie_.expose().data(), given->size()) != 0)
      throw Error(Code::denied, "changing something needs this host's cookie",
                  "Run the command as the host's user, who can read the cookie file.");
  }

  // Audited whatever comes of it, and before the caller hears.
  void audit(const HttpPeer& peer, const std::string& what, const std::string& target,
             const std::string& result, std::function<void()> then) {
    const AuditEntry entry{loop_->clock().wall(),
                           "uid " + (peer.uid ? std::to_string(*peer.uid) : "?") + ", pid " +
                               (peer.pid ? std::to_string(*peer.pid) : "?"),
                           what, target, result};
    store_->submit([entry](Unit& unit) { write_audit(unit, entry); },
                   [this, entry, then = std::move(then)](Status stored) {
                     if (!stored.ok())
                       log_.error("{} on {} by {} could not be audited: {}", entry.what,
                                  entry.target, entry.who, stored.error().what());
                     then();
                   });
  }

  // Wraps a reply so that its outcome is audited first.
  template <class T>
  Reply<T> audited(const ServerRequest& request, std::string what, std::string target,
                   Reply<T> reply) {
    return [this, peer = request.peer, what, target, reply = std::move(reply)](Result<T> result) {
      const std::string outcome = result.ok() ? "ok" : result.error().what();
      audit(peer, what, target, outcome,
            [reply, result = std::move(result)]() mutable { reply(std::move(result)); });
    };
  }

  void read_status(Respond respond) {
    queue_->counts([this, respond = std::move(respond)](Result<Counts> counts) {
      Json status = control_->status();
      if (tokens_) status["tokens"].update(tokens_status(*tokens_));
      status["jobs"] = Json::object();
      // How the host is must be known above all when its store is not well.
      if (!counts.ok()) {
        status["attention"].push_back("the jobs can't be counted: " + counts.error().message());
        return respond_json(respond, 200, status);
      }
      for (const auto& state : counts.value().states)
        status["jobs"][std::string(name(state.state))] = {{"count", state.count},
                                                          {"more", state.capped}};
      const auto report = queues_report(control_->queues(), counts.value(), queue_->now());
      status["ready"] = ready_report(counts.value(), queue_->now());
      status["queues"] = Json::object();
      for (const auto& queue : report["queues"])
        status["queues"][queue["queue"].get<std::string>()] = {
            {"oldest_ready_seconds", queue["oldest_ready_seconds"]},
            {"maybe_older", queue["maybe_older"]}};
      respond_json(respond, 200, status);
    });
  }

  void list_audit(const ServerRequest& request, Respond respond) {
    const auto before = query_value(request, "before");
    read_audit(*store_,
               {.who = query_value(request, "who"), .target = query_value(request, "target")},
               before.empty() ? std::nullopt : std::optional(number_in(before, "before")),
               limit_in(query_value(request, "limit")), json_answer(std::move(respond)));
  }

  void list_webhooks(const ServerRequest& request, Respond respond) {
    const auto before = query_value(request, "before");
    control_->list_webhooks(
        before.empty() ? std::nullopt : std::optional(number_in(before, "before")),
        limit_in(query_value(request, "limit")), json_answer(std::move(respond)));
  }

  // Many at once.
  void change_jobs(const ServerRequest& request, const std::string& what, Respond respond) {
    const Json body = object_in(request);
    if (what == "count") return count_matching(*queue_, body, json_answer(std::move(respond)));
    const auto name = "jobs." + what;
    if (what == "batch")
      return insert_batch(
          *queue_, *control_, body,
          audited<Json>(request, name,
                        std::to_string(body.contains("jobs") ? body["jobs"].size() : 0) + " jobs",
                        json_answer(std::move(respond))));
    if (what == "bulk")
      return order_matching(
          *queue_, *control_, body,
          audited<Json>(request, name, to_text(body), json_answer(std::move(respond))));
    throw no_such_route(request);
  }

  void change_job(const ServerRequest& request, JobId id, const std::string& verb,
                  Respond respond) {
    const auto what = "jobs." + verb;
    const auto target = std::to_string(id.value());
    if (verb == "cancel")
      return queue_->cancel(id, audited<Cancelled>(request, what, target,
                                                   jobs_.answer_cancelled(id, std::move(respond))));
    auto reply = audited<Job>(request, what, target, jobs_.answer_changed(id, std::move(respond)));
    if (verb == "retry") return queue_->retry(id, std::move(reply));
    if (verb == "discard") return queue_->discard(id, std::move(reply));
    if (verb == "run-now") return queue_->run_now(id, std::move(reply));
    throw no_such_route(request);
  }

  void read_queues(Respond respond) {
    queue_->counts([this, respond = std::move(respond)](Result<Counts> counts) {
      if (!counts.ok()) return respond_error(respond, counts.error());
      respond_json(respond, 200, queues_report(control_->queues(), counts.value(), queue_->now()));
    });
  }

  void enqueue(const ServerRequest& request, Respond respond) {
    NewJob job = job_of(*control_, parse_kept_json(request.body, "the request"));
    const auto task = job.task;
    queue_->insert({std::move(job)},
                   audited<std::vector<Inserted>>(request, "jobs.enqueue", task,
                                                  jobs_.answer_enqueued(std::move(respond))));
  }

  void reset(const ServerRequest& request, const std::string& plugin, Respond respond) {
    control_->reset_plugin(
        plugin, audited<bool>(request, "plugins.reset", plugin,
                              answer<bool>(std::move(respond), [plugin](bool was) {
                                return Json{{"plugin", plugin}, {"was_quarantined", was}};
                              })));
  }

  void back_up(const ServerRequest& request, Respond respond) {
    const Json body = object_in(request);
    db_.backup(body, audited<Json>(request, "db.backup", to_text(body.value("file", Json())),
                                   json_answer(std::move(respond))));
  }

  [[nodiscard]] const TokenSources& tokens() const {
    if (!tokens_) throw Error(Code::unsupported, "this host keeps no account of tokens");
    return *tokens_;
  }

  [[nodiscard]] const ItemSources& items() const {
    if (!items_) throw Error(Code::unsupported, "this host dispatches no playbooks");
    return *items_;
  }

  void import_lines(const ServerRequest& request, Respond respond) {
    const Json body = object_in(request);
    import_tokens(
        tokens(), body,
        audited<Json>(request, "tokens.import",
                      std::to_string(body.contains("lines") ? body["lines"].size() : 0) + " lines",
                      json_answer(std::move(respond))));
  }

  void open_run(const ServerRequest& request, Respond respond) {
    (void)tokens();
    auto terms = RunRoutes::terms_in(object_in(request));
    const auto pipeline = terms.spender.pipeline;
    runs_.open(std::move(terms), audited<MeteredRun>(request, "tokens.run", pipeline,
                                                     runs_.answer_opened(std::move(respond))));
  }

  void reload(const ServerRequest& request, Respond respond) {
    const auto done = attempt([&] { control_->reload(); });
    audit(request.peer, "reload", "host.yaml", done.ok() ? "ok" : done.error().what(),
          [respond = std::move(respond), done] {
            if (!done.ok()) return respond_error(respond, done.error());
            respond_json(respond, 200, {{"reloaded", true}});
          });
  }

  Loop* loop_;
  Log log_;
  Store* store_;
  Queue* queue_;
  Scheduler* scheduler_;
  HostControl* control_;
  DbRoutes db_;
  JobRoutes jobs_;
  std::optional<TokenSources> tokens_;
  std::optional<ItemSources> items_;
  RunRoutes runs_;
  Secret cookie_;
  HttpServer server_;
};

AdminApi::AdminApi(boost::asio::io_context& context, Loop& loop, Log log, Store& store,
                   Queue& queue, Scheduler& scheduler, HostControl& control,
                   const std::filesystem::path& socket, const std::filesystem::path& cookie,
                   std::optional<TokenSources> tokens)
    : impl_(std::make_unique<Impl>(context, loop, std::move(log), store, queue, scheduler, control,
                                   socket, cookie, std::move(tokens))) {}
AdminApi::~AdminApi() = default;
void AdminApi::set_items(ItemSources items) { impl_->set_items(std::move(items)); }
void AdminApi::job_ended(JobId job) { impl_->job_ended(job); }
void AdminApi::stop(std::function<void()> done) { impl_->stop(std::move(done)); }

}  // namespace host
