// SPDX-License-Identifier: Apache-2.0
//
// For tests of dispatch from end to end: a real host, a forge with git over HTTP and a provider of
// models, one repository with issues, and agents that are scripts in their cages.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "e2e/provider.hpp"

namespace host::faults {

inline constexpr const char* kAppRepo = "demo/app";

// What mends the repository: its gate asks for "return 0".
inline constexpr const char* kFix = R"(printf 'return 0\n' > main.txt
git add --all && git commit --quiet --message 'Return 0'
echo 'Mended.' > "$TIMMY_REPORT_FILE"
)";

// Of the playbook.
inline constexpr const char* kUsualLimits = "attempts: 2, tokens: 10000, wall: 2m, stall: 20s";

class DispatchBench : public ModelHostBench {
 protected:
  // One issue that the playbook takes, one lane, and no agent yet.
  void SetUp() override;
  // Nothing that was started is left, and no token is anywhere, whatever the test was about.
  void TearDown() override;

  // The playbook, with these limits; `more`: further keys of it, as lines.
  void playbook_is(const std::string& limits = kUsualLimits, const std::string& more = {});
  // For write_model_config(): that it is on.
  [[nodiscard]] static Json fixer_on(const std::string& repository = kAppRepo);
  // The program of the lanes that lane("FOLDER") makes. Its folder is shown to it.
  void agent_is(const std::string& script, const std::string& folder = "agent");
  // The same, which mends the repository besides.
  void agent_mends_and(const std::string& script) { agent_is(script + kFix); }
  void lanes_are(const Json& lanes);
  [[nodiscard]] Json lane(const std::string& folder, int concurrency = 1) const;
  // Another issue of the repository, by its number.
  std::int64_t add_issue(const std::string& title, const std::vector<std::string>& labels);

  // As start(), and its processes are looked for afterwards.
  void start_host(std::map<std::string, std::string> environment = {}, bool ready = true);

  // The item of an issue; null: there is none.
  Json item(std::int64_t number);
  Json item() { return item(number_); }
  // Waits for it; false after half a minute.
  bool item_is(const std::string& state) { return item_is(number_, state); }
  bool item_is(std::int64_t number, const std::string& state);
  // Its visits to a gate, the oldest first.
  std::vector<Json> visits(const std::string& gate);
  // What its run printed, as it is kept.
  [[nodiscard]] std::string output(const std::string& run = "d1.1") const;

  // Starts a host, waits for the item's end in this state for a reason that holds `reason`, and
  // looks whether the host is as before: it answers and does its other work.
  void expect_end(const std::string& state, const std::string& reason);
  // Nothing of an agent, a gate or a supervisor is left.
  void expect_nothing_left();
  // Between two hosts: what waits for a time is due.
  void let_time_pass();
  // A token is neither in what the host keeps nor in its log, plain or in base64.
  void expect_nowhere(const std::string& token);

  // The heads of the forge's pull requests, in the order of their numbers.
  std::vector<std::string> pulls();
  // Branches of the bare repository, without main.
  std::vector<std::string> branches();
  // What the forge shows of a pull request and of the issue: titles, texts, comments.
  std::string forge_texts();
  // What git prints of the bare repository.
  [[nodiscard]] std::string bare_git(std::vector<std::string> arguments) const;

  // Processes that carry the test's folder in arguments, environment or working directory, and
  // supervisors of its hosts; without the hosts themselves and their workers.
  std::vector<std::string> left_running() const;
  // Waits until a process of them has `part` in its arguments; false after half a minute.
  bool runs_now(const std::string& part) const;

  [[nodiscard]] std::filesystem::path git_root() const { return folder_ / "git"; }
  [[nodiscard]] std::string bare() const { return (git_root() / "demo" / "app.git").string(); }
  // In the folder that the agent is shown.
  [[nodiscard]] std::filesystem::path beside_agent(const char* name) const {
    return folder_ / "agent" / name;
  }
  // The folder of somebody who works on the repository; what is in it becomes the main branch's.
  [[nodiscard]] std::filesystem::path person() const { return folder_ / "person"; }
  void push_to_main();
  static void put(const std::filesystem::path& file, const std::string& text, int mode = 0644);

  std::int64_t number_ = 0;  // of the issue

 private:
  void make_repository();
  void expect_no_token();

  std::set<pid_t> started_;
};

}  // namespace host::faults
