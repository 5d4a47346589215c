// SPDX-License-Identifier: Apache-2.0
#include "gitea_bench.hpp"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>

#include "base/file.hpp"
#include "base/json.hpp"
#include "forge/forge.hpp"
#include "host_process.hpp"
#include "http/client.hpp"

namespace bench {
namespace {

using namespace host;

constexpr int kRepos = 7;
constexpr int kIssues = 2000;  // open ones, over all repositories
constexpr int kChanged = 20;   // of them between two rounds
constexpr const char* kToken = "0123456789abcdef0123456789abcdef01234567";

// The development forge on a thread of its own, with seven repositories of a team at work.
class Field {
 public:
  Field() : thread_([this] { context_.run(); }) {
    on_loop([this] {
      fill();
      forge_.set_observer([this](const forge::Logged&) { ++requests_; });
      url_ = forge_.listen();
    });
  }
  ~Field() {
    context_.stop();
    thread_.join();
  }
  Field(const Field&) = delete;
  Field& operator=(const Field&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }

  // Requests that `work` makes.
  template <class Work>
  int requests(Work work) {
    requests_ = 0;
    work();
    return requests_;
  }

  // All that was done so far was done yesterday.
  void sleep_over() {
    on_loop([this] {
      for (auto& [name, repo] : forge_.state.repos)
        for (auto& [number, issue] : repo.issues) issue.updated -= std::chrono::hours(24);
    });
  }

  // What people do between two rounds: they write to a few issues.
  void change_some() {
    on_loop([this] {
      int left = kChanged;
      for (auto& [name, repo] : forge_.state.repos)
        for (auto& [number, issue] : repo.issues)
          if (number % (kIssues / kChanged) == 1 && left-- > 0)
            forge_.state.add_comment(repo, issue, "ada", "Seen here, too.");
    });
  }

 private:
  template <class Work>
  void on_loop(Work work) {
    std::promise<void> done;
    boost::asio::post(context_, [&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }

  void fill() {
    auto& state = forge_.state;
    state.add_user("ada");
    state.add_user("bot");
    state.add_organisation("org", {"ada", "bot"});
    state.add_token(kToken, "bot");
    for (int i = 0; i < kRepos; ++i) {
      auto& repo = state.add_repo(fmt::format("org/repo{}", i));
      for (const char* label : {"bug", "docs", "question"}) state.add_label(repo, label);
    }
    // A month old and more: nobody works on all of it at once.
    const auto month_ago = clock_.wall() - std::chrono::hours(24 * 30);
    for (int i = 0; i < kIssues; ++i) {
      auto& repo = *state.repo(fmt::format("org/repo{}", i % kRepos));
      auto& issue = state.add_issue(repo, "ada", fmt::format("Crash number {}", i),
                                    "It dumped core when I opened the file.");
      issue.created = issue.updated = month_ago - std::chrono::minutes(i);
    }
  }

  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      context_.get_executor()};
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  forge::Forge forge_{context_, loop_, clock_};
  std::string url_;
  std::atomic<int> requests_ = 0;
  std::thread thread_;
};

// What one writes first: each round lists the repositories, lists each one's open issues by pages
// of the most that the server gives, and reads each issue to see what it is like now.
class ObviousLoop {
 public:
  explicit ObviousLoop(std::string url) : url_(std::move(url)) {}

  void round() {
    for (const auto& repo : get("/orgs/org/repos?limit=50")) {
      const auto path = "/repos/" + repo.at("full_name").get<std::string>() + "/issues";
      for (int page = 1;; ++page) {
        const Json issues =
            get(fmt::format("{}?state=open&type=issues&limit=50&page={}", path, page));
        if (issues.empty()) break;
        for (const auto& issue : issues)
          (void)get(fmt::format("{}/{}", path, issue.at("number").get<int>()));
      }
    }
  }

 private:
  Json get(const std::string& path) {
    std::optional<HttpResponse> response;
    client_.send({.url = url_ + "/api/v1" + path,
                  .headers = {{"Authorization", std::string("token ") + kToken}}},
                 [&](Result<HttpResponse> result) { response = std::move(result).value(); });
    context_.restart();
    while (!response) context_.run_one();
    return parse_json(response->body, path);
  }

  std::string url_;
  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  CurlClient client_{context_, loop_};
};

std::string config(const std::string& url) {
  return fmt::format(
      R"(defaults:
  plugin_dirs: [{}]
  gitea: {{ url: "{}" }}
  plugins:
    triage:
      enabled: true
      schedule: {{ gitea_issue_triage: never }}
      limits: {{ mutations: 10000 }}
      grants: {{ gitea.read: ["org/*"], gitea.write: ["org/*"] }}
      config:
        repos: ["org/*"]
        rules:
          - {{ name: crashes, when: {{ text: "(?i)core" }}, add_labels: [bug] }}
)",
      std::filesystem::path(TIMMY_TRIAGE).parent_path().string(), url);
}

}  // namespace

void triage_requests(const Output& output) {
  Field field;
  HostProcess host(config(field.url()));
  write_atomically(host.paths().timmy_home / "gitea_token", std::string(kToken) + "\n", 0600);
  host.start();
  const auto round = [&] { host.command({"enqueue", "gitea_issue_triage", "--wait"}); };
  ObviousLoop obvious(field.url());

  const int all = field.requests([&] { obvious.round(); });
  const int cold = field.requests(round);
  // What it wrote itself, it sees once more.
  const int settling = field.requests(round);
  Series warm;
  for (int run = 0; run < kRuns; ++run) {
    field.sleep_over();
    field.change_some();
    warm.add(field.requests(round), Seconds(0));
  }
  field.change_some();
  const int at_once = field.requests(round);
  const auto what =
      fmt::format("of triage over {} repositories with {} open issues", kRepos, kIssues);
  const auto loop = fmt::format(
      "baseline: a round of a loop that lists all open issues, 50 a page, and reads each");
  output.print({"gitea.triage_cold", static_cast<double>(cold), "requests", all,
                fmt::format("the first round {}, each of which gets a label; {}", what, loop)});
  output.print(
      {"gitea.triage_warm", warm.median(), "requests", all,
       fmt::format(
           "a later round {}, {} of which were changed, a day after the one before; without "
           "that day {}, and right after the first round, which reads its own writes once "
           "more, {}; {}",
           what, kChanged, at_once, settling, loop)});
}

}  // namespace bench
