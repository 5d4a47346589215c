// SPDX-License-Identifier: Apache-2.0
//
// A host and a forge, for real, and one round of work between them: what `./dev run` does.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "config/paths.hpp"
#include "e2e/host_process.hpp"

namespace host::e2e {

struct RoundOptions {
  std::filesystem::path bin;     // timmy-host; timmy-worker where that looks for it
  std::filesystem::path forge;   // timmy-forge; empty: the one in `bin`
  std::filesystem::path folder;  // emptied; state of host and forge goes here
  std::string gitea_url;         // empty: the sample forge is started
  std::string hermes_home;       // where that Gitea's token is looked for; empty: ~/.hermes
  std::string repos;             // "owner/name,...": what a Gitea's issues may get labels in
  bool hurry = false;            // schedules of a second, to be through soon
};

// Blocking; prints what it does on stdout. SIGINT and SIGTERM are taken from the process's calls:
// they end a round in order. Host and forge end with the process, whatever ends it.
class Round {
 public:
  // Throws Error{conflict} if a host works in the folder, or if the folder holds something else;
  // Error{usage} for a Gitea without repositories.
  explicit Round(RoundOptions options);
  // Ends what was started.
  ~Round();

  // Forge and host, ready. Throws Error.
  void start();
  // Waits until the schedules have run heartbeat and triage, then compares what the forge says with
  // what it should: for the sample with the labels that its author gave and the pull request that
  // an agent's work becomes, else with what the rules say of the titles. Prints each difference.
  // True if there is none, there was a label to add, and heartbeat's stamp is newer than the start.
  [[nodiscard]] bool check();
  // Prints the jobs that end, until SIGINT or SIGTERM, or the host's end.
  void stay();
  // SIGTERM to the host, and waits for its end. Throws Error if it does not end with 0.
  void stop();

 private:
  struct Tally {
    int wanted = 0;  // labels that open issues should carry
    int wrong = 0;   // of these missing, or there though they should not be
  };

  [[nodiscard]] bool is_sample() const { return options_.gitea_url.empty(); }
  void start_forge();
  void write_config() const;
  void start_host();
  [[nodiscard]] Json api(const std::string& target) const;
  [[nodiscard]] Json all_pages(const std::string& target) const;
  [[nodiscard]] std::set<std::string> expected(const std::string& repo, const Json& issue,
                                               const std::set<std::string>& known) const;
  [[nodiscard]] Tally tally(bool print) const;
  [[nodiscard]] bool ticked(const std::string& task);
  [[nodiscard]] bool check_stamp() const;
  void wait_until(const std::function<bool()>& done, const std::string& what);
  [[nodiscard]] bool check_pull();
  void follow();
  void follow_items();
  [[nodiscard]] bool over(std::chrono::milliseconds wait) const;

  RoundOptions options_;
  Paths paths_;
  Fd signals_;
  std::string url_;
  std::vector<std::string> repos_;
  WallTime started_{};
  Tally before_;
  std::set<std::int64_t> told_;          // jobs whose end was printed
  std::map<std::string, Json> by_tick_;  // by task: the first job of its schedule that ended
  std::map<std::int64_t, std::size_t> told_gates_;  // by item: its gates that were printed
  std::set<std::string> ended_items_;               // in which states items ended
  Child forge_;
  std::unique_ptr<HostProcess> host_;
};

}  // namespace host::e2e
