// SPDX-License-Identifier: Apache-2.0
//
// The host's services, typed. Each object is a light view of one run: get it from the Context where
// it is needed, and never keep it. Every method blocks until the host has answered, may be called
// from any thread of the plugin while the run lasts, and throws
//   Permanent  "not_granted" (the operator has not granted it), "not_found", "denied", "conflict",
//              "too_large", "usage" (the service has no such method), "unsupported" (this host
//              has no such service)
//   Retryable  "unavailable", "rate_limited" (with the delay asked for), "timed_out"
//   Cancelled  once the run is asked to stop
// What is passed in is copied, what is returned is the caller's. Since ABI 1.0, unless it says
// otherwise.
#pragma once

#include <timmy/job.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace timmy {

// The one door to the host, which everything below goes through.
class Caller {
 public:
  explicit Caller(const timmy_run* run) : run_(run) {}

  // Calls "service/revision.method" with an object of parameters and returns the object that the
  // host answers. `timeout`: zero for as long as the run may still take.
  Json call(std::string_view method, const Json& params, Milliseconds timeout = {}) const {
    Answer answer;
    timmy_reply reply{sizeof(timmy_reply), 0, &answer, &Answer::set_result, &Answer::set_error,
                      &Answer::set_delay};
    const std::string text = detail::dump(params);
    const timmy_status status = run_->call(run_->ctx, detail::borrow(method), detail::borrow(text),
                                           timeout.count(), &reply);
    if (answer.out_of_memory) throw std::bad_alloc();
    const std::string message = std::string(method) + ": " + answer.message;
    switch (status) {
      case TIMMY_OK: return detail::parse(detail::borrow(answer.result));
      case TIMMY_RETRYABLE: throw Retryable(answer.code, message, answer.delay);
      case TIMMY_CANCELLED: throw Cancelled(message);
      default: throw Permanent(answer.code, message);
    }
  }

  [[nodiscard]] bool cancelled() const { return run_->cancelled(run_->ctx) != 0; }

  // See Context::remaining.
  [[nodiscard]] std::optional<Milliseconds> remaining() const {
    if (!TIMMY_HAS(timmy_run, run_, remaining_ms)) return std::nullopt;
    return Milliseconds(run_->remaining_ms(run_->ctx));
  }

 private:
  struct Answer {
    std::string result, code, message;
    std::optional<Milliseconds> delay;
    bool out_of_memory = false;

    // No exception may cross back into the host.
    static void keep(void* ctx, std::string Answer::*member, timmy_str text) noexcept {
      auto* self = static_cast<Answer*>(ctx);
      try {
        self->*member = detail::view(text);
      } catch (...) {
        self->out_of_memory = true;
      }
    }
    static void set_result(void* ctx, timmy_str json) noexcept { keep(ctx, &Answer::result, json); }
    static void set_error(void* ctx, timmy_str code, timmy_str message) noexcept {
      keep(ctx, &Answer::code, code);
      keep(ctx, &Answer::message, message);
    }
    static void set_delay(void* ctx, std::int64_t milliseconds) noexcept {
      static_cast<Answer*>(ctx)->delay = Milliseconds(milliseconds);
    }
  };

  const timmy_run* run_;
};

struct User {
  std::int64_t id = 0;
  std::string login;
};

struct Repository {
  std::string full_name;  // "org/app"
  bool archived = false;
  bool has_issues = true;
  Json raw;  // all that the host said
};

struct Issue {
  std::int64_t number = 0;
  std::string title;
  std::string body;
  std::string state;  // "open" or "closed"
  std::string user;   // the author's login
  std::vector<std::string> labels;
  std::optional<Time> updated_at;
  Json raw;  // all that the host said
};

struct IssueFilter {
  std::string state = "open";   // "open", "closed" or "all"
  std::optional<Time> since{};  // updated then or later; whole seconds
};

// gitea/1. Reading needs the grant gitea.read for the repository, writing gitea.write.
class Gitea {
 public:
  explicit Gitea(Caller caller) : caller_(caller) {}

  // Whom the host's token belongs to. Fails if the forge is away or refuses the token.
  [[nodiscard]] User whoami() const {
    const Json user = caller_.call("gitea/1.whoami", Json::object());
    return {user.value("id", std::int64_t{0}), user.at("login").get<std::string>()};
  }

  [[nodiscard]] std::string version() const {
    return caller_.call("gitea/1.version", Json::object()).at("version").get<std::string>();
  }

  // All repositories of a user or organisation that the host sees and the plugin may read.
  [[nodiscard]] std::vector<Repository> list_repos(const std::string& owner) const {
    Json answer = caller_.call("gitea/1.list_repos", {{"owner", owner}});
    std::vector<Repository> repos;
    for (Json& repo : answer.at("repos"))
      repos.push_back({repo.at("full_name").get<std::string>(), repo.value("archived", false),
                       repo.value("has_issues", true), std::move(repo)});
    return repos;
  }

  // All issues, not only a page, newest first; pull requests are none.
  [[nodiscard]] std::vector<Issue> list_issues(const std::string& repo,
                                               const IssueFilter& filter = {}) const {
    Json params{{"repo", repo}, {"state", filter.state}};
    if (filter.since)
      params["since"] = format_time(std::chrono::floor<std::chrono::seconds>(*filter.since));
    Json answer = caller_.call("gitea/1.list_issues", params);
    std::vector<Issue> issues;
    for (Json& issue : answer.at("issues")) issues.push_back(to_issue(std::move(issue)));
    return issues;
  }

  [[nodiscard]] Issue get_issue(const std::string& repo, std::int64_t number) const {
    return to_issue(caller_.call("gitea/1.get_issue", {{"repo", repo}, {"number", number}}));
  }

  // The names of the repository's own labels; those of its organisation are not among them.
  [[nodiscard]] std::vector<std::string> list_labels(const std::string& repo) const {
    return caller_.call("gitea/1.list_labels", {{"repo", repo}}).at("labels");
  }

  // Adds labels by name and returns all that the issue carries afterwards. Adding one twice is
  // harmless. Throws Permanent "not_found" naming the label that does not exist.
  std::vector<std::string> add_labels(const std::string& repo, std::int64_t number,
                                      const std::vector<std::string>& labels) const {
    return caller_
        .call("gitea/1.add_labels", {{"repo", repo}, {"number", number}, {"labels", labels}})
        .at("labels");
  }

 private:
  static Issue to_issue(Json json) {
    Issue issue;
    issue.number = json.at("number").get<std::int64_t>();
    issue.title = json.value("title", "");
    issue.body = json.value("body", "");
    issue.state = json.value("state", "");
    issue.user = json.value("user", "");
    issue.labels = json.value("labels", std::vector<std::string>());
    if (const auto at = json.find("updated_at"); at != json.end() && at->is_string())
      issue.updated_at = parse_time(at->get<std::string>());
    issue.raw = std::move(json);
    return issue;
  }

  Caller caller_;
};

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
