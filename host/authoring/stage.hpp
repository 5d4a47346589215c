// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "plugins/catalogue.hpp"
#include "queue/queue.hpp"
#include "services/process_service.hpp"
#include "services/service_table.hpp"
#include "store/inline_store.hpp"
#include "tokens/call_ledger.hpp"
#include "tokens/ledger.hpp"
#include "tokens/model_call.hpp"
#include "workers/service_handler.hpp"

namespace host {

class Gitea;
class HttpClient;

// One service call that a plugin made.
struct TrialCall {
  std::string method;
  std::string params;  // JSON, it says
  Result<std::string> answer;
  Duration took{};  // as the host sees it
};

// What a run asked to be done when it completes.
struct TrialEffects {
  std::map<std::string, Json> state;  // values put; null removes the key
  std::vector<Follower> followers;
};

// What a plugin finds around it when it is tried without a host: the host's own services on a queue
// and a store in memory, so that grants and parameters are judged as in earnest. Nothing caps its
// tokens, and model/1 has no route: no trial costs money. process/1 watches nothing. State lives as
// long as the stage. Loop thread.
class Stage final : public ServiceHandler {
 public:
  // The world outside; not owned.
  struct Outside {
    Gitea& gitea;
    HttpClient& http;
    std::map<std::string, std::filesystem::path> credentials;  // as HostConfig's
  };
  Stage(Loop& loop, Log log, Outside outside);

  // Whoever wants to see calls and lines as they come.
  std::function<void(const TrialCall&)> on_call;
  std::function<void(Level, std::string_view text)> on_line;

  // Makes a job of one of the plugin's tasks and opens the services to its run.
  void open(const PluginEntry& plugin, const std::string& task, const Json& payload,
            Reply<ClaimedJob> done);
  // Its code is being called.
  void begin(RunId run);
  // The run is over. What it staged is written if it completed.
  TrialEffects close(RunId run, const Verdict& verdict);

  [[nodiscard]] const std::vector<TrialCall>& calls() const { return calls_; }
  // The worker's line of a destroy that threw; empty without one.
  [[nodiscard]] const std::string& destroy_threw() const { return destroy_threw_; }

  // ServiceHandler:
  void call(ServiceCall call, Reply<std::string> reply) override;
  void log(RunId run, std::string_view plugin, Level level, std::string_view text) override;

 private:
  void recover(Reply<Done> done);
  void claim(const PluginEntry& plugin, const std::string& task, Reply<ClaimedJob> done);

  Loop& loop_;
  InlineStore store_;
  Queue queue_;
  Ledger ledger_;
  std::unique_ptr<CallLedger> call_ledger_;
  ModelGateway models_;
  std::unique_ptr<DeadmanDesk> deadman_;
  ServiceTable services_;
  bool recovered_ = false;
  std::map<std::string, std::string> tasks_;  // of the plugin on stage -> its id
  std::vector<TrialCall> calls_;
  std::string destroy_threw_;
};

}  // namespace host
