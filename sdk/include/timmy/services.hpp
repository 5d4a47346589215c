// SPDX-License-Identifier: Apache-2.0
//
// The host's services, typed. Each object is a light view of one run: get it from the Context where
// it is needed, and never keep it. Every method blocks until the host has answered, may be called
// from any thread of the plugin while the run lasts, and throws
//   Permanent  "not_granted" (the operator has not granted it), "not_found", "denied", "conflict",
//              "too_large", "usage" (the service has no such method), "unsupported" (this host
//              has no such service)
//   Retryable  "unavailable", "rate_limited" (with the delay asked for), "busy", "timed_out"
//   Cancelled  once the run is asked to stop
// What is passed in is copied, what is returned is the caller's. Since ABI 1.0, unless it says
// otherwise.
#pragma once

#include <timmy/caller.hpp>
#include <timmy/gitea.hpp>
#include <timmy/model.hpp>
#include <timmy/playbooks.hpp>
#include <timmy/process.hpp>
#include <timmy/tokens.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace timmy {

// A job to insert. What is left at its default is up to the task's manifest.
struct NewJob {
  std::string task{};
  Json payload = Json::object();
  std::optional<int> priority{};  // 0 to 9, lower first
  Milliseconds delay{};
  // Waiting jobs of one task with the same key count as one, within the window (zero: for ever).
  std::string unique_key{};
  Milliseconds unique_window{};
  // Of one task's jobs with the same key only so many run at once as its manifest's key_concurrency
  // says; the others wait for their turn.
  std::string concurrency_key{};
};

// On which end of this job a follower comes.
enum class FollowOn {
  success,  // it completed
  failure,  // it was discarded: no attempt is left, or the failure was permanent
  always,   // it ended, cancelled included
};

struct Enqueued {
  std::int64_t id = 0;     // the job's, or of the one that was there already
  bool duplicate = false;  // whether it was
};

// jobs/1. A plugin's own tasks need no grant, others' jobs.enqueue.
class Jobs {
 public:
  explicit Jobs(Caller caller) : caller_(caller) {}

  // Inserts a job now, whatever becomes of this run. It is durable when this returns.
  Enqueued enqueue(const NewJob& job) const {
    const Json answer = caller_.call("jobs/1.enqueue", to_json(job));
    return {answer.at("id").get<std::int64_t>(), answer.value("duplicate", false)};
  }

  // Inserts a job in the transaction that ends this one, if it ends so. A run whose failure is
  // tried again leaves nothing: the next run asks for its own.
  void follow(const NewJob& job, FollowOn when = FollowOn::success) const {
    Json params = to_json(job);
    if (when != FollowOn::success)
      params["when"] = when == FollowOn::failure ? "failure" : "always";
    caller_.call("jobs/1.follow", params);
  }

  // How far the run is, for who looks at it: 0 to 100, and what it is doing.
  void progress(double percent, const std::string& text) const {
    caller_.call("jobs/1.progress", {{"percent", percent}, {"text", text}});
  }

 private:
  static Json to_json(const NewJob& job) {
    Json params{{"task", job.task}, {"payload", job.payload}};
    if (job.priority) params["priority"] = *job.priority;
    if (job.delay.count() != 0) params["delay_ms"] = job.delay.count();
    if (!job.unique_key.empty()) {
      params["unique_key"] = job.unique_key;
      if (job.unique_window.count() != 0) params["unique_window_ms"] = job.unique_window.count();
    }
    if (!job.concurrency_key.empty()) params["concurrency_key"] = job.concurrency_key;
    return params;
  }

  Caller caller_;
};

// state/1: a durable map of the plugin's own, shared by its tasks. A run reads its own writes.
// Keys are at most 256 bytes, values 64 KiB.
class State {
 public:
  explicit State(Caller caller) : caller_(caller) {}

  [[nodiscard]] std::optional<Json> get(const std::string& key) const {
    Json answer = caller_.call("state/1.get", {{"key", key}});
    Json& value = answer["value"];
    return value.is_null() ? std::nullopt : std::optional(std::move(value));
  }

  // Counts if and when this run completes, in the same transaction. Null removes the key.
  void put(const std::string& key, const Json& value) const {
    caller_.call("state/1.put", {{"key", key}, {"value", value}});
  }

  // Counts at once, also if this run fails; durable when it returns.
  void put_now(const std::string& key, const Json& value) const {
    caller_.call("state/1.put_now", {{"key", key}, {"value", value}});
  }

  // The keys that begin with `prefix`, sorted; at most 1000.
  [[nodiscard]] std::vector<std::string> list(const std::string& prefix = {}) const {
    return caller_.call("state/1.list", {{"prefix", prefix}}).at("keys");
  }

 private:
  Caller caller_;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url{};
  std::map<std::string, std::string> headers{};
  std::string body{};
  Milliseconds timeout{30'000};
  // A name from host.yaml's `credentials`. The host adds it as a bearer token; the plugin never
  // sees it. Needs the grant http.credential: name@host:port.
  std::string credential{};
};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
  // The body as JSON. Throws Permanent "bad_reply" if it isn't.
  [[nodiscard]] Json json() const {
    Json value = Json::parse(body, nullptr, false);
    if (value.is_discarded())
      throw Permanent("bad_reply", "expected JSON, got " + std::to_string(body.size()) + " bytes");
    return value;
  }
};

// http/1. Needs the grant http: host:port. Redirects are not followed. A status of 400 or more is a
// response, no failure.
class Http {
 public:
  explicit Http(Caller caller) : caller_(caller) {}

  [[nodiscard]] HttpResponse request(const HttpRequest& request) const {
    Json params{{"method", request.method},
                {"url", request.url},
                {"headers", request.headers},
                {"body", request.body},
                {"timeout_ms", request.timeout.count()}};
    if (!request.credential.empty()) params["credential"] = request.credential;
    const Json answer = caller_.call("http/1.request", params);
    return {answer.at("status").get<int>(),
            answer.value("headers", std::map<std::string, std::string>()),
            answer.value("body", "")};
  }

  [[nodiscard]] HttpResponse get(const std::string& url) const { return request({.url = url}); }

  // Posts JSON.
  [[nodiscard]] HttpResponse post(const std::string& url, const Json& body) const {
    return request({.method = "POST",
                    .url = url,
                    .headers = {{"content-type", "application/json"}},
                    .body = detail::dump(body)});
  }

 private:
  Caller caller_;
};

}  // namespace timmy
