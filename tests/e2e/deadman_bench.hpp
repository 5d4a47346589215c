// SPDX-License-Identifier: Apache-2.0
//
// A real host with the plugin deadman, real agents, and `timmy-host deadman` beside it. Only
// systemd is stood in for, by a program that writes down what it is asked (TIMMY_TEST_SYSTEMD,
// faults/interposer.c).
#pragma once

#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "deadman/state.hpp"
#include "faults/fault_bench.hpp"
#include "forge/sample.hpp"

namespace host::faults {

// Writes its stamp anew, twenty times a second, until it is ended.
class Agent {
 public:
  explicit Agent(const std::string& stamp)
      : child_(spawn(e2e::with_us(
            {.program = "/bin/sh",
             .arguments = {"sh", "-c",
                           "while :; do n=$((n+1)); echo $n > \"$0.new\"; mv \"$0.new\" \"$0\"; "
                           "sleep 0.05; done",
                           stamp},
             .environment = {{"PATH", "/usr/bin:/bin"}}}))) {}
  void signal(int number) const { child_.signal_group(number); }

 private:
  Child child_;
};

class DeadmanProcessTest : public FaultBench {
 protected:
  DeadmanProcessTest() {
    std::filesystem::create_directory(folder_ / "stamps");
    ::chmod((folder_ / "stamps").c_str(), 0755);
    stand_in("");
    grant({{"process.watch", {"*"}}, {"process.restart", {"*"}}});
    watch_hermes();
  }

  // For systemd: what it is asked to do is written down, then `more` is done; it shows nothing.
  void stand_in(const std::string& more) {
    write_atomically(systemd(),
                     "#!/bin/sh\ncase \" $* \" in *' show '*) exit 1 ;; esac\necho \"$*\" >> '" +
                         (folder_ / "asked").string() + "'\n" + more,
                     0755);
  }
  void grant(const Json& more) {
    Json grants{{"gitea.read", {"demo/*"}}, {"gitea.write", {"demo/*"}}};
    grants.update(more);
    write_config({{"defaults",
                   {{"plugins",
                     {{"deadman",
                       {{"enabled", true},
                        {"schedule", {{"deadman_switch", "never"}, {"deadman_forge", "never"}}},
                        {"grants", grants},
                        {"config", {{"alert", {{"repository", forge::kSampleRepo}}}}}}}}}}}});
  }
  void configure(const std::string& watches) {
    write_atomically(paths_.timmy_home / "deadman.yaml", "watch:\n" + watches, 0600);
  }
  // `more`: further keys.
  void watch_hermes(const std::string& more = ", pause: 1ms") {
    configure("  hermes: { stamp: " + stamp() +
              ", after: 1s, healthy_after: 300ms, restart: { unit: hermes.service }" + more +
              " }\n");
  }
  [[nodiscard]] std::string stamp() const { return (folder_ / "stamps" / "hermes").string(); }
  [[nodiscard]] std::string systemd() const { return (folder_ / "systemd").string(); }

  [[nodiscard]] std::map<std::string, std::string> standing_in() const {
    return {{"LD_PRELOAD", TIMMY_INTERPOSER},
            {"ASAN_OPTIONS", "verify_asan_link_order=0"},
            {"TIMMY_TEST_SYSTEMD", systemd()}};
  }
  void start_host(const std::map<std::string, std::string>& more = {}) {
    auto environment = standing_in();
    environment.insert(more.begin(), more.end());
    start(std::move(environment));
  }

  // `timmy-host deadman ARGUMENTS` as a process.
  [[nodiscard]] Child start_command(const std::vector<std::string>& arguments) const {
    SpawnRequest request{.program = bin_ / "timmy-host", .arguments = {"timmy-host", "deadman"}};
    request.arguments.insert(request.arguments.end(), arguments.begin(), arguments.end());
    request.environment = standing_in();
    request.environment.insert({{"HOME", paths_.home.string()},
                                {"TIMMY_HOME", paths_.timmy_home.string()},
                                {"HERMES_HOME", paths_.hermes_home.string()}});
    return spawn(e2e::with_us(std::move(request)));
  }
  static int status_of(Child& command) {
    pollfd ended{command.pidfd(), POLLIN, 0};
    ::poll(&ended, 1, 60'000);
    const auto exit = command.reap();
    return exit && !exit->signalled ? exit->number : -1;
  }
  int command(const std::vector<std::string>& arguments) const {
    auto child = start_command(arguments);
    return status_of(child);
  }

  // One run of each task of the plugin.
  void look() {
    for (const char* task : {"deadman_switch", "deadman_forge"}) {
      const Json job = wait_for(enqueue(task));
      EXPECT_EQ(job["state"], "completed") << job.dump(2);
    }
  }
  // How the watch stands, as `status` says it.
  [[nodiscard]] Json standing(const std::string& name = "hermes") const {
    const Json status = client().get("/v1/status");
    for (const auto& each : status["deadman"]["watches"])
      if (each["name"] == name) return each;
    return {};
  }
  // Looks until it is so.
  bool look_until(const std::function<bool()>& met) {
    return eventually([&] {
      look();
      return met();
    });
  }
  bool look_until_alive(const std::string& name = "hermes") {
    return look_until([&] {
      return standing(name)["state"] == "alive" && standing(name)["deadman_active"] == false;
    });
  }

  // What systemd was asked to do, a line each.
  [[nodiscard]] std::vector<std::string> asked() const {
    std::ifstream file(folder_ / "asked");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  [[nodiscard]] deadman::State kept() const {
    return deadman::read_state(paths_.timmy_home / "deadman" / "state.json");
  }
  [[nodiscard]] int recorded(deadman::Event event) const {
    int times = 0;
    for (const auto& record : kept().records) times += record.event == event;
    return times;
  }
  // Each record is in the audit, once.
  void expect_all_audited() const {
    const auto state = kept();
    EXPECT_EQ(count("SELECT count(*) FROM audit WHERE who='deadman'"), state.last_record);
    for (const auto& record : state.records) {
      std::string text = record.text;
      for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 2)
        text.insert(at, 1, '\'');
      EXPECT_GE(count("SELECT count(*) FROM audit WHERE what='deadman." +
                      std::string(deadman::name(record.event)) + "' AND target='" + record.target +
                      "' AND instr(result, '" + text + "') = 1"),
                1)
          << record.text;
    }
  }
  // Of the plugin's, in the order of their making: title and whether it is open.
  [[nodiscard]] std::vector<std::pair<std::string, bool>> issues() {
    std::vector<std::pair<std::string, bool>> found;
    forge_.with([&](forge::Forge& forge) {
      for (const auto& [number, issue] : forge.state.repo(forge::kSampleRepo)->issues)
        if (issue.title.starts_with("Deadman: ")) found.emplace_back(issue.title, !issue.closed);
    });
    return found;
  }
  // `login` comments on the first issue.
  void comment(const std::string& login) {
    forge_.with([&](forge::Forge& forge) {
      auto& issue = forge.state.repo(forge::kSampleRepo)->issues.at(1);
      const auto now = SystemClock().wall();
      issue.comments.push_back(
          {static_cast<std::int64_t>(90'000 + issue.comments.size()), login, "at work", now, now});
      issue.updated = now;
    });
  }
};

inline constexpr const char* kRestart = "--no-ask-password --no-block restart -- hermes.service";

}  // namespace host::faults
