// SPDX-License-Identifier: Apache-2.0
#include "e2e/round.hpp"

#include <fcntl.h>
#include <poll.h>
#include <re2/re2.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <iostream>
#include <iterator>

#include "app/instance_lock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/loop.hpp"
#include "control/admin_client.hpp"
#include "e2e/demo_work.hpp"
#include "forge/sample.hpp"
#include "gitea/token.hpp"
#include "http/client.hpp"
#include "http/url.hpp"

namespace host::e2e {
namespace {

struct Rule {
  const char* label;
  const char* title;  // RE2
};
// What the quickstart's triage goes by.
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

// Only what an earlier round made is thrown away, and not under a host that still works on it.
void empty_folder(const std::filesystem::path& folder, const std::filesystem::path& lock) {
  namespace fs = std::filesystem;
  const auto marker = folder / "timmy-quickstart";
  if (fs::exists(folder) && !fs::is_empty(folder) && !fs::exists(marker))
    throw Error(Code::conflict, folder.string() + " holds something else", "Name another folder.");
  if (const auto pid = lock_holder(lock); pid != 0)
    throw Error(
        Code::conflict,
        "a host of an earlier round works in " + folder.string() + ", pid " + std::to_string(pid),
        "Stop it: kill " + std::to_string(pid));
  fs::remove_all(folder);
  make_directories(folder, 0700);
  write_atomically(marker, "Made by timmy-quickstart, which empties this folder.\n");
}

// SIGINT and SIGTERM, to be read instead of suffered.
Fd take_signals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  return Fd(::signalfd(-1, &ends, SFD_CLOEXEC));
}

}  // namespace

Round::Round(RoundOptions options) : options_(std::move(options)) {
  namespace fs = std::filesystem;
  options_.folder = fs::absolute(options_.folder);
  options_.bin = fs::absolute(options_.bin);
  options_.forge =
      options_.forge.empty() ? options_.bin / "timmy-forge" : fs::absolute(options_.forge);
  repos_ = split(options_.repos);
  if (!is_sample() && repos_.empty())
    throw Error(Code::usage, "GITEA_URL is set, but not what may get labels there",
                "Name repositories: TIMMY_REPOS=owner/name,...");
  const std::string home = environment_or("HOME", "/");
  std::map<std::string, std::string> variables{
      {"HOME", home}, {"TIMMY_HOME", (options_.folder / "timmy").string()}};
  variables["HERMES_HOME"] = is_sample()                    ? (options_.folder / "hermes").string()
                             : options_.hermes_home.empty() ? home + "/.hermes"
                                                            : options_.hermes_home;
  paths_ = Paths::from(Environment(variables));
  empty_folder(options_.folder, paths_.lock());
  make_directories(paths_.timmy_home, 0700);
  signals_ = take_signals();
}

Round::~Round() {
  if (host_) host_->signal(SIGTERM);
  forge_.signal_group(SIGTERM);
}

void Round::start() {
  started_ = SystemClock().wall();
  url_ = options_.gitea_url;
  if (is_sample()) {
    start_forge();
    before_ = tally(false);
  }
  write_config();
  // From here on: a host that would not send its token to this URL has refused to start.
  start_host();
}

void Round::start_forge() {
  make_directories(paths_.hermes_home, 0700);
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw system_error("making a pipe");
  const Fd reading(pipe[0]);
  Fd writing(pipe[1]);
  const auto token = paths_.hermes_home / "gitea_token";
  SpawnRequest request{.program = options_.forge,
                       .arguments = {"timmy-forge", "--seed", "--quiet", "--token-file",
                                     token.string(), "--git", (options_.folder / "git").string()}};
  request.descriptors = {{writing.get(), 1}, {STDERR_FILENO, 2}};
  forge_ = spawn(with_us(std::move(request)));
  writing.reset();
  url_ = read_line(reading.get());
  if (url_.empty()) throw Error(Code::io, "timmy-forge did not start");
  for (const auto& issue : forge::sample_issues())
    if (std::find(repos_.begin(), repos_.end(), issue.repo) == repos_.end())
      repos_.push_back(issue.repo);
  std::cout << "sample forge: " << url_ << ", pid " << forge_.pid() << '\n';
}

void Round::write_config() const {
  Json rules = Json::array();
  for (const auto& rule : kRules)
    rules.push_back(
        {{"name", rule.label}, {"when", {{"title", rule.title}}}, {"add_labels", {rule.label}}});
  Json heartbeat{{"enabled", true},
                 {"schedule", {{"heartbeat", options_.hurry ? "every: 1s" : "every: 5s"}}},
                 {"grants", {{"gitea.read", repos_}, {"fs.write", {paths_.stamps().string()}}}}};
  if (is_sample()) {
    heartbeat["grants"]["model"] = {"sample"};
    heartbeat["config"] = {{"model", {{"route", "sample"}, {"name", "tiny"}}}};
  }
  const Json triage{
      {"enabled", true},
      {"schedule", {{"gitea_issue_triage", options_.hurry ? "every: 1s" : "every: 10s"}}},
      {"grants", {{"gitea.read", repos_}, {"gitea.write", repos_}}},
      {"config", {{"repos", repos_}, {"rules", rules}}}};
  Json defaults{{"gitea", {{"url", url_}}},
                {"plugins", {{"heartbeat", heartbeat}, {"triage", triage}}}};
  if (is_sample()) {
    defaults["model"] = {{"routes", {{"sample", {{"url", url_ + "/v1"}, {"models", {"tiny"}}}}}}};
    defaults["playbooks"] = write_demo_work(paths_, options_.folder / "agent");
  }
  const Json config{{"defaults", defaults}};
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

Json Round::all_pages(const std::string& target) const {
  Json all = Json::array();
  for (int page = 1;; ++page) {
    const Json more = api(target + "limit=50&page=" + std::to_string(page));
    if (more.empty()) return all;
    all.insert(all.end(), more.begin(), more.end());
  }
}

// What the issue should carry: of the sample, exactly what its author says; else at least what the
// rules say of its title, as far as the repository knows the label.
std::set<std::string> Round::expected(const std::string& repo, const Json& issue,
                                      const std::set<std::string>& known) const {
  std::set<std::string> labels;
  if (is_sample()) {
    for (const auto& sample : forge::sample_issues())
      if (sample.repo == repo && sample.number == issue["number"])
        labels.insert(sample.expected.begin(), sample.expected.end());
    return labels;
  }
  for (const auto& rule : kRules)
    if (known.contains(rule.label) &&
        RE2::PartialMatch(issue["title"].get<std::string>(), rule.title))
      labels.insert(rule.label);
  return labels;
}

Round::Tally Round::tally(bool print) const {
  Tally tally;
  for (const auto& repo : repos_) {
    std::set<std::string> known;
    for (const auto& label : all_pages("/repos/" + repo + "/labels?"))
      known.insert(label["name"].get<std::string>());
    for (const auto& issue : all_pages("/repos/" + repo + "/issues?state=open&type=issues&")) {
      const auto wanted = expected(repo, issue, known);
      const auto labels = labels_of(issue);
      std::set<std::string> wrong;
      std::set_difference(wanted.begin(), wanted.end(), labels.begin(), labels.end(),
                          std::inserter(wrong, wrong.end()));
      if (is_sample())
        std::set_difference(labels.begin(), labels.end(), wanted.begin(), wanted.end(),
                            std::inserter(wrong, wrong.end()));
      tally.wanted += static_cast<int>(wanted.size());
      tally.wrong += static_cast<int>(wrong.size());
      if (print)
        std::cout << "  " << repo << '#' << issue["number"] << ' '
                  << issue["title"].get<std::string>() << ": " << join(labels)
                  << (wrong.empty() ? "" : "; WRONG: " + join(wrong)) << '\n';
    }
  }
  return tally;
}

bool Round::check() {
  const bool ran = ticked("heartbeat") && ticked("gitea_issue_triage");
  const bool stamped = check_stamp();
  const bool pulled = !is_sample() || check_pull();
  const Tally now = tally(true);
  // A forge where nothing was to be done shows nothing.
  const bool had_work = is_sample() ? before_.wrong > 0 : now.wanted > 0;
  if (!had_work) std::cout << "no issue was due a label\n";
  const bool passed = ran && stamped && pulled && had_work && now.wrong == 0;
  std::cout << (!passed       ? "NOT what was expected\n"
                : is_sample() ? "every expected label and the pull request are on the forge\n"
                              : "every expected label is on the forge\n");
  return passed;
}

// Follows what happens until `done` is.
void Round::wait_until(const std::function<bool()>& done, const std::string& what) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(3);
  for (follow(); !done(); follow()) {
    if (over(std::chrono::milliseconds(200)))
      throw Error(Code::cancelled, "the round ended before " + what);
    if (std::chrono::steady_clock::now() > end)
      throw Error(Code::timed_out, "within 3 minutes it did not come to it that " + what,
                  "See timmy-host jobs list and timmy-host playbooks runs.");
  }
}

// Waits for the first job of the task's schedule; whether it completed.
bool Round::ticked(const std::string& task) {
  wait_until([&] { return by_tick_.contains(task); }, "a job of " + task + "'s schedule ended");
  return by_tick_[task]["state"] == "completed";
}

// Waits for the end of the item that the playbook takes, and looks for its pull request.
bool Round::check_pull() {
  wait_until([&] { return !ended_items_.empty(); }, "an agent's work ended");
  const std::string repo = forge::kSampleRepo;
  for (const auto& pull : all_pages("/repos/" + repo + "/pulls?state=open&"))
    if (pull["head"]["ref"] == kDemoBranch) {
      std::cout << "  " << repo << '!' << pull["number"] << ' ' << pull["title"].get<std::string>()
                << ", from " << kDemoBranch << '\n';
      return *ended_items_.begin() == "done";
    }
  std::cout << "there is no pull request of " << kDemoBranch << '\n';
  return false;
}

// Prints each step that work of an agent's made since the last look.
void Round::follow_items() {
  const AdminClient host(paths_);
  const Json items = host.get("/v1/items")["items"];
  for (const auto& item : items) {
    const Json shown = host.get("/v1/items/" + to_text(item["id"]));
    auto& told = told_gates_[item["id"].get<std::int64_t>()];
    const Json& gates = shown["gates"];
    for (; told < gates.size() && !gates[told]["ended"].is_null(); ++told)
      std::cout << gates[told]["ended"].get<std::string>() << ' '
                << item["playbook"].get<std::string>() << ": "
                << item["repository"].get<std::string>() << '#' << item["number"] << ' '
                << gates[told]["gate"].get<std::string>() << ' '
                << gates[told]["verdict"].get<std::string>() << ' '
                << gates[told].value("reason", Json()).dump() << '\n';
    const auto state = item["state"].get<std::string>();
    if (state != "waiting" && state != "running") ended_items_.insert(state);
  }
}

// Prints what has ended since the last look.
void Round::follow() {
  if (is_sample()) follow_items();
  const Json page = AdminClient(paths_).get("/v1/jobs?limit=200");
  const Json& jobs = page["jobs"];  // newest first
  for (auto at = jobs.rbegin(); at != jobs.rend(); ++at) {
    const Json& job = *at;
    if (job["ended_at"].is_null() || !told_.insert(job["id"].get<std::int64_t>()).second) continue;
    std::cout << job["ended_at"].get<std::string>() << ' ' << job["task"].get<std::string>()
              << ": job " << job["id"] << ' ' << job["state"].get<std::string>() << ' '
              << to_text(job.value("result", Json())) << '\n';
    if (job["source"] == "schedule") by_tick_.emplace(job["task"].get<std::string>(), job);
  }
  if (!jobs.empty())
    told_.erase(told_.begin(), told_.lower_bound(jobs.back()["id"].get<std::int64_t>()));
}

// Whether somebody ends the round, or the host has ended; waits that long for it.
bool Round::over(std::chrono::milliseconds wait) const {
  std::array<pollfd, 2> events{{{signals_.get(), POLLIN, 0}, {host_->child().pidfd(), POLLIN, 0}}};
  return ::poll(events.data(), events.size(), static_cast<int>(wait.count())) > 0;
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

void Round::stay() {
  std::cout << "\nIt goes on until Ctrl-C. In another terminal:\n  export TIMMY_HOME="
            << paths_.timmy_home.string() << " HERMES_HOME=" << paths_.hermes_home.string()
            << "\n  " << (options_.bin / "timmy-host").string() << " --list-tasks\n\n";
  while (!over(std::chrono::seconds(1))) follow();
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
