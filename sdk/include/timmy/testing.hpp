// SPDX-License-Identifier: Apache-2.0
//
// Runs a plugin without a host: through its C table, as a worker would, against a world in memory.
// For any test framework; needs what plugin.hpp needs.
//
//   timmy::testing::World world;                         // clock, forge, state, jobs, http, log
//   world.forge.add_repo("org/app", {"bug"});
//   timmy::testing::Plugin plugin(world, timmy_plugin_v1, {{"greeting", "hi"}});   // linked in
//   timmy::testing::Plugin other(world, "./hello.so");                              // or a file
//   auto outcome = plugin.run("hello", {{"name", "Ada"}});
//   // outcome.ok(), outcome.result, outcome.code, world.log, world.state, ...
//
// What counts only with a run's end (state().put, jobs().follow) is dropped if it ends otherwise,
// as by the host; a job whose task and unique key another has that is in World::jobs is a
// duplicate. Texts are handed over without a NUL and freed right after, so that a sanitizer sees a
// plugin that reads past the end or keeps a borrowed one. A plugin that breaks the ABI's rules
// makes run() throw std::logic_error.
//
// Everything here, forge.hpp too:
//   since      SDK 1.0, unless it says otherwise
//   threads    the one of the test. Two things may come from others: World::cancel(), and the
//              calls of the plugin's own threads, which the world takes one at a time. Look at a
//              world and change it between runs, or in a function given to World::on.
//   ownership  what is passed in is copied, but for the world and the table of a Plugin, which
//              refers to both: they outlive it. A reference that is returned is into the world.
//   errors     nothing throws but where that is said, and std::bad_alloc
#pragma once

#include <dlfcn.h>
#include <timmy/abi.h>
#include <timmy/services.hpp>
#include <timmy/testing/forge.hpp>
#include <timmy/testing/playbooks.hpp>
#include <timmy/testing/process.hpp>
#include <timmy/testing/tokens.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace timmy::testing {

// How a run, or a create, ended.
struct Outcome {
  timmy_status status = TIMMY_OK;
  Json result = Json::object();
  std::string code;
  std::string message;
  std::optional<Milliseconds> delay;
  [[nodiscard]] bool ok() const { return status == TIMMY_OK; }
};

struct LogLine {
  std::int32_t level = TIMMY_LOG_INFO;
  std::string text;
};

// One call of the plugin to a service. Since SDK 1.1.
struct Call {
  std::string method;  // "gitea/1.list_issues"
  Json params;
};

// Everything outside of the plugin. Change and look at any member between runs.
class World {
 public:
  Forge forge;
  Models models;                      // model/1. Since SDK 1.1
  Account account;                    // tokens/1, and what models are charged to. Since SDK 1.1
  Deadman deadman;                    // process/1. Since SDK 1.1
  Dispatch dispatch;                  // playbooks/1. Since SDK 1.1
  std::map<std::string, Json> state;  // state/1
  std::vector<Json> jobs;             // parameters of each job that was enqueued or followed
  std::vector<Json> requests;         // parameters of each http/1.request
  std::vector<LogLine> log;
  std::vector<std::string> calls;  // the method of each call, in order
  std::vector<Call> asked;         // the same, with what was asked. Since SDK 1.1
  // What a run is told that it may still take, until it is cancelled. It stands still as the clock
  // does. nullopt: the host is one of ABI 1.0, which does not say. Since SDK 1.1.
  std::optional<Milliseconds> remaining = std::chrono::minutes(3);

  World() {
    set_now(std::chrono::sys_days(std::chrono::January / 5 / 2026) + std::chrono::hours(12));
  }

  // The clock stands still during a run, and moves only here. It begins at 2026-01-05T12:00:00Z.
  [[nodiscard]] Time now() const { return now_; }
  void set_now(Time now) {
    now_ = now;
    forge.set_now(now);
  }
  void advance(std::chrono::microseconds by) { set_now(now_ + by); }

  // What http/1 answers to this method and URL from now on; anything else is refused as not
  // granted.
  void reply(const std::string& method, const std::string& url, HttpResponse response) {
    responses_[method + " " + url] = std::move(response);
  }

  // Makes every call of a method fail, until succeed(method):
  //   world.fail("gitea/1.whoami", timmy::Retryable("unavailable", "no route to the forge"));
  template <class F>
  void fail(const std::string& method, F failure) {
    overrides_[method] = [failure](const Json&) -> Json { throw failure; };
  }
  // Answers a method with a function instead. What it throws is the service's failure: a Failure as
  // it says, anything else as a fault of the host's, "internal".
  void on(const std::string& method, std::function<Json(const Json& params)> answer) {
    overrides_[method] = std::move(answer);
  }
  void succeed(const std::string& method) { overrides_.erase(method); }

  // Cancels the run that is on, or the next one. Any thread.
  void cancel() { cancelled_ = true; }
  // Cancels the run that is on, or the next one, at its n-th call from now, before that is
  // answered. Goes with the run, also if it makes fewer. 1 is the next call.
  void cancel_at_call(int n) { cancel_at_ = n; }

  // All of the log as "level text" lines, for assertions.
  [[nodiscard]] std::string log_text() const {
    static constexpr const char* names[] = {"debug ", "info ", "warn ", "error "};
    std::string all;
    for (const auto& line : log) all += names[line.level & 3] + line.text + "\n";
    return all;
  }

 private:
  friend class Plugin;

  void begin_run(const std::string& key, const Json& payload) {
    forge.set_job(key);
    account.begin_run(payload);
    staged_state_.clear();
    staged_jobs_.clear();
  }

  void end_run(timmy_status status, const Json& result) {
    cancelled_ = false;
    cancel_at_ = 0;
    account.end_run(status == TIMMY_OK ? result : Json());
    for (auto& job : staged_jobs_) follow(job, status);
    if (status != TIMMY_OK) return;
    for (auto& [key, value] : staged_state_) put(key, value);
  }

  // The harness knows no attempts: only a permanent failure is the job's last.
  void follow(Json& job, timmy_status status) {
    const auto when = job.value("when", "success");
    job.erase("when");
    const bool last = status == TIMMY_PERMANENT;
    const bool ended = status == TIMMY_OK || last || status == TIMMY_CANCELLED;
    if (when == "success" ? status == TIMMY_OK : when == "failure" ? last : ended)
      (void)insert(job);
  }

  void put(const std::string& key, const Json& value) {
    if (value.is_null())
      state.erase(key);
    else
      state[key] = value;
  }

  Json answer(const std::string& method, const Json& params) {
    calls.push_back(method);
    asked.push_back({method, params});
    if (cancel_at_ > 0 && --cancel_at_ == 0) cancelled_ = true;
    if (cancelled_) throw Cancelled();
    if (const auto found = overrides_.find(method); found != overrides_.end())
      return found->second(params);
    if (method.starts_with("gitea/1.")) return forge.answer(method.substr(8), params);
    if (method.starts_with("model/1.")) return models.answer(method.substr(8), params, account);
    if (method.starts_with("tokens/1.")) return account.answer(method.substr(9), params);
    if (method.starts_with("process/1.")) return deadman.answer(method.substr(10), params);
    if (method.starts_with("playbooks/1.")) return dispatch.answer(method.substr(12), params);
    if (method.starts_with("state/1.")) return answer_state(method.substr(8), params);
    if (method == "http/1.request") return answer_http(params);
    if (method == "jobs/1.progress") return Json::object();
    if (method == "jobs/1.follow") return staged_jobs_.push_back(params), Json::object();
    if (method == "jobs/1.enqueue") return insert(params);
    const bool served = method.starts_with("http/1.") || method.starts_with("jobs/1.");
    throw Permanent(served ? "usage" : "unsupported",
                    "this world has no method \"" + method + "\"; add one with World::on");
  }

  // None of `jobs` has begun, so each with the same key is one that waits.
  Json insert(const Json& job) {
    const auto key = job.value("unique_key", "");
    const auto same = std::find_if(jobs.begin(), jobs.end(), [&](const Json& other) {
      return !key.empty() && other.value("unique_key", "") == key &&
             other.value("task", "") == job.value("task", "");
    });
    const bool duplicate = same != jobs.end();
    const auto id = 1001 + std::distance(jobs.begin(), same);
    if (!duplicate) jobs.push_back(job);
    return {{"id", id}, {"duplicate", duplicate}};
  }

  Json answer_state(std::string_view method, const Json& params) {
    if (method == "list") return list_state(params.value("prefix", ""));
    const std::string key = params.at("key");
    if (method == "put" || method == "put_now") must_fit(key, params.at("value"));
    if (method == "put") return staged_state_[key] = params.at("value"), Json::object();
    if (method == "put_now")
      return staged_state_.erase(key), put(key, params.at("value")), Json::object();
    if (method != "get")
      throw Permanent("usage", "state/1 has no method \"" + std::string(method) + "\"");
    if (const auto own = staged_state_.find(key); own != staged_state_.end())
      return {{"value", own->second}};
    const auto found = state.find(key);
    return {{"value", found == state.end() ? Json() : found->second}};
  }

  static void must_fit(const std::string& key, const Json& value) {
    if (key.size() > 256)
      throw Permanent("too_large", "a key of state/1 is at most 256 bytes long");
    if (detail::dump(value).size() > 64 * 1024)
      throw Permanent("too_large", "the value of \"" + key + "\" is larger than 64 KiB");
  }

  Json list_state(const std::string& prefix) const {
    auto all = state;
    for (const auto& [key, value] : staged_state_) {
      if (value.is_null())
        all.erase(key);
      else
        all[key] = value;
    }
    constexpr std::size_t kMost = 1000;
    Json keys = Json::array();
    for (const auto& [key, value] : all)
      if (key.starts_with(prefix) && keys.size() < kMost) keys.push_back(key);
    return {{"keys", keys}};
  }

  Json answer_http(const Json& params) {
    requests.push_back(params);
    const std::string name =
        params.value("method", "GET") + " " + params.at("url").get<std::string>();
    const auto found = responses_.find(name);
    if (found == responses_.end())
      throw Permanent("not_granted", "this world has no reply to " + name);
    const auto& response = found->second;
    return {{"status", response.status}, {"headers", response.headers}, {"body", response.body}};
  }

  Time now_{};
  std::map<std::string, std::function<Json(const Json&)>> overrides_;
  std::map<std::string, HttpResponse> responses_;
  std::map<std::string, Json> staged_state_;
  std::vector<Json> staged_jobs_;
  std::atomic<bool> cancelled_ = false;
  int cancel_at_ = 0;
  std::mutex mutex_;  // calls may come from any thread of the plugin
};

// The JSON of a manifest. Throws std::runtime_error if it can't be read, Json::exception if it is
// none.
[[nodiscard]] inline Json read_manifest(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("can't read the manifest " + path);
  return Json::parse(file);
}

// `config` with what it leaves out filled in from the schema's defaults, as the host does. It is
// not checked against the schema; $ref is not followed. Throws Json::exception for a schema that is
// no object.
[[nodiscard]] inline Json with_defaults(const Json& schema, Json config = Json::object()) {
  const Json properties = schema.value("properties", Json::object());
  for (const auto& [name, property] : properties.items()) {
    if (!config.contains(name) && property.contains("default")) config[name] = property["default"];
    if (config.contains(name) && config[name].is_object())
      config[name] = with_defaults(property, config[name]);
    if (config.contains(name) && config[name].is_array() && property.contains("items"))
      for (auto& item : config[name])
        if (item.is_object()) item = with_defaults(property["items"], item);
  }
  return config;
}

// What a run can be told besides its task and payload.
struct JobOptions {
  // Runs with the same key are runs of one job, which writes a comment once.
  std::string key = "test-key";
  int attempt = 1;
  int max_attempts = 5;
  std::optional<Time> scheduled_for{};
};

// An instance of a plugin in a world, which outlives it.
class Plugin {
 public:
  // One that is linked into the test. Throws std::runtime_error "code: message" if it refuses the
  // configuration.
  Plugin(World& world, const timmy_plugin& table, const Json& config = Json::object())
      : world_(&world), table_(&table) {
    create(config);
  }
  // One in a file. It stays loaded. Throws likewise, and if it can't be loaded.
  Plugin(World& world, const std::string& path, const Json& config = Json::object())
      : world_(&world), table_(load(path)) {
    create(config);
  }
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;
  ~Plugin() { table_->destroy(self_); }

  // One run of a job, to its end. Throws std::logic_error for what the ABI forbids: a failure
  // without a code and a message, a result that is no object, a status that is none; and for a
  // payload that no host hands over, which is an object. `{}` is an empty one.
  Outcome run(const std::string& task, const Json& payload = Json::object(),
              const JobOptions& options = {}) {
    if (!payload.is_null() && !payload.is_object())
      throw std::logic_error("a payload is an object, not " + detail::dump(payload));
    const Json job{{"id", ++jobs_},
                   {"task", task},
                   {"key", options.key},
                   {"attempt", options.attempt},
                   {"max_attempts", options.max_attempts},
                   {"scheduled_for",
                    options.scheduled_for ? Json(format_time(*options.scheduled_for)) : Json()},
                   {"payload", payload.is_null() ? Json::object() : payload},
                   {"now", format_time(world_->now())}};
    const timmy_run run = run_of(*world_);
    const Borrowed name(task);
    const Borrowed text(detail::dump(job));
    world_->begin_run(options.key, job.at("payload"));
    Outcome outcome;
    timmy_reply reply = reply_to(outcome);
    outcome.status = table_->run(self_, &run, name.str(), text.str(), &reply);
    world_->end_run(outcome.status, outcome.result);
    check(outcome);
    return outcome;
  }

 private:
  // A text in memory of exactly its own size.
  class Borrowed {
   public:
    explicit Borrowed(const std::string& text) : size_(text.size()), bytes_(new char[size_]) {
      std::memcpy(bytes_.get(), text.data(), size_);
    }
    [[nodiscard]] timmy_str str() const { return {bytes_.get(), size_}; }

   private:
    std::size_t size_;
    std::unique_ptr<char[]> bytes_;
  };

  static const timmy_plugin* load(const std::string& path) {
    void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(::dlerror());
    const void* symbol = ::dlsym(library, "timmy_plugin_v1");
    if (symbol == nullptr) throw std::runtime_error(path + " exports no timmy_plugin_v1");
    return static_cast<const timmy_plugin*>(symbol);
  }

  void create(const Json& config) {
    host_ = {sizeof(timmy_host), TIMMY_ABI_MINOR, world_, &write_log};
    const Borrowed text(detail::dump(config));
    Outcome outcome;
    timmy_reply reply = reply_to(outcome);
    outcome.status = table_->create(&host_, text.str(), &self_, &reply);
    check(outcome);
    if (!outcome.ok()) throw std::runtime_error(outcome.code + ": " + outcome.message);
  }

  static void check(const Outcome& outcome) {
    if (outcome.ok()) {
      if (!outcome.result.is_object())
        throw std::logic_error("ABI: the result is not a JSON object");
    } else if (outcome.code.empty() || outcome.message.empty()) {
      throw std::logic_error("ABI: a failure without a code and a message");
    } else if (outcome.status < TIMMY_OK || outcome.status > TIMMY_SNOOZE) {
      throw std::logic_error("ABI: " + std::to_string(outcome.status) + " is no status");
    }
  }

  static timmy_run run_of(World& world) {
    timmy_run run{sizeof(timmy_run), TIMMY_ABI_MINOR, &world, &call, &cancelled, &remaining_ms};
    if (!world.remaining) {
      run.size = offsetof(timmy_run, remaining_ms);
      run.abi_minor = 0;
      run.remaining_ms = nullptr;
    }
    return run;
  }

  static timmy_reply reply_to(Outcome& outcome) {
    return {sizeof(timmy_reply), 0, &outcome, &set_result, &set_error, &set_delay};
  }
  static void set_result(void* ctx, timmy_str json) {
    static_cast<Outcome*>(ctx)->result = Json::parse(detail::view(json), nullptr, false);
  }
  static void set_error(void* ctx, timmy_str code, timmy_str message) {
    static_cast<Outcome*>(ctx)->code = detail::view(code);
    static_cast<Outcome*>(ctx)->message = detail::view(message);
  }
  static void set_delay(void* ctx, std::int64_t milliseconds) {
    static_cast<Outcome*>(ctx)->delay = Milliseconds(milliseconds);
  }

  static void write_log(void* ctx, std::int32_t level, timmy_str text) {
    auto* world = static_cast<World*>(ctx);
    const std::scoped_lock lock(world->mutex_);
    world->log.push_back({level, std::string(detail::view(text))});
  }

  static std::int32_t cancelled(void* ctx) { return static_cast<World*>(ctx)->cancelled_ ? 1 : 0; }

  static std::int64_t remaining_ms(void* ctx) {
    const auto* world = static_cast<World*>(ctx);
    return world->cancelled_ ? 0 : world->remaining.value_or(Milliseconds()).count();
  }

  static timmy_status call(void* ctx, timmy_str method, timmy_str params, std::int64_t,
                           timmy_reply* reply) {
    auto* world = static_cast<World*>(ctx);
    const std::scoped_lock lock(world->mutex_);
    try {
      const Borrowed answer(
          detail::dump(world->answer(std::string(detail::view(method)), detail::parse(params))));
      reply->result(reply->ctx, answer.str());
      return TIMMY_OK;
    } catch (const Failure& failure) {
      if (failure.delay()) reply->delay(reply->ctx, failure.delay()->count());
      return fail(reply, failure.status(), failure.code(), failure.what());
    } catch (const Json::exception& error) {
      return fail(reply, TIMMY_PERMANENT, "usage", error.what());
    } catch (const std::exception& error) {  // of a function given to World::on
      return fail(reply, TIMMY_RETRYABLE, "internal", error.what());
    } catch (...) {
      return fail(reply, TIMMY_RETRYABLE, "internal", "something that is no std::exception");
    }
  }

  static timmy_status fail(timmy_reply* reply, timmy_status status, const std::string& code,
                           const std::string& message) {
    const Borrowed code_bytes(code);
    const Borrowed message_bytes(message);
    reply->error(reply->ctx, code_bytes.str(), message_bytes.str());
    return status;
  }

  World* world_;
  const timmy_plugin* table_;
  timmy_host host_{};
  void* self_ = nullptr;
  std::int64_t jobs_ = 0;
};

}  // namespace timmy::testing
