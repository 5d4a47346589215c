// SPDX-License-Identifier: Apache-2.0
#include "e2e/round.hpp"

#include <fcntl.h>
#include <poll.h>
#include <re2/re2.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <iostream>
#include <set>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/loop.hpp"
#include "control/admin_client.hpp"
#include "gitea/token.hpp"
#include "http/client.hpp"
#include "http/url.hpp"

namespace host::e2e {
namespace {

struct Rule {
  const char* label;
  const char* title;  // RE2
};
// What the quickstart's triage goes by. Here the rules are applied once more, by other code, to
// what the forge says.
constexpr std::array<Rule, 4> kRules{{{"bug", "(?i)crash|fails|error"},
                                      {"documentation", "(?i)docs|typo|readme"},
                                      {"enhancement", "(?i)feature|support for|would be nice"},
                                      {"question", "(?i)how do|how can|\\?$"}}};

std::string environment_or(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value == nullptr ? fallback : value;
}

// One line from a child's output, without its end.
std::string read_line(int fd) {
  std::string line;
  for (char byte = 0; ::read(fd, &byte, 1) == 1 && byte != '\n';) line += byte;
  return line;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::string part;
  for (const char c : text + ",") {
    if (c != ',' && c != ' ')
      part += c;
    else if (!part.empty())
      parts.push_back(std::exchange(part, {}));
  }
  return parts;
}

std::string join(const std::set<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

std::set<std::string> labels_of(const Json& issue) {
  std::set<std::string> names;
  if (issue["labels"].is_array())
    for (const auto& label : issue["labels"]) names.insert(label["name"].get<std::string>());
  return names;
}

}  // namespace

Round::Round(RoundOptions options) : options_(std::move(options)) {
  namespace fs = std::filesystem;
  options_.folder = fs::absolute(options_.folder);
  options_.bin = fs::absolute(options_.bin);
  // Only what an earlier round made is thrown away.
  const auto marker = options_.folder / "timmy-quickstart";
  if (fs::exists(options_.folder) && !fs::is_empty(options_.folder) && !fs::exists(marker))
    throw Error(Code::conflict, options_.folder.string() + " holds something else",
                "Name another folder.");
  fs::remove_all(options_.folder);
  make_directories(options_.folder, 0700);
  write_atomically(marker, "Made by timmy-quickstart, which empties this folder.\n");
  const std::string home = environment_or("HOME", "/");
  std::map<std::string, std::string> variables{
      {"HOME", home}, {"TIMMY_HOME", (options_.folder / "timmy").string()}};
  variables["HERMES_HOME"] = options_.gitea_url.empty()     ? (options_.folder / "hermes").string()
                             : options_.hermes_home.empty() ? home + "/.hermes"
                                                            : options_.hermes_home;
  paths_ = Paths::from(Environment(variables));
  make_directories(paths_.timmy_home, 0700);
}

Round::~Round() {
  if (host_) host_->signal(SIGTERM);
  forge_.signal_group(SIGTERM);
}

void Round::start() {
  started_ = SystemClock().wall();
  if (options_.gitea_url.empty())
    start_forge();
  else
    url_ = options_.gitea_url;
  find_repos();
  write_config();
  start_host();
}

void Round::start_forge() {
  make_directories(paths_.hermes_home, 0700);
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw system_error("making a pipe");
  const Fd reading(pipe[0]);
  Fd writing(pipe[1]);
  const auto token = paths_.hermes_home / "gitea_token";
  SpawnRequest request{
      .program = options_.bin / "timmy-forge",
      .arguments = {"timmy-forge", "--seed", "--quiet", "--token-file", token.string()}};
  request.descriptors = {{writing.get(), 1}, {STDERR_FILENO, 2}};
  forge_ = spawn(request);
  writing.reset();
  url_ = read_line(reading.get());
  if (url_.empty()) throw Error(Code::io, "timmy-forge did not start");
  std::cout << "sample forge: " << url_ << '\n';
}

void Round::find_repos() {
  repos_ = split(options_.repos);
  if (!repos_.empty()) return;
  const std::string owner =
      options_.gitea_url.empty() ? "demo" : api("/user").at("login").get<std::string>();
  for (const auto& repo : api("/users/" + percent_encode(owner) + "/repos?limit=50"))
    if (!repo.value("archived", false)) repos_.push_back(repo.at("full_name").get<std::string>());
  if (repos_.empty())
    throw Error(Code::not_found, "the token's user \"" + owner + "\" owns no repository",
                "Name some: TIMMY_REPOS=owner/name,...");
}

void Round::write_config() const {
  const auto url = parse_url(url_);
  Json rules = Json::array();
  for (const auto& rule : kRules)
    rules.push_back(
        {{"name", rule.label}, {"when", {{"title", rule.title}}}, {"add_labels", {rule.label}}});
  Json heartbeat{{"enabled", true},
                 {"schedule", {{"heartbeat", "every: 10s"}}},
                 {"grants", {{"gitea.read", repos_}, {"fs.write", {paths_.stamps().string()}}}}};
  if (options_.gitea_url.empty()) {
    heartbeat["grants"]["http"] = {url.authority()};
    heartbeat["config"] = {{"model", {{"url", url_ + "/v1"}, {"name", "demo"}}}};
  }
  const Json triage{{"enabled", true},
                    {"schedule", {{"gitea_issue_triage", "every: 30s"}}},
                    {"grants", {{"gitea.read", repos_}, {"gitea.write", repos_}}},
                    {"config", {{"repos", repos_}, {"rules", rules}}}};
  const Json config{{"defaults",
                     {{"gitea", {{"url", url_}, {"allow_plaintext", url.scheme == "http"}}},
                      {"plugins", {{"heartbeat", heartbeat}, {"triage", triage}}}}}};
  // JSON is YAML.
  write_atomically(paths_.host_yaml(), config.dump(2) + "\n", 0600);
  std::cout << "config: " << paths_.host_yaml().string() << '\n';
}

void Round::start_host() {
  host_ = std::make_unique<HostProcess>(HostProcess::Options{.bin = options_.bin, .paths = paths_});
  if (!host_->wait_ready()) throw Error(Code::unavailable, "timmy-host did not become ready");
  std::cout << "timmy-host is ready, pid " << host_->pid() << '\n';
}

Json Round::api(const std::string& target) const {
  boost::asio::io_context context;
  const SystemClock clock;
  AsioLoop loop(context, clock);
  CurlClient http(context, loop);
  TokenSource token(default_token_files(paths_.hermes_home, paths_.home), nullptr);
  HttpRequest request{.url = url_ + "/api/v1" + target,
                      .headers = {{"Authorization", "token " + token.get().expose()}}};
  std::optional<Result<HttpResponse>> reply;
  http.send(std::move(request), [&](Result<HttpResponse> response) {
    reply = std::move(response);
    context.stop();
  });
  context.run();
  const auto response = std::move(reply.value()).value();
  if (response.status != 200)
    throw Error(Code::unavailable,
                "GET " + target + " answered " + std::to_string(response.status));
  return parse_json(response.body, "the forge's reply to GET " + target);
}

bool Round::check() {
  const AdminClient client(paths_);
  for (const char* task : {"heartbeat", "gitea_issue_triage"}) {
    const auto id = client.post("/v1/jobs", {{"task", task}}).at("id").get<std::int64_t>();
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(3);
    Json job;
    do {
      if (std::chrono::steady_clock::now() > end)
        throw Error(Code::timed_out, std::string(task) + " did not end within 3 minutes",
                    "See timmy-host jobs show " + std::to_string(id) + ".");
      job = client.get("/v1/jobs/" + std::to_string(id) + "?wait=45");
    } while (job["ended_at"].is_null());
    std::cout << task << ": job " << id << ' ' << job["state"].get<std::string>() << ' '
              << to_text(job["result"]) << '\n';
    if (job["state"] != "completed") {
      for (const auto& attempt : job["attempts"])
        std::cout << "  " << to_text(attempt["message"]) << '\n';
      return false;
    }
  }
  bool passed = check_stamp();
  for (const auto& repo : repos_) passed = check_repo(repo) && passed;
  std::cout << (passed ? "every expected label is on the forge\n" : "NOT what was expected\n");
  return passed;
}

bool Round::check_stamp() const {
  struct stat info {};
  const auto stamp = paths_.stamps() / "heartbeat.stamp";
  if (::stat(stamp.c_str(), &info) != 0) {
    std::cout << stamp.string() << " is missing\n";
    return false;
  }
  const WallTime written{std::chrono::seconds(info.st_mtim.tv_sec) +
                         std::chrono::microseconds(info.st_mtim.tv_nsec / 1000)};
  std::cout << stamp.string() << ": " << format_utc(written) << '\n';
  return written > started_;
}

bool Round::check_repo(const std::string& repo) const {
  std::set<std::string> known;
  for (const auto& label : api("/repos/" + repo + "/labels?limit=50"))
    known.insert(label["name"].get<std::string>());
  bool passed = true;
  int page = 1;
  for (Json issues; page == 1 || !issues.empty(); ++page) {
    issues = api("/repos/" + repo +
                 "/issues?state=open&type=issues&limit=50&page=" + std::to_string(page));
    for (const auto& issue : issues) {
      std::set<std::string> missing;
      const auto labels = labels_of(issue);
      for (const auto& rule : kRules)
        if (known.contains(rule.label) &&
            RE2::PartialMatch(issue["title"].get<std::string>(), rule.title) &&
            !labels.contains(rule.label))
          missing.insert(rule.label);
      std::cout << "  " << repo << '#' << issue["number"] << ' '
                << issue["title"].get<std::string>() << ": " << join(labels)
                << (missing.empty() ? "" : "; MISSING " + join(missing)) << '\n';
      passed = passed && missing.empty();
    }
  }
  return passed;
}

void Round::stay() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  const Fd signals(::signalfd(-1, &ends, SFD_CLOEXEC));
  std::cout << "\nIt goes on until Ctrl-C. In another terminal:\n  export TIMMY_HOME="
            << paths_.timmy_home.string() << " HERMES_HOME=" << paths_.hermes_home.string()
            << "\n  " << (options_.bin / "timmy-host").string() << " --list-tasks" << std::endl;
  std::array<pollfd, 2> events{{{signals.get(), POLLIN, 0}, {host_->child().pidfd(), POLLIN, 0}}};
  ::poll(events.data(), events.size(), -1);
}

void Round::stop() {
  host_->signal(SIGTERM);
  const auto exit = host_->wait();
  if (exit.signalled || exit.number != 0)
    throw Error(Code::internal, "timmy-host ended with " +
                                    std::string(exit.signalled ? "signal " : "status ") +
                                    std::to_string(exit.number));
}

}  // namespace host::e2e
