// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "base/redactor.hpp"
#include "base/test_folder.hpp"
#include "http/test_peer.hpp"
#include "tokens/fake_call_ledger.hpp"
#include "tokens/fake_upstream.hpp"
#include "tokens/meter.hpp"

namespace host {

// A meter between raw clients and a fake upstream, with a fake ledger. One run is open.
class MeterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write_key("sk-the-real-key-1");
    begin();
  }

  void begin(MeterOptions options = {}) {
    meter_ = std::make_unique<Meter>(
        loop_,
        [this](Loop& callers) { return std::make_unique<FakeCallLedger>(ledger_, loop_, callers); },
        routes(), redactor_, Log::to_memory(lines_), options);
    run_ = open_run();
  }

  std::shared_ptr<const ModelRoutes> routes() {
    ModelRoute route;
    route.name = "main";
    route.url = url_ ? *url_ : upstream_.url();
    route.provider = "acme";
    route.credential_file = folder_ / "key";
    route.models = {"small-1", "big-*"};
    route.max_output = Tokens(1000);
    return std::make_shared<ModelRoutes>(
        ModelRoutes{{route}, BannedModels({"anthropic"}, {"*claude*"})});
  }

  void write_key(const std::string& key) {
    std::filesystem::remove(folder_ / "key");
    std::ofstream(folder_ / "key") << key;
    std::filesystem::permissions(
        folder_ / "key", std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }

  MeteredRun open_run() {
    std::optional<Result<MeteredRun>> opened;
    RunTerms terms;
    terms.spender.pipeline = "nightly";
    terms.route = "main";
    terms.reservation = Tokens(500);
    meter_->open_run(terms, [&](Result<MeteredRun> run) { opened = std::move(run); });
    run_until(context_, [&] { return opened.has_value(); });
    return opened->value();
  }
  void close_run() {
    bool closed = false;
    meter_->close_run(run_.id, [&](const Status& status) { closed = status.ok(); });
    run_until(context_, [&] { return closed; });
  }

  // Whether somebody listens there.
  bool listens(const SocketAddress& where) {
    boost::asio::ip::tcp::socket socket(context_);
    boost::system::error_code failed;
    socket.connect({boost::asio::ip::make_address(where.ip), where.port}, failed);
    return !failed;
  }

  // Bytes of a request with this run's key.
  [[nodiscard]] std::string request(std::string_view body,
                                    std::string_view path = "/v1/chat/completions",
                                    std::string_view more = "") const {
    return "POST " + std::string(path) + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
           run_.key.expose() + "\r\nContent-Type: application/json\r\nConnection: close\r\n" +
           std::string(more) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
  }
  [[nodiscard]] static std::string chat(const Json& more = Json::object()) {
    Json body{{"model", "small-1"},
              {"messages", {{{"role", "user"}, {"content", "hello"}}}},
              {"max_tokens", 100}};
    body.update(more);
    return to_text(body);
  }
  [[nodiscard]] static std::string streamed(Json more = Json::object()) {
    more["stream"] = true;
    return chat(more);
  }

  std::unique_ptr<RawClient> client() {
    return std::make_unique<RawClient>(context_, meter_->address().port);
  }
  // What is answered, until the meter closes the connection.
  std::string exchange(const std::string& bytes) {
    const auto peer = client();
    peer->say(bytes);
    run_until(context_, [&] { return peer->closed(); });
    return peer->heard();
  }
  // Waits until so many calls are settled or dropped.
  void settle(std::size_t count = 1) {
    run_until(context_, [&] { return ledger_.settled.size() >= count; });
    EXPECT_TRUE(ledger_.open.empty());
  }
  [[nodiscard]] const FakeLedgerState::Settled& settled(std::size_t at = 0) const {
    return ledger_.settled.at(at);
  }
  // How the ledger was told of it: "meter 10+5", "hold", "dropped".
  [[nodiscard]] std::string charge(std::size_t at = 0) const {
    const auto& [hold, settlement] = settled(at);
    if (!settlement) return "dropped";
    if (!settlement->usage) return "hold";
    return (settlement->source == UsageSource::meter ? "meter " : "estimated ") +
           std::to_string(settlement->usage->input.count()) + "+" +
           std::to_string(settlement->usage->output.count());
  }

  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  TestFolder folder_;
  std::shared_ptr<Redactor> redactor_ = std::make_shared<Redactor>();
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  FakeLedgerState ledger_;
  std::optional<std::string> url_;
  FakeUpstream upstream_{context_,
                         [](const FakeUpstream::Request&, const FakeUpstream::Peer& peer) {
                           peer.say(http_reply(to_text(completion("hi", 10, 5))));
                         }};
  std::unique_ptr<Meter> meter_;
  MeteredRun run_;
};

}  // namespace host
