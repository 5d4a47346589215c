// SPDX-License-Identifier: Apache-2.0
#include "services/gitea_service.hpp"

#include "base/failpoint.hpp"
#include "base/sha256.hpp"
#include "gitea/client.hpp"
#include "services/audit.hpp"
#include "services/gitea_reads.hpp"
#include "services/gitea_writes.hpp"
#include "store/store.hpp"

namespace host {
namespace {

// "add_assignees, add_labels, ...".
std::string method_names() {
  std::string names;
  const auto add = [&](std::string_view name) {
    names += (names.empty() ? "" : ", ") + std::string(name);
  };
  for (const auto& [name, read] : forge_reads()) add(name);
  for (const auto& [name, write] : forge_writes()) add(name);
  return names;
}

std::string who(const RunContext& run) {
  return "plugin " + run.plugin + ", job " + std::to_string(run.run.job.value());
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
    const ForgeCall call{run, params, std::move(reply)};
    if (const auto read = forge_reads().find(method); read != forge_reads().end())
      return read->second(*gitea_, call);
    const auto write = forge_writes().find(method);
    if (write == forge_writes().end())
      throw Error(Code::usage, "gitea/1 has no method \"" + std::string(method) + "\"",
                  "It has " + method_names() + ".");
    const auto wanted = write->second(*gitea_, call);
    record(
        call,
        {0, run->run, "gitea/1." + std::string(method), wanted.target, sha256_hex(to_text(params))},
        wanted);
  }

 private:
  // Intent, write, result: three steps, each durable before the next.
  void record(const ForgeCall& call, const Intent& intent, const ForgeWrite& write) {
    store_->run(
        [intent, now = clock_->wall()](Unit& unit) { return open_intent(unit, intent, now); },
        [this, run = call.run, intent, reply = call.reply,
         send = write.send](Result<std::int64_t> id) {
          if (!id.ok()) return reply(id.error());
          TIMMY_FAILPOINT("services.before_send");
          send([this, run, intent, id = id.value(), reply](Result<Json> answer) {
            TIMMY_FAILPOINT("services.after_send");
            answered(*run, intent, id, std::move(answer), reply);
          });
        });
  }

  void answered(const RunContext& run, const Intent& intent, std::int64_t id, Result<Json> answer,
                Reply<Json> reply) {
    const std::string result = answer.ok() ? "ok" : answer.error().what();
    const AuditEntry entry{clock_->wall(), who(run), intent.method, intent.target, result};
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

}  // namespace

std::unique_ptr<Service> make_gitea_service(Gitea& gitea, Store& store, const Clock& clock) {
  return std::make_unique<GiteaService>(gitea, store, clock);
}

}  // namespace host
