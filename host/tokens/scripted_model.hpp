// SPDX-License-Identifier: Apache-2.0
//
// For tests of agents: a model on a thread of its own, which has them do one thing.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tokens/fake_upstream.hpp"

namespace host {

// A model that has one thing done in the terminal, then says that it is done.
class ScriptedModel {
 public:
  explicit ScriptedModel(std::string command)
      : command_(std::move(command)), thread_([this] { context_.run(); }) {}
  ~ScriptedModel() {
    work_.reset();
    context_.stop();
    thread_.join();
  }
  [[nodiscard]] std::string url() const { return upstream_.url(); }
  [[nodiscard]] std::vector<std::string> heads() const {
    const std::scoped_lock lock(mutex_);
    return heads_;
  }
  [[nodiscard]] std::string bodies() const {
    const std::scoped_lock lock(mutex_);
    return bodies_;
  }

 private:
  void answer(const FakeUpstream::Request& request, const FakeUpstream::Peer& peer) {
    {
      const std::scoped_lock lock(mutex_);
      heads_.push_back(request.head);
      bodies_ += request.body;
    }
    if (request.has("GET ")) return peer.say(http_reply(R"({"data": [{"id": "small-1"}]})"));
    const auto asked = request.json();
    const bool first = asked.contains("tools") && !called_.exchange(true);
    const bool stream = asked.value("stream", false);
    if (!first) return say(peer, {{"role", "assistant"}, {"content", "All done."}}, "stop", stream);
    const Json call{
        {"index", 0},
        {"id", "call_1"},
        {"type", "function"},
        {"function", {{"name", "terminal"}, {"arguments", to_text({{"command", command_}})}}}};
    say(peer, {{"role", "assistant"}, {"content", nullptr}, {"tool_calls", {call}}}, "tool_calls",
        stream);
  }

  static void say(const FakeUpstream::Peer& peer, const Json& message, const char* reason,
                  bool stream) {
    const Json common{{"id", "c1"}, {"created", 1}, {"model", "small-1"}};
    auto reply = common;
    if (!stream) {
      reply["object"] = "chat.completion";
      reply["choices"] = {{{"index", 0}, {"message", message}, {"finish_reason", reason}}};
      reply["usage"] = usage(100, 10);
      return peer.say(http_reply(to_text(reply)));
    }
    reply["object"] = "chat.completion.chunk";
    reply["choices"] = {{{"index", 0}, {"delta", message}, {"finish_reason", nullptr}}};
    auto last = reply;
    last["choices"] = {{{"index", 0}, {"delta", Json::object()}, {"finish_reason", reason}}};
    peer.say(stream_head() + event(reply) + event(last) + usage_piece(100, 10) + stream_end());
    peer.close();
  }

  std::string command_;
  std::atomic<bool> called_ = false;
  mutable std::mutex mutex_;
  std::vector<std::string> heads_;
  std::string bodies_;
  boost::asio::io_context context_;
  FakeUpstream upstream_{context_,
                         [this](const auto& request, const auto& peer) { answer(request, peer); }};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      boost::asio::make_work_guard(context_)};
  std::thread thread_;
};

}  // namespace host
