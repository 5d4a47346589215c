// SPDX-License-Identifier: Apache-2.0
#include "services/gitea_service.hpp"

#include "base/failpoint.hpp"
#include "base/sha256.hpp"
#include "gitea/client.hpp"
#include "gitea/decode.hpp"
#include "services/audit.hpp"
#include "store/store.hpp"

namespace host {
namespace {

Json label_names(const std::vector<Label>& labels) {
  Json names = Json::array();
  for (const auto& label : labels) names.push_back(label.name);
  return names;
}

Json optional_time(const std::optional<WallTime>& time) {
  return time ? Json(format_utc(*time)) : Json();
}

Json to_json(const Issue& issue) {
  return {{"number", issue.number},
          {"title", issue.title},
          {"body", issue.body},
          {"state", issue.state},
          {"user", issue.user},
          {"labels", label_names(issue.labels)},
          {"assignees", issue.assignees},
          {"is_locked", issue.is_locked},
          {"is_pull", issue.is_pull},
          {"comments", issue.comments},
          {"html_url", issue.html_url},
          {"created_at", optional_time(issue.created_at)},
          {"updated_at", optional_time(issue.updated_at)}};
}

Json to_json(const Repository& repo) {
  return {{"full_name", repo.full_name}, {"default_branch", repo.default_branch},
          {"archived", repo.archived},   {"empty", repo.empty},
          {"private", repo.is_private},  {"has_issues", repo.has_issues},
          {"can_push", repo.can_push}};
}

std::optional<WallTime> parse_since(const Json& params) {
  const auto found = params.find("since");
  if (found == params.end() || found->is_null()) return std::nullopt;
  const auto time = found->is_string() ? parse_rfc3339(found->get<std::string>()) : std::nullopt;
  if (!time)
    throw Error(Code::usage, "parameter \"since\" must be a time such as 2026-01-31T12:00:00Z");
  return time;
}

std::int64_t issue_number(const Json& params) {
  const auto number = number_parameter(params, "number", 0);
  if (number <= 0) throw Error(Code::usage, "parameter \"number\" must be an issue's number");
  return number;
}

class GiteaService final : public Service {
 public:
  GiteaService(Gitea& gitea, Store& store, const Clock& clock)
      : gitea_(&gitea), store_(&store), clock_(&clock) {}

  [[nodiscard]] std::string_view id() const override { return "gitea/1"; }

  void call(const std::shared_ptr<RunContext>& run, std::string_view method, const Json& params,
            Reply<Json> reply) override {
    if (!run->grants.has("gitea.read") && !run->grants.has("gitea.write"))
      require_grant(*run, "gitea.read", text_parameter(params, "repo", "owner/name"));
    if (method == "whoami") return whoami(run, std::move(reply));
    if (method == "version") return version(run, std::move(reply));
    if (method == "list_repos")
      return list_repos(run, text_parameter(params, "owner"), std::move(reply));
    if (method == "list_issues") return list_issues(run, params, std::move(reply));
    if (method == "get_issue") return get_issue(run, params, std::move(reply));
    if (method == "list_labels") return list_labels(run, params, std::move(reply));
    if (method == "add_labels") return add_labels(run, params, std::move(reply));
    throw Error(
        Code::usage, "gitea/1 has no method \"" + std::string(method) + "\"",
        "It has whoami, version, list_repos, list_issues, get_issue, list_labels and add_labels.");
  }

 private:
  // Passes a result on as JSON, and remembers that the forge was away.
  template <class T, class Convert>
  static Reply<T> as_json(const std::shared_ptr<RunContext>& run, Reply<Json> reply,
                          Convert convert) {
    return [run, reply = std::move(reply), convert = std::move(convert)](Result<T> result) {
      if (!result.ok() && result.error().transient()) run->unreachable.insert("gitea");
      reply(attempt([&]() -> Json { return convert(std::move(result).value()); }));
    };
  }

  static RepoName repo_of(RunContext& run, const Json& params, std::string_view grant) {
    const auto text = text_parameter(params, "repo");
    require_grant(run, grant, text);
    return parse_repo_name(text);
  }

  void whoami(const std::shared_ptr<RunContext>& run, Reply<Json> reply) {
    gitea_->whoami(as_json<User>(run, std::move(reply), [](const User& user) {
      return Json{{"login", user.login}, {"id", user.id}};
    }));
  }

  void version(const std::shared_ptr<RunContext>& run, Reply<Json> reply) {
    gitea_->version(as_json<std::string>(run, std::move(reply), [](const std::string& text) {
      return Json{{"version", text}};
    }));
  }

  void list_repos(const std::shared_ptr<RunContext>& run, const std::string& owner,
                  Reply<Json> reply) {
    gitea_->list_repos(owner,
                       as_json<std::vector<Repository>>(
                           run, std::move(reply), [run](const std::vector<Repository>& repos) {
                             Json visible = Json::array();
                             for (const auto& repo : repos)
                               if (run->grants.permits("gitea.read", repo.full_name))
                                 visible.push_back(to_json(repo));
                             return Json{{"repos", std::move(visible)}};
                           }));
  }

  void list_issues(const std::shared_ptr<RunContext>& run, const Json& params, Reply<Json> reply) {
    const auto repo = repo_of(*run, params, "gitea.read");
    IssueFilter filter;
    filter.state = text_parameter(params, "state", "open");
    filter.since = parse_since(params);
    gitea_->list_issues(
        repo, std::move(filter),
        as_json<std::vector<Issue>>(run, std::move(reply), [](const std::vector<Issue>& issues) {
          Json all = Json::array();
          for (const auto& issue : issues) all.push_back(to_json(issue));
          return Json{{"issues", std::move(all)}};
        }));
  }

  void get_issue(const std::shared_ptr<RunContext>& run, const Json& params, Reply<Json> reply) {
    gitea_->get_issue(
        repo_of(*run, params, "gitea.read"), issue_number(params),
        as_json<Issue>(run, std::move(reply), [](const Issue& issue) { return to_json(issue); }));
  }

  void list_labels(const std::shared_ptr<RunContext>& run, const Json& params, Reply<Json> reply) {
    gitea_->list_labels(
        repo_of(*run, params, "gitea.read"),
        as_json<std::vector<Label>>(run, std::move(reply), [](const std::vector<Label>& labels) {
          return Json{{"labels", label_names(labels)}};
        }));
  }

  void add_labels(const std::shared_ptr<RunContext>& run, const Json& params, Reply<Json> reply) {
    const auto repo = repo_of(*run, params, "gitea.write");
    const auto number = issue_number(params);
    const auto labels = params.find("labels");
    if (labels == params.end() || !labels->is_array() || labels->empty())
      throw Error(Code::usage,
                  "parameter \"labels\" must be a list of label names that is not empty");
    std::vector<std::string> names;
    for (const auto& label : *labels) {
      if (!label.is_string()) throw Error(Code::usage, "parameter \"labels\" must hold texts");
      names.push_back(label.get<std::string>());
    }
    const std::string target = repo.full() + "#" + std::to_string(number);
    write(run, "add_labels", target, params, std::move(reply), [=, this](Reply<Json> answer) {
      gitea_->add_labels(
          repo, number, names,
          as_json<std::vector<Label>>(run, std::move(answer), [](const std::vector<Label>& all) {
            return Json{{"labels", label_names(all)}};
          }));
    });
  }

  // Intent, write, result: three steps, each durable before the next.
  void write(const std::shared_ptr<RunContext>& run, const std::string& method,
             const std::string& target, const Json& params, Reply<Json> reply,
             std::function<void(Reply<Json>)> send) {
    const Intent intent{0, run->run, "gitea/1." + method, target, sha256_hex(to_text(params))};
    store_->run(
        [intent, now = clock_->wall()](Unit& unit) { return open_intent(unit, intent, now); },
        [this, run, intent, reply = std::move(reply),
         send = std::move(send)](Result<std::int64_t> id) {
          if (!id.ok()) return reply(id.error());
          TIMMY_FAILPOINT("services.before_send");
          send([this, run, intent, id = id.value(), reply](Result<Json> answer) {
            TIMMY_FAILPOINT("services.after_send");
            record(*run, intent, id, std::move(answer), reply);
          });
        });
  }

  void record(const RunContext& run, const Intent& intent, std::int64_t id, Result<Json> answer,
              Reply<Json> reply) {
    const std::string result = answer.ok() ? "ok" : answer.error().what();
    const AuditEntry entry{clock_->wall(),
                           "plugin " + run.plugin + ", job " + std::to_string(run.run.job.value()),
                           intent.method, intent.target, result};
    store_->run(
        [id, entry](Unit& unit) {
          close_intent(unit, id, "done", entry.result, entry.at);
          write_audit(unit, entry);
        },
        [answer = std::move(answer), reply = std::move(reply)](Status stored) {
          // The write happened, but its record did not: the run must not go on as if all were well.
          if (!stored.ok()) return reply(stored.error());
          reply(answer);
        });
  }

  Gitea* gitea_;
  Store* store_;
  const Clock* clock_;
};

// "org/app#12" as repository and number.
std::pair<RepoName, std::int64_t> parse_target(const std::string& target) {
  const auto hash = target.rfind('#');
  if (hash == std::string::npos) throw Error(Code::invalid, "\"" + target + "\" names no issue");
  return {parse_repo_name(target.substr(0, hash)), std::stoll(target.substr(hash + 1))};
}

// Goes through the open intents one after another; keeps itself alive while it does.
class Resolution : public std::enable_shared_from_this<Resolution> {
 public:
  Resolution(Gitea& gitea, Store& store, const Clock& clock, Log log, Reply<ResolvedIntents> done)
      : gitea_(&gitea),
        store_(&store),
        clock_(&clock),
        log_(std::move(log)),
        done_(std::move(done)) {}

  void begin() {
    store_->run([](Unit& unit) { return open_intents(unit); },
                [self = shared_from_this()](Result<std::vector<Intent>> open) {
                  if (!open.ok()) return self->done_(open.error());
                  self->open_ = std::move(open).value();
                  self->next();
                });
  }

 private:
  void next() {
    if (at_ == open_.size()) return done_(resolved_);
    const Intent& intent = open_[at_++];
    try {
      const auto [repo, number] = parse_target(intent.target);
      gitea_->get_issue(repo, number, [self = shared_from_this(), &intent](Result<Issue> issue) {
        self->found(intent, std::move(issue));
      });
    } catch (...) {
      close(intent, current_error().message());
    }
  }

  void found(const Intent& intent, Result<Issue> issue) {
    if (!issue.ok() && issue.error().transient()) {
      ++resolved_.open;
      return next();
    }
    if (!issue.ok()) return close(intent, issue.error().message());
    std::string labels;
    for (const auto& label : issue.value().labels)
      labels += (labels.empty() ? "" : ", ") + label.name;
    close(intent,
          "read back: " + intent.target + " carries " + (labels.empty() ? "no label" : labels));
  }

  void close(const Intent& intent, const std::string& result) {
    log_.info("the host died during {} on {}: {}", intent.method, intent.target, result);
    store_->run(
        [id = intent.id, result, now = clock_->wall(), intent](Unit& unit) {
          close_intent(unit, id, "lost", result, now);
          write_audit(unit, {now, "the host, at start", intent.method, intent.target, result});
        },
        [self = shared_from_this()](Status stored) {
          if (!stored.ok()) return self->done_(stored.error());
          ++self->resolved_.closed;
          self->next();
        });
  }

  Gitea* gitea_;
  Store* store_;
  const Clock* clock_;
  Log log_;
  Reply<ResolvedIntents> done_;
  std::vector<Intent> open_;
  std::size_t at_ = 0;
  ResolvedIntents resolved_;
};

}  // namespace

std::unique_ptr<Service> make_gitea_service(Gitea& gitea, Store& store, const Clock& clock) {
  return std::make_unique<GiteaService>(gitea, store, clock);
}

void resolve_intents(Gitea& gitea, Store& store, const Clock& clock, Log log,
                     Reply<ResolvedIntents> done) {
  std::make_shared<Resolution>(gitea, store, clock, std::move(log), std::move(done))->begin();
}

}  // namespace host
