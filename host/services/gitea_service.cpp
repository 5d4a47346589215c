// SPDX-License-Identifier: Apache-2.0
#include "services/gitea_service.hpp"

#include "base/failpoint.hpp"
#include "base/sha256.hpp"
#include "gitea/client.hpp"
#include "queue/job_table.hpp"
#include "services/audit.hpp"
#include "services/gitea_reads.hpp"
#include "services/gitea_scopes.hpp"
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

class GiteaService final : public Service {
 public:
  GiteaService(Gitea& gitea, Store& store, const Clock& clock, Log log,
               std::function<void(const std::string&)> written)
      : gitea_(&gitea),
        store_(&store),
        clock_(&clock),
        log_(std::move(log)),
        written_(std::move(written)) {}

  [[nodiscard]] std::string_view id() const override { return "gitea/1"; }

  void call(const std::shared_ptr<RunContext>& run, std::string_view method, const Json& params,
            Reply<Json> reply) override {
    if (!may_ask_forge(run->grants))
      require_grant(*run, "gitea.read", text_parameter(params, "repo", "owner/name"));
    const ForgeCall call{run, params, std::move(reply)};
    if (const auto read = forge_reads().find(method); read != forge_reads().end())
      return read->second(*gitea_, call);
    const auto write = forge_writes().find(method);
    if (write == forge_writes().end())
      throw Error(Code::usage, "gitea/1 has no method \"" + std::string(method) + "\"",
                  "It has " + method_names() + ".");
    const auto wanted = write->second(*gitea_, call);
    const Intent intent{0,
                        run->run,
                        "gitea/1." + std::string(method),
                        wanted.target,
                        sha256_hex(to_text(params)),
                        audited_as(*run)};
    if (run->written >= run->writes.most) return refuse(call, intent);
    ++run->written;
    if (run->writes.dry_run) return rehearse(call, intent, wanted);
    send(call, intent, wanted);
  }

 private:
  // Intent, write, result: three steps, each durable before the next.
  void send(const ForgeCall& call, const Intent& intent, const ForgeWrite& write) {
    store_->run(
        [intent, now = clock_->wall()](Unit& unit) { return open_intent(unit, intent, now); },
        [this, intent, reply = call.reply, send = write.send](Result<std::int64_t> id) {
          if (!id.ok()) return reply(id.error());
          TIMMY_FAILPOINT("services.before_send");
          send([this, intent, id = id.value(), reply](Result<Json> answer) {
            TIMMY_FAILPOINT("services.after_send");
            answered(intent, id, std::move(answer), reply);
          });
        });
  }

  void answered(const Intent& intent, std::int64_t id, Result<Json> answer, Reply<Json> reply) {
    const auto entry = entry_of(intent, answer.ok() ? "ok" : answer.error().what());
    if (answer.ok() && written_) written_(intent.target);
    store_->submit(
        [id, entry](Unit& unit) {
          // Else it was looked for meanwhile, and what was found is on record.
          if (close_intent(unit, id, "done", entry.result, entry.at)) write_audit(unit, entry);
        },
        // The write happened, but its record did not: the run must not go on as if all were well.
        after(std::move(answer), std::move(reply)));
  }

  // One line a run is enough: a rule that is wrong may ask ten thousand times.
  void refuse(const ForgeCall& call, const Intent& intent) {
    const Error error(Code::too_large,
                      "this run has made " + std::to_string(call.run->written) +
                          " writes, its cap (limits.mutations)",
                      "Look what it wrote, with timmy-host audit --who " + call.run->plugin +
                          "; if that is right, raise plugins." + call.run->plugin +
                          ".limits.mutations in host.yaml.");
    if (std::exchange(call.run->refused_writing, true)) return call.reply(error);
    log_.warn("{}: {} on {} refused: {}", intent.who, intent.method, intent.target,
              error.message());
    audit(call.run, entry_of(intent, "refused: " + error.message()), after(error, call.reply));
  }

  void rehearse(const ForgeCall& call, const Intent& intent, const ForgeWrite& write) {
    // As much of it as a line takes; the parameters may be a comment of any length.
    constexpr std::size_t kShown = 2000;
    const auto params = to_text(call.params);
    log_.info("dry run: {} would send {} on {}: {}{}", intent.who, intent.method, intent.target,
              params.substr(0, kShown), params.size() > kShown ? "..." : "");
    write.rehearse([this, run = call.run, intent, reply = call.reply](Result<Json> answer) {
      if (answer.ok()) answer.value()["dry_run"] = true;
      const auto entry = entry_of(
          intent, "dry run: not sent" + (answer.ok() ? "" : "; " + answer.error().message()));
      audit(run, entry, after(std::move(answer), reply));
    });
  }

  [[nodiscard]] AuditEntry entry_of(const Intent& intent, std::string result) const {
    return {clock_->wall(), intent.who, intent.method, intent.target, std::move(result)};
  }

  // Of what was not sent. A run that is over learns that here, as it would from its intent.
  void audit(const std::shared_ptr<RunContext>& run, const AuditEntry& entry, Reply<Done> stored) {
    store_->submit(
        [run = run->run, entry](Unit& unit) {
          require_current(unit, run);
          write_audit(unit, entry);
        },
        std::move(stored));
  }

  // Answers once what there is to record is durable, or that it is not.
  static Reply<Done> after(Result<Json> answer, Reply<Json> reply) {
    return [answer = std::move(answer), reply = std::move(reply)](const Status& stored) {
      if (!stored.ok()) return reply(stored.error());
      reply(answer);
    };
  }

  Gitea* gitea_;
  Store* store_;
  const Clock* clock_;
  Log log_;
  std::function<void(const std::string&)> written_;
};

}  // namespace

std::unique_ptr<Service> make_gitea_service(
    Gitea& gitea, Store& store, const Clock& clock, Log log,
    std::function<void(const std::string& target)> written) {
  return std::make_unique<GiteaService>(gitea, store, clock, std::move(log), std::move(written));
}

}  // namespace host
