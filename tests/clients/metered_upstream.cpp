// SPDX-License-Identifier: Apache-2.0
//
// A meter before a fake upstream, with a ledger of so many tokens, for real clients to be tried on.
// Prints a line of JSON with the URL and the key, then a line of what was charged so far for each
// line read; ends at the end of its input.
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "base/redactor.hpp"
#include "tokens/fake_call_ledger.hpp"
#include "tokens/fake_upstream.hpp"
#include "tokens/meter.hpp"

using namespace host;

namespace {

Json tool_call() {
  return Json::array({{{"index", 0},
                       {"id", "call_1"},
                       {"type", "function"},
                       {"function", {{"name", "weather"}, {"arguments", R"({"city":"Rome"})"}}}}});
}

Json delta_piece(const Json& delta, const Json& finish) {
  return {{"id", "c1"},
          {"object", "chat.completion.chunk"},
          {"created", 1},
          {"model", "small-1"},
          {"choices", {{{"index", 0}, {"delta", delta}, {"finish_reason", finish}}}}};
}

std::string streamed(const Json& asked) {
  const bool tools = asked.contains("tools");
  std::string out = stream_head();
  out += event(delta_piece({{"role", "assistant"}, {"content", ""}}, nullptr));
  if (tools)
    out += event(delta_piece({{"tool_calls", tool_call()}}, nullptr));
  else
    for (const auto* word : {"Hello", " from", " upstream"})
      out += event(delta_piece({{"content", word}}, nullptr));
  if (asked.value("user", "") == "breaks") return out;
  out += event(delta_piece(Json::object(), tools ? "tool_calls" : "stop"));
  return out + usage_piece(12, 3) + stream_end();
}

void answer(const FakeUpstream::Request& request, const FakeUpstream::Peer& peer) {
  if (request.has("GET "))
    return peer.say(http_reply(R"({"object":"list","data":[{"id":"small-1"},{"id":"claude-9"}]})"));
  const auto asked = request.json();
  if (request.has("/embeddings"))
    return peer.say(http_reply(
        R"({"object":"list","model":"small-1","data":[{"object":"embedding","index":0,"embedding":[0.5,0.25]}],"usage":{"prompt_tokens":4,"total_tokens":4}})"));
  // Once for each try: "500" or "503".
  if (const auto user = asked.value("user", ""); user.starts_with("5"))
    return peer.say(http_reply(R"({"error":{"message":"upstream says no"}})", std::stoi(user)));
  if (asked.value("stream", false)) {
    peer.say(streamed(asked));
    return peer.close();
  }
  auto reply = completion("Hello from upstream", 12, 3);
  if (asked.contains("tools")) {
    auto& choice = reply["choices"][0];
    choice["message"] = {{"role", "assistant"}, {"content", nullptr}, {"tool_calls", tool_call()}};
    choice["finish_reason"] = "tool_calls";
  }
  peer.say(http_reply(to_text(reply)));
}

Json charges(const FakeLedgerState& ledger) {
  Json all = Json::array();
  for (const auto& each : ledger.settled) {
    if (!each.settlement)
      all.push_back("dropped");
    else if (!each.settlement->usage)
      all.push_back("hold");
    else
      all.push_back(each.settlement->usage->total().count());
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  boost::asio::io_context context;
  const SystemClock clock;
  AsioLoop loop(context, clock);
  FakeUpstream upstream(context, answer);
  FakeLedgerState ledger;
  if (argc > 1) ledger.left = Tokens(std::atoll(argv[1]));
  ModelRoute route;
  route.name = "main";
  route.url = upstream.url();
  route.provider = "acme";
  route.models = {"small-1", "claude-9"};
  const auto routes =
      std::make_shared<ModelRoutes>(ModelRoutes{{route}, BannedModels({}, {"*claude*"})});
  const auto redactor = std::make_shared<Redactor>();
  Meter meter(
      loop, [&](Loop& callers) { return std::make_unique<FakeCallLedger>(ledger, loop, callers); },
      routes, redactor, Log::to_stderr(Level::error, redactor));
  RunTerms terms;
  terms.route = "main";
  meter.open_run(terms, [](const Result<MeteredRun>& run) {
    std::cout << to_text({{"url", run.value().url}, {"key", run.value().key.expose()}})
              << std::endl;
  });
  boost::asio::posix::stream_descriptor input(context, ::dup(0));
  boost::asio::streambuf line;
  std::function<void()> listen = [&] {
    boost::asio::async_read_until(input, line, '\n', [&](auto failed, auto size) {
      if (failed) return context.stop();
      line.consume(size);
      std::cout << to_text(charges(ledger)) << std::endl;
      listen();
    });
  };
  listen();
  context.run();
}
