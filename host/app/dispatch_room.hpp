// SPDX-License-Identifier: Apache-2.0
//
// The dispatcher with all that it works with, put together.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/dispatch_rules.hpp"
#include "app/lane_hand_over.hpp"
#include "app/noted_drain.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "config/host_config.hpp"
#include "control/item_routes.hpp"
#include "dispatch/caged_runs.hpp"
#include "dispatch/dispatcher.hpp"
#include "dispatch/forge_reporter.hpp"
#include "dispatch/git_workspaces.hpp"
#include "dispatch/host_verifier.hpp"
#include "dispatch/housekeeping.hpp"
#include "gitea/token.hpp"
#include "gitea/webhook.hpp"
#include "runs/supervised_runner.hpp"
#include "services/playbooks_service.hpp"

namespace host {

// What it is built on; all outlives it.
struct DispatchGround {
  boost::asio::io_context& context;
  Loop& loop;
  Store& store;
  Gitea& gitea;
  const Clock& clock;
  std::function<Meter*()> meter;
  std::function<std::int64_t()> today;
  std::function<WallTime()> next_day;
  dispatch::PipelineHold held;
  std::function<std::int64_t()> budget_generation;
  const Paths& paths;
  std::filesystem::path supervisor;
  std::int64_t instance;
  Log log;
};

// Loop thread.
class DispatchRoom final : public PlaybookDesk {
 public:
  // Throws Error{unsupported} without a git that is new enough, {io}.
  DispatchRoom(DispatchGround ground, const HostConfig& config);
  ~DispatchRoom() override;

  // Takes up what is kept and looks for work.
  void start();
  // A new host.yaml, or new playbooks.
  void configure(const HostConfig& config);
  void heard(const ForgeEvent& event);
  // A plugin changed something of "owner/name#7".
  void written(const std::string& target);
  void forge_is_back() { dispatcher_->forge_is_back(); }
  void budget_changed() { dispatcher_->budget_changed(); }
  void renamed(const RepoName& from, const RepoName& to) {
    dispatcher_->renamed(from.full(), to.full());
  }
  // After each look of the deadman.
  void hand_over(const deadman::Survey& survey, const deadman::Moment& now) {
    hand_over_.act(survey, now);
  }
  // Ends what is under way, git included, and writes the day's note, or gives up after `grace`;
  // then `done`.
  void drain(Duration grace, std::function<void()> done);

  [[nodiscard]] ItemSources sources();
  // For `status`, and what of it needs somebody.
  [[nodiscard]] Json report() const;
  [[nodiscard]] std::vector<std::string> attention() const;

  // PlaybookDesk:
  void dispatch(Order order, Reply<Json> reply) override;
  void preview(Order order, Reply<Json> reply) override;
  void status(std::int64_t item, Reply<Json> reply) override;

 private:
  void read_config(const HostConfig& config);
  void look_at_cage();
  // Writes the note of what is in hand now; blocks. Any thread.
  [[nodiscard]] std::function<std::filesystem::path()> note_of(std::string occasion) const;
  void flush(Reply<Json> reply);
  [[nodiscard]] dispatch::AccessForge access();
  [[nodiscard]] std::function<std::shared_ptr<const ModelRoutes>()> routes() {
    return [this] { return routes_; };
  }

  DispatchGround ground_;
  std::string host_name_;
  std::string forge_url_;
  bool allow_plaintext_ = false;
  std::unique_ptr<TokenSource> token_;
  std::shared_ptr<const ModelRoutes> routes_;
  LoadedRules rules_;
  CloneSettings clones_;
  std::vector<std::string> cage_faults_;  // what a hostile agent is not kept from
  std::vector<std::string> attention_;

  std::unique_ptr<runs::Supervisors> supervisors_;
  runs::SupervisedRunner runner_;
  std::shared_ptr<dispatch::ItemCages> cages_;
  std::shared_ptr<StopLine> stop_ = std::make_shared<StopLine>();  // of git
  dispatch::ItemGit git_;
  // Its threads work with those above: they are joined before any of these goes.
  dispatch::BlockingWork blocking_;
  dispatch::GitWorkspaces workspaces_;
  dispatch::CagedRuns runs_;
  dispatch::HostVerifier verifier_;
  dispatch::ForgeReporter reporter_;
  std::unique_ptr<dispatch::Dispatcher> dispatcher_;
  dispatch::Housekeeping housekeeping_;
  LaneHandOver hand_over_;
  NotedDrain drain_;
};

}  // namespace host
