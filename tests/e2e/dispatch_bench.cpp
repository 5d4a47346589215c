// SPDX-License-Identifier: Apache-2.0
#include "e2e/dispatch_bench.hpp"

#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/result.hpp"
#include "forge/git_http.hpp"
#include "store/connection.hpp"

namespace host::faults {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kPlaybookHead = R"(name: fixer
description: A test.
lane: code
matching: { labels: { all: [agent-ready] } }
)";

constexpr const char* kPlaybookTail = R"(gates:
  commands: [{ name: verify, run: [.timmy/verify], timeout: 30s }]
  tests: [{ command: verify, pattern: "[1-9][0-9]* passed" }]
prompt: |
  Fix issue {{issue.number}}. The gates said:

  {{gates.feedback}}
)";

// All of it, also of what has no size, as in /proc. Empty: it is gone, or not for us.
std::string bytes_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  // By read(), which takes an error for the end: a process may end while it is looked at.
  std::string all;
  std::string block(65536, '\0');
  while (stream.read(block.data(), static_cast<std::streamsize>(block.size())) ||
         stream.gcount() > 0)
    all.append(block, 0, static_cast<std::size_t>(stream.gcount()));
  return all;
}

// Three pieces of which one is in whatever text holds the token in base64: where it begins there
// depends on what stands before it.
std::vector<std::string> encoded(const std::string& token) {
  std::vector<std::string> pieces;
  for (const char* before : {"", "x", "xx"}) {
    const auto text = before + token;
    std::string whole(2 * text.size(), '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(whole.data()),
                    reinterpret_cast<const unsigned char*>(text.data()),
                    static_cast<int>(text.size()));
    pieces.push_back(whole.substr(4, 40));
  }
  return pieces;
}

bool holds(const std::string& text, const std::string& token,
           const std::vector<std::string>& encoded) {
  return text.find(token) != std::string::npos ||
         std::any_of(encoded.begin(), encoded.end(), [&](const std::string& piece) {
           return text.find(piece) != std::string::npos;
         });
}

bool holds_the_token(const std::string& text) {
  static const auto pieces = encoded(kToken);
  return holds(text, kToken, pieces);
}

std::string plain_git(std::vector<std::string> arguments) {
  return forge::git(std::move(arguments), {{"GIT_CONFIG_GLOBAL", "/dev/null"}});
}

}  // namespace

void DispatchBench::SetUp() {
  if (::access("/usr/bin/git", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/git here";
  make_repository();
  playbook_is();
  lanes_are({{"code", lane("agent")}});
  write_budget({{"day", {{"tokens", 1'000'000}}}});
  write_model_config(fixer_on());
  number_ = add_issue("It returns 1", {"agent-ready"});
}

void DispatchBench::TearDown() {
  if (number_ == 0) return;  // skipped
  if (host_ != nullptr && !HasFatalFailure()) stop();
  if (HasFatalFailure()) return;
  expect_nothing_left();
  check_invariants();
  expect_no_token();
}

void DispatchBench::make_repository() {
  fs::create_directories(git_root() / "demo");
  plain_git({"init", "--quiet", "--bare", "--initial-branch=main", bare()});
  plain_git({"-C", bare(), "config", "http.receivepack", "true"});
  plain_git({"init", "--quiet", "--initial-branch=main", person()});
  put(person() / "main.txt", "return 1\n");
  put(person() / ".timmy" / "verify", "#!/bin/sh\ngrep -q 'return 0' main.txt && echo 3 passed\n",
      0755);
  forge_.with([&](forge::Forge& forge) {
    forge.git_root = git_root();
    forge.state.add_label(*forge.state.repo(kAppRepo), "agent-ready");
  });
  push_to_main();
}

void DispatchBench::push_to_main() {
  plain_git({"-C", person(), "add", "--all"});
  plain_git({"-C", person(), "-c", "user.name=P", "-c", "user.email=p@example.org", "commit",
             "--quiet", "-m", "a person's"});
  plain_git({"-C", person(), "push", "--quiet", bare(), "HEAD:main"});
  ASSERT_EQ(bare_git({"rev-parse", "main"}), plain_git({"-C", person(), "rev-parse", "HEAD"}));
  forge_.with([&](forge::Forge& forge) { take_branches(forge.state, git_root(), kAppRepo); });
}

void DispatchBench::playbook_is(const std::string& limits, const std::string& more) {
  put(paths_.playbooks() / "fixer.yaml",
      std::string(kPlaybookHead) + "limits: { " + limits + " }\n" + more + kPlaybookTail);
}

Json DispatchBench::fixer_on(const std::string& repository) {
  return {{"defaults",
           {{"playbooks", {{"fixer", {{"enabled", true}, {"repositories", {repository}}}}}}}}};
}

void DispatchBench::agent_is(const std::string& script, const std::string& folder) {
  put(folder_ / folder / "agent", "#!/bin/sh\n" + script, 0755);
}

void DispatchBench::lanes_are(const Json& lanes) {
  put(paths_.playbooks() / "agent-lanes.json", to_text(Json{{"lanes", lanes}}));
}

Json DispatchBench::lane(const std::string& folder, int concurrency) const {
  return {{"agent", {{"kind", "command"}, {"program", (folder_ / folder / "agent").string()}}},
          {"concurrency", concurrency}};
}

std::int64_t DispatchBench::add_issue(const std::string& title,
                                      const std::vector<std::string>& labels) {
  std::int64_t number = 0;
  forge_.with([&](forge::Forge& forge) {
    auto& repo = *forge.state.repo(kAppRepo);
    auto& issue = forge.state.add_issue(repo, "timmy", title);
    for (const auto& name : labels) {
      const auto known = std::find_if(repo.labels.begin(), repo.labels.end(),
                                      [&](const auto& label) { return label.name == name; });
      issue.labels.push_back(known != repo.labels.end() ? known->id
                                                        : forge.state.add_label(repo, name).id);
    }
    number = issue.number;
  });
  return number;
}

void DispatchBench::start_host(std::map<std::string, std::string> environment, bool ready) {
  start(std::move(environment), ready);
  started_.insert(host().pid());
}

Json DispatchBench::item(std::int64_t number) {
  const Json all = client().get("/v1/items?number=" + std::to_string(number))["items"];
  return all.empty() ? Json() : all[0];
}

bool DispatchBench::item_is(std::int64_t number, const std::string& state) {
  return eventually([&] {
    const Json now = item(number);
    return now.is_object() && now["state"] == state;
  });
}

std::vector<Json> DispatchBench::visits(const std::string& gate) {
  std::vector<Json> all;
  const Json shown = client().get("/v1/items/" + to_text(item()["id"]));
  for (const auto& visit : shown["gates"])
    if (visit["gate"] == gate) all.push_back(visit);
  return all;
}

std::string DispatchBench::output(const std::string& run) const {
  return bytes_of(paths_.runs() / run / "output.log");
}

void DispatchBench::expect_end(const std::string& state, const std::string& reason) {
  start_host();
  ASSERT_TRUE(item_is(state)) << to_text(item()) << output() << log();
  EXPECT_THAT(to_text(item()["reason"]), HasSubstr(reason)) << output();
  expect_nothing_left();
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed");
  const Json status = client().get("/v1/status");
  EXPECT_EQ(status["dispatch"]["running"], 0) << to_text(status);
  EXPECT_EQ(status["tokens"]["metered_runs"], 0) << to_text(status);
}

void DispatchBench::expect_nothing_left() {
  std::vector<std::string> left;
  EXPECT_TRUE(eventually([&] {
    left = left_running();
    return left.empty();
  })) << ::testing::PrintToString(left);
}

void DispatchBench::let_time_pass() {
  ASSERT_EQ(host_, nullptr) << "a host has what is due in its memory";
  Connection writer(paths_.database(), Connection::Mode::writer);
  writer.execute("UPDATE items SET due=0 WHERE ended IS NULL");
}

std::vector<std::string> DispatchBench::pulls() {
  std::vector<std::string> heads;
  forge_.with([&](forge::Forge& forge) {
    for (const auto& [number, pull] : forge.state.repo(kAppRepo)->pulls) heads.push_back(pull.head);
  });
  return heads;
}

std::vector<std::string> DispatchBench::branches() {
  std::vector<std::string> names;
  std::istringstream lines(bare_git({"for-each-ref", "--format=%(refname:lstrip=2)"}));
  for (std::string name; std::getline(lines, name);)
    if (name != "main") names.push_back(name);
  return names;
}

std::string DispatchBench::forge_texts() {
  std::string text;
  forge_.with([&](forge::Forge& forge) {
    for (const auto& [number, issue] : forge.state.repo(kAppRepo)->issues) {
      if (number < number_) continue;
      text += issue.title + "\n" + issue.body + "\n";
      for (const auto& comment : issue.comments) text += comment.body + "\n";
    }
  });
  return text;
}

std::string DispatchBench::bare_git(std::vector<std::string> arguments) const {
  return forge::git(std::move(arguments), {{"GIT_DIR", bare()}});
}

std::vector<std::string> DispatchBench::left_running() const {
  std::vector<std::string> found;
  const auto mark = folder_.path().filename().string();
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto pid = entry.path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    if (started_.contains(static_cast<pid_t>(std::stol(pid)))) continue;
    auto line = bytes_of(entry.path() / "cmdline");
    std::replace(line.begin(), line.end(), '\0', ' ');
    if (line.starts_with("timmy-worker ")) continue;
    std::error_code gone;
    const auto seen = line + bytes_of(entry.path() / "environ") +
                      fs::read_symlink(entry.path() / "cwd", gone).string();
    const bool supervisor = std::any_of(started_.begin(), started_.end(), [&](pid_t host) {
      return line.starts_with("timmy-supervisor --parent " + std::to_string(host) + " ");
    });
    if (supervisor || seen.find(mark) != std::string::npos) found.push_back(pid + " " + line);
  }
  return found;
}

bool DispatchBench::runs_now(const std::string& part) const {
  return eventually([&] {
    const auto left = left_running();
    return std::any_of(left.begin(), left.end(), [&](const std::string& line) {
      return line.find(part) != std::string::npos;
    });
  });
}

void DispatchBench::expect_nowhere(const std::string& token) {
  const auto pieces = encoded(token);
  for (const auto& entry : fs::recursive_directory_iterator(paths_.timmy_home)) {
    if (!entry.is_regular_file() || entry.is_symlink()) continue;
    EXPECT_FALSE(holds(bytes_of(entry.path()), token, pieces)) << entry.path();
  }
  EXPECT_FALSE(holds(bytes_of(log_file_), token, pieces));
}

void DispatchBench::expect_no_token() {
  expect_nowhere(kToken);
  EXPECT_FALSE(holds_the_token(forge_texts()));
  EXPECT_FALSE(holds_the_token(bare_git({"log", "--all", "--patch", "--format=raw"})));
}

void DispatchBench::put(const fs::path& file, const std::string& text, int mode) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
  fs::permissions(file, static_cast<fs::perms>(mode));
}

}  // namespace host::faults
