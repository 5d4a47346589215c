// SPDX-License-Identifier: Apache-2.0
#include "services/jobs_service.hpp"

#include "queue/job_table.hpp"
#include "queue/queue.hpp"
#include "store/store.hpp"

namespace host {
namespace {

constexpr std::size_t kPayloadCap = 256 * 1024;
constexpr std::size_t kProgressCap = 1000;

class JobsService final : public Service {
 public:
  using FindTask = std::function<std::optional<KnownTask>(const std::string&)>;

  JobsService(Queue& queue, Store& store, FindTask find_task)
      : queue_(&queue), store_(&store), find_task_(std::move(find_task)) {}

  [[nodiscard]] std::string_view id() const override { return "jobs/1"; }

  void call(const std::shared_ptr<RunContext>& run, std::string_view method, const Json& params,
            Reply<Json> reply) override {
    if (method == "enqueue") return enqueue(*run, params, std::move(reply));
    if (method == "follow") return follow(*run, params, std::move(reply));
    if (method == "progress") return progress(*run, params, std::move(reply));
    throw Error(Code::usage, "jobs/1 has no method \"" + std::string(method) + "\"",
                "It has enqueue, follow and progress.");
  }

 private:
  [[nodiscard]] NewJob parse(RunContext& run, const Json& params) const {
    const auto name = text_parameter(params, "task");
    const auto known = find_task_(name);
    if (!known || known->plugin != run.plugin) require_grant(run, "jobs.enqueue", name);
    if (!known) throw Error(Code::not_found, "no plugin of this host has a task \"" + name + "\"");
    NewJob job = known->prototype;
    job.payload = to_text(object_parameter(params, "payload"));
    if (job.payload.size() > kPayloadCap)
      throw Error(Code::too_large, "the payload for \"" + job.task + "\" is larger than 256 KiB");
    job.priority = static_cast<int>(number_parameter(params, "priority", job.priority, 0, 9));
    job.delay = milliseconds_parameter(params, "delay_ms", {});
    job.unique_key = text_parameter(params, "unique_key", "");
    job.concurrency_key = text_parameter(params, "concurrency_key", "");
    job.unique_window = milliseconds_parameter(params, "unique_window_ms", {});
    job.source = "plugin";
    job.parent = run.run.job;
    check_new_job(job);
    return job;
  }

  void enqueue(RunContext& run, const Json& params, Reply<Json> reply) {
    queue_->insert(
        {parse(run, params)},
        [reply = std::move(reply)](Result<std::vector<Inserted>> inserted) {
          reply(attempt([&] {
            const auto& one = inserted.value().front();
            return Json{{"id", one.id.value()}, {"duplicate", one.duplicate}};
          }));
        },
        run.run);
  }

  void follow(RunContext& run, const Json& params, Reply<Json> reply) {
    auto job = parse(run, params);
    count_staged(run, job.payload.size());
    run.followers.push_back(
        {std::move(job), parse_when(text_parameter(params, "when", "success"))});
    reply(Json::object());
  }

  static FollowOn parse_when(const std::string& text) {
    if (text == "success") return FollowOn::success;
    if (text == "failure") return FollowOn::failure;
    if (text == "always") return FollowOn::always;
    throw Error(Code::usage, "parameter \"when\" is \"" + text + "\"",
                "Use success, failure or always.");
  }

  void progress(const RunContext& run, const Json& params, Reply<Json> reply) {
    const auto percent = params.find("percent");
    const bool known = percent != params.end() && !percent->is_null();
    if (known && !(percent->is_number() && *percent >= 0 && *percent <= 100))
      throw Error(Code::usage, "parameter \"percent\" must be a number from 0 to 100");
    const std::string text = text_parameter(params, "text", "");
    if (text.size() > kProgressCap)
      throw Error(Code::too_large, "the text of a progress is at most 1,000 bytes long");
    const Json shown{{"percent", known ? *percent : Json()}, {"text", text}};
    store_->run([id = run.run, json = to_text(shown)](Unit& unit) { set_progress(unit, id, json); },
                [reply = std::move(reply)](Status done) {
                  reply(attempt([&] { return (void)done.value(), Json::object(); }));
                });
  }

  Queue* queue_;
  Store* store_;
  FindTask find_task_;
};

}  // namespace

std::unique_ptr<Service> make_jobs_service(
    Queue& queue, Store& store,
    std::function<std::optional<KnownTask>(const std::string&)> find_task) {
  return std::make_unique<JobsService>(queue, store, std::move(find_task));
}

}  // namespace host
