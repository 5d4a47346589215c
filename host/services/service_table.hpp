// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/log.hpp"
#include "services/service.hpp"
#include "workers/service_handler.hpp"

namespace host {

// The one door through which plugins reach the host: takes "gitea/1.list_issues" from a worker,
// finds the run and the service, and answers. Loop thread.
class ServiceTable final : public ServiceHandler {
 public:
  explicit ServiceTable(Log log);

  void add(std::unique_ptr<Service> service);

  // Opens the door for a run, and closes it. Calls of a run that is not open are refused as stale
  // and counted; a reply that arrives after the close is dropped by the pool.
  void open(std::shared_ptr<RunContext> run);
  // Its code is being called. Calls before that are refused as stale, too.
  void begin(RunId run);
  // The context with what the run staged, or null if it was not open. Calls that can be given up
  // are.
  [[nodiscard]] std::shared_ptr<RunContext> close(RunId run);

  // ServiceHandler:
  void call(ServiceCall call, Reply<std::string> reply) override;
  void log(RunId run, std::string_view plugin, Level level, std::string_view text) override;

  // A plugin's grants changed: what it is denied from now on goes into the log again.
  void forget_denials(const std::string& plugin) { announced_.erase(plugin); }

  // "gitea/1", "http/1", ... sorted.
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] std::size_t stale_calls() const { return stale_calls_; }

 private:
  [[nodiscard]] Service& find(std::string_view id) const;
  // A denial goes into the log once, with the line that would grant it; of each plugin so many
  // different ones, and then a last line that says so.
  void announce_refusal(const RunContext& run, const Error& error);

  Log log_;
  std::vector<std::unique_ptr<Service>> services_;
  std::unordered_map<RunId, std::shared_ptr<RunContext>> runs_;
  std::map<std::string, std::set<std::string>> announced_;  // by plugin, denials in the log
  std::size_t stale_calls_ = 0;
};

}  // namespace host
