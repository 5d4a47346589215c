// SPDX-License-Identifier: Apache-2.0
//
// A host with a route to a provider of models, which is a thread of the test.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/file.hpp"
#include "cli/command.hpp"
#include "faults/fault_bench.hpp"
#include "tokens/fake_upstream.hpp"

namespace host::faults {

// Answers each chat with 100 and 10 tokens of use, or not at all.
class ProviderThread {
 public:
  ProviderThread() : thread_([this] { context_.run(); }) {}
  ~ProviderThread() {
    work_.reset();
    context_.stop();
    thread_.join();
  }
  [[nodiscard]] std::string url() const { return upstream_.url(); }
  // From now on it is silent, or answers.
  void stall(bool stalls) { stalls_ = stalls; }
  // Chats that came.
  [[nodiscard]] int chats() const { return chats_; }

 private:
  void answer(const FakeUpstream::Request& request, const FakeUpstream::Peer& peer) {
    if (request.has("GET ")) return peer.say(http_reply(R"({"data": [{"id": "small-1"}]})"));
    ++chats_;
    if (!stalls_) peer.say(http_reply(to_text(completion("ok", 100, 10))));
  }

  boost::asio::io_context context_;
  std::atomic<bool> stalls_ = false;
  std::atomic<int> chats_ = 0;
  FakeUpstream upstream_{context_,
                         [this](const auto& request, const auto& peer) { answer(request, peer); }};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      boost::asio::make_work_guard(context_)};
  std::thread thread_;
};

class ModelHostBench : public FaultBench {
 protected:
  ModelHostBench() {
    ::setenv("TIMMY_HOME", paths_.timmy_home.c_str(), 1);
    ::setenv("HERMES_HOME", paths_.hermes_home.c_str(), 1);
  }

  // host.yaml with the route "main", which heartbeat and echo may take; `more` is merged over it.
  void write_model_config(const Json& more = Json::object()) {
    const Json granted{{"model", {"main"}}};
    Json config{
        {"defaults",
         {{"model",
           {{"routes",
             {{"main",
               {{"url", provider_.url()}, {"provider", "acme"}, {"models", {"small-1"}}}}}}}},
          {"plugins",
           {{"echo", {{"grants", granted}}},
            {"heartbeat",
             {{"enabled", true},
              {"schedule",
               {{"heartbeat", "never"},
                {"heartbeat_heavy", "never"},
                {"model_health_check", "never"}}},
              {"grants",
               {{"model", {"main"}},
                {"gitea.read", {"whoami"}},
                {"fs.write", {"$TIMMY_HOME/stamps"}}}},
              {"config", {{"model", {{"route", "main"}, {"name", "small-1"}}}}}}}}}}}};
    config.merge_patch(more);
    write_config(config);
  }
  void write_budget(const Json& budget) {
    write_atomically(paths_.token_budget(), to_text(budget), 0600);
  }
  // What `timmy-host ARGUMENTS --json` prints.
  Json ask(std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    return parse_json(run(arguments), "what the command printed");
  }
  std::string run(const std::vector<std::string>& arguments, int status = 0) {
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(cli::main(arguments, out, err), status) << out.str() << err.str();
    messages_ = err.str();
    return out.str();
  }

  ProviderThread provider_;
  std::string messages_;
};

}  // namespace host::faults
