// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <sstream>

#include "base/error.hpp"
#include "base/loop.hpp"
#include "base/process.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"
#include "cli/tokens_text.hpp"
#include "http/client.hpp"
#include "http/url.hpp"

namespace host::cli {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kRuns = "/v1/tokens/runs";

std::filesystem::path find_program(const std::string& word) {
  std::error_code ignored;
  if (word.find('/') != std::string::npos) return std::filesystem::absolute(word, ignored);
  const char* set = std::getenv("PATH");
  std::istringstream folders(set == nullptr ? "/usr/local/bin:/usr/bin:/bin" : set);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto file = std::filesystem::absolute(folder.empty() ? "." : folder, ignored) / word;
    if (std::filesystem::is_regular_file(file, ignored) && ::access(file.c_str(), X_OK) == 0)
      return file;
  }
  throw Error(Code::not_found, "there is no program \"" + word + "\" on $PATH");
}

std::map<std::string, std::string> own_environment() {
  std::map<std::string, std::string> all;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string variable = *each;
    const auto equals = variable.find('=');
    if (equals != std::string::npos) all[variable.substr(0, equals)] = variable.substr(equals + 1);
  }
  return all;
}

// A program with a metered run for as long as it lives. The host sees the connection end, however
// this process ends, and closes the run.
class MeteredProgram {
 public:
  MeteredProgram(AdminClient client, std::ostream& err, Words words)
      : client_(std::move(client)),
        err_(err),
        words_(std::move(words)),
        program_(find_program(words_.front())) {}

  // Its exit status, as a shell tells it.
  int run(const Json& terms) {
    signals_.add(SIGQUIT);
    wait_for_signals();
    auto request = client_.request("POST", kRuns, to_text(terms), kNoLimit);
    request.silence = Duration::zero();
    answer_ = http_.open(std::move(request), [this](Result<HttpResponse> head) {
      step([&] { take_head(std::move(head)); });
    });
    context_.run();
    if (failure_) throw Error(*failure_);
    if (!run_.empty()) close();
    return status_;
  }

 private:
  // Of one connection; more than a run takes.
  static constexpr Duration kNoLimit = std::chrono::hours(24 * 365);

  // What it throws ends all this.
  template <class Work>
  void step(Work work) {
    const auto done = attempt(work);
    if (done.ok()) return;
    failure_ = done.error();
    context_.stop();
  }

  void take_head(Result<HttpResponse> head) {
    if (!head.ok()) throw_refusal(std::move(head));
    head_ = std::move(head).value();
    read();
  }

  [[noreturn]] void throw_refusal(const Result<HttpResponse>& received) {
    (void)client_.reply_in(received, kRuns);
    throw Error(Code::internal, "the host opened no run");
  }

  void read() {
    answer_->read([this](Result<std::string> bytes) {
      step([&] {
        if (!run_.empty())
          host_went();
        else
          take(std::move(bytes).value());
      });
    });
  }

  void take(std::string bytes) {
    head_.body += bytes;
    const bool whole = head_.status == 200 && head_.body.find('\n') != std::string::npos;
    if (!whole && !bytes.empty()) return read();
    if (!whole) throw_refusal(Result<HttpResponse>(head_));
    start(client_.reply_in(Result<HttpResponse>(std::exchange(head_, {})), kRuns));
    read();
  }

  void start(const Json& opened) {
    run_ = opened.at("run").get<std::string>();
    SpawnRequest request;
    request.program = program_;
    request.arguments = words_;
    request.environment = own_environment();
    request.environment["OPENAI_BASE_URL"] = opened.at("url").get<std::string>();
    request.environment["OPENAI_API_KEY"] = opened.at("key").get<std::string>();
    request.folder = std::filesystem::current_path();
    request.descriptors = {{0, 0}, {1, 1}, {2, 2}};
    child_ = spawn(request);
    ended_.assign(::fcntl(child_.pidfd(), F_DUPFD_CLOEXEC, 3));
    ended_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this](const boost::system::error_code& failed) {
                        if (!failed) step([this] { child_ended(); });
                      });
  }

  void child_ended() {
    const auto exit = child_.reap();
    if (!exit) throw Error(Code::internal, "the program ended, and left no status");
    status_ = exit->signalled ? 128 + exit->number : exit->number;
    context_.stop();
  }

  void wait_for_signals() {
    signals_.async_wait([this](const boost::system::error_code& failed, int number) {
      if (failed) return;
      wait_for_signals();
      if (child_) return child_.signal_group(number);
      status_ = 128 + number;
      context_.stop();
    });
  }

  void host_went() {
    err_ << "timmy-host: the host has ended the run " << run_
         << ", and refuses its calls from now on\n";
    gone_ = true;
  }

  // What the program did is done, so nothing here changes its status.
  void close() {
    const auto closed = attempt(
        [&] { return client_.post(std::string(kRuns) + "/" + percent_encode(run_) + "/close"); });
    if (closed.ok()) {
      const Json& charged = closed.value().at("charged");
      const auto calls = charged.at("calls").get<std::int64_t>();
      const auto cost = dollars_text(charged.at("cost_usd"));
      err_ << "timmy-host: the run " << run_ << " was charged "
           << grouped(charged.at("total_tokens").get<std::int64_t>()) << " tokens in " << calls
           << (calls == 1 ? " call" : " calls") << (cost == "-" ? "" : ", " + cost) << '\n';
    } else {
      if (!gone_) err_ << "timmy-host: " << printable(closed.error().message(), true) << '\n';
      err_ << "  What it was charged: timmy-host tokens show " << run_ << '\n';
    }
  }

  AdminClient client_;
  std::ostream& err_;
  Words words_;
  std::filesystem::path program_;
  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  CurlClient http_{context_, loop_};
  boost::asio::signal_set signals_{context_, SIGINT, SIGTERM, SIGHUP};
  boost::asio::posix::stream_descriptor ended_{context_};
  std::unique_ptr<HttpBody> answer_;
  HttpResponse head_;
  std::string run_;
  Child child_;
  int status_ = 0;
  bool gone_ = false;
  std::optional<Error> failure_;
};

int run(Session& session, const options::variables_map& given) {
  if (!given.count("command"))
    throw Error(Code::usage, "run which command?",
                "Write it behind two dashes: timmy-host tokens run -- PROGRAM ARGUMENT");
  Json terms = Json::object();
  for (const auto* key : {"route", "model", "pipeline", "playbook", "issue"})
    if (given.count(key)) terms[key] = given[key].as<std::string>();
  if (given.count("reserve")) terms["reserve"] = given["reserve"].as<std::int64_t>();
  return MeteredProgram(session.client(), session.err, given["command"].as<Words>()).run(terms);
}

void declare(options::options_description& own,
             options::positional_options_description& positional) {
  const auto text = [](const char* what) {
    return options::value<std::string>()->value_name(what);
  };
  own.add_options()("route", text("ROUTE"),
                    "by this route of host.yaml; default: the only one, or the only one that "
                    "carries the model")("model", text("MODEL"),
                                         "the only model that it may ask for; default: any of the "
                                         "route")("pipeline", text("PIPELINE"),
                                                  "on whose budget; default: tokens-run")(
      "playbook", text("PLAYBOOK"), "on this playbook's account, too")(
      "issue", text("ISSUE"), "on that of this issue, as owner/name#12")(
      "reserve", options::value<std::int64_t>()->value_name("TOKENS"),
      "set so many tokens aside for it; default: each call asks anew")(
      "command", options::value<Words>()->value_name("WORD"),
      "the program and its arguments (same as the arguments)");
  positional.add("command", -1);
}

}  // namespace

std::vector<Command> token_run_commands() {
  return {
      {.words = "tokens run",
       .arguments = "-- PROGRAM [ARGUMENT ...]",
       .summary = "run a program whose calls of models are metered and held to the budget",
       .details =
           "Opens a run on the host's meter and gives the program, and nobody else, its URL and "
           "key: OPENAI_BASE_URL and OPENAI_API_KEY, which clients of OpenAI's wire read. The "
           "provider's key stays in the host. Calls past a cap are refused. What the program "
           "reaches without the meter is not counted, so its rows say bypassable. The program is "
           "started as it is written, by no shell, with this terminal's input and output, in a "
           "session of its own; SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on to it. When it "
           "ends, what it left running in its session's group is killed, the run is closed, and "
           "what it was charged is told on standard error. The run is closed too if this command "
           "is killed. Exit status: the program's, 128 and the signal's number if it died of "
           "one; where it was not started, as of any command.",
       .examples = {"timmy-host tokens run -- python3 agent.py --fast",
                    "timmy-host tokens run --pipeline nightly --issue org/app#12 -- ./agent",
                    "timmy-host tokens run --model gpt-4o --reserve 200000 -- ./agent"},
       .declare = declare,
       .reads_files = false,
       .prints_json = false,
       .run = run},
  };
}

}  // namespace host::cli
