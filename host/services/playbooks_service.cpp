// SPDX-License-Identifier: Apache-2.0
#include "services/playbooks_service.hpp"

#include <fmt/format.h>

#include "services/audit.hpp"
#include "store/store.hpp"

namespace host {
namespace {

constexpr const char* kGrant = "playbooks.dispatch";

class PlaybooksService final : public Service {
 public:
  PlaybooksService(PlaybookDesk& desk, Store& store, const Clock& clock)
      : desk_(&desk), store_(&store), clock_(&clock) {}

  [[nodiscard]] std::string_view id() const override { return "playbooks/1"; }

  void call(const std::shared_ptr<RunContext>& run, std::string_view method, const Json& params,
            Reply<Json> reply) override {
    if (method == "dispatch") return dispatch(run, params, std::move(reply));
    if (method == "status") return status(run, params, std::move(reply));
    throw Error(Code::usage, "playbooks/1 has no method \"" + std::string(method) + "\"",
                "It has dispatch and status.");
  }

 private:
  void dispatch(const std::shared_ptr<RunContext>& run, const Json& params, Reply<Json> reply) {
    PlaybookDesk::Order order;
    order.playbook = text_parameter(params, "name");
    require_grant(*run, kGrant, order.playbook);
    order.repository = text_parameter(params, "repository");
    order.number = needed_number(params, "issue");
    order.source = "plugin " + run->plugin;
    if (run->writes.dry_run) return rehearse(order, std::move(reply));
    desk_->dispatch(order, [this, run, order, reply = std::move(reply)](Result<Json> taken) {
      audit(*run, order, taken, std::move(reply));
    });
  }

  // Before the plugin hears of it.
  void audit(const RunContext& run, const PlaybookDesk::Order& order, Result<Json> taken,
             Reply<Json> reply) {
    const AuditEntry entry{
        clock_->wall(), audited_as(run), "playbooks/1.dispatch",
        fmt::format("{}#{} by {}", order.repository, order.number, order.playbook),
        taken.ok() ? "ok" : taken.error().what()};
    store_->submit([entry](Unit& unit) { write_audit(unit, entry); },
                   [taken = std::move(taken), reply = std::move(reply)](const Status& written) {
                     if (!written.ok()) return reply(written.error());
                     reply(taken);
                   });
  }

  void rehearse(const PlaybookDesk::Order& order, Reply<Json> reply) {
    desk_->preview(order, [order, reply = std::move(reply)](Result<Json> seen) {
      if (!seen.ok()) return reply(seen.error());
      const bool taken = seen.value().value("taken", false);
      std::string reason;
      for (const auto& each : seen.value().value("reasons", Json::array()))
        reason += (reason.empty() ? "" : "; ") + each.get<std::string>();
      reply(Json{{"item", nullptr},
                 {"playbook", order.playbook},
                 {"repository", order.repository},
                 {"issue", order.number},
                 {"gate", "intake"},
                 {"state", taken ? "waiting" : "declined"},
                 {"reason", taken ? "dry run: it was not taken" : reason},
                 {"pull", nullptr}});
    });
  }

  void status(const std::shared_ptr<RunContext>& run, const Json& params, Reply<Json> reply) {
    const auto item = needed_number(params, "item");
    if (!run->grants.has(kGrant)) require_grant(*run, kGrant, "*");
    desk_->status(item, [run, reply = std::move(reply)](Result<Json> found) {
      reply(attempt([&]() -> Json {
        require_grant(*run, kGrant, found.value().at("playbook").get<std::string>());
        return std::move(found).value();
      }));
    });
  }

  PlaybookDesk* desk_;
  Store* store_;
  const Clock* clock_;
};

}  // namespace

std::unique_ptr<Service> make_playbooks_service(PlaybookDesk& desk, Store& store,
                                                const Clock& clock) {
  return std::make_unique<PlaybooksService>(desk, store, clock);
}

}  // namespace host
