// SPDX-License-Identifier: Apache-2.0
//
// For tests: agents that ask a model through the real meter, whose account is the real ledger.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dispatch/dispatch_real_fixture.hpp"
#include "tokens/fake_upstream.hpp"
#include "tokens/ledger.hpp"
#include "tokens/ledger_reads.hpp"

namespace host::dispatch {

// ask TOKENS [MORE]: one call of the model for that much output; prints what comes.
inline constexpr const char* kAsk = R"(at=${OPENAI_BASE_URL#http://}
at=${at%/v1}
ask() {
  body='{"model": "small-1", "max_tokens": '$1$2', "messages": [{"role": "user", "content": "hi"}]}'
  exec 3<> "/dev/tcp/${at%:*}/${at#*:}" || exit 9
  printf 'POST /v1/chat/completions HTTP/1.1\r\nHost: meter\r\nAuthorization: Bearer %s\r\n' \
    "$OPENAI_API_KEY" >&3
  printf 'Content-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' \
    ${#body} "$body" >&3
  cat <&3
  exec 3>&-
}
)";
inline constexpr const char* kLie =
    "echo done > NOTES && git add NOTES && git commit -qm 'Fix it'\n";

class DispatchTokens : public DispatchForReal {
 protected:
  void SetUp() override {
    DispatchForReal::SetUp();
    if (IsSkipped()) return;
    begin();
  }
  // The part of a host's start that is no dispatcher's.
  void begin() {
    ledger_ = std::make_unique<Ledger>(*store_, loop_, wall_, log_, "allegro", "boot 1");
    done_by<Ledger::Recovery>([this](auto done) { ledger_->recover(done); });
    budget(R"({"day": {"tokens": 1000000}})");
    ModelRoute route;
    route.name = "main";
    route.url = upstream_.url();
    route.provider = "acme";
    route.models = {"small-1"};
    route.max_output = Tokens(1000);
    meter_ = std::make_unique<Meter>(
        loop_, [this](Loop& callers) { return make_call_ledger(*ledger_, loop_, callers); },
        std::make_shared<ModelRoutes>(ModelRoutes{{route}, BannedModels()}), shared_redactor_,
        log_);
  }
  void TearDown() override {
    DispatchForReal::TearDown();
    meter_.reset();
  }

  template <class T, class Ask>
  void done_by(Ask ask) {
    bool done = false;
    ask(Reply<T>([&](Result<T> result) { done = result.ok(); }));
    ASSERT_TRUE(run_until([&] { return done; }));
  }
  void budget(const std::string& json) {
    done_by<Done>(
        [&](auto done) { ledger_->set_budget(parse_budget(json, "token_budget.json"), done); });
  }
  void bash_agent_is(const std::string& script) {
    put_program(folder_ / "agent" / "agent", std::string("#!/bin/bash\n") + kAsk + script);
  }
  // The one item, once it waits and so many runs of it are over.
  Item item_that_waits_after(int runs) {
    EXPECT_TRUE(run_until([=, this] {
      const auto all = items();
      return !all.empty() && all.front().runs == runs && !all.front().run_open;
    }));
    const auto item = items().front();
    EXPECT_EQ(item.at, (Position{Gate::track, ItemState::waiting})) << item.reason;
    return item;
  }
  // The clock of dues and that of people are read one after the other.
  void expect_due_at_reset(const Item& item) {
    EXPECT_GE(item.due, next_day_ - std::chrono::seconds(1));
    EXPECT_LT(item.due, next_day_ + std::chrono::minutes(1));
  }
  // What the calls that came through might use of output, each.
  [[nodiscard]] std::vector<std::int64_t> granted() const {
    std::vector<std::int64_t> all;
    for (const auto& request : upstream_.requests())
      all.push_back(request.json()["max_tokens"].get<std::int64_t>());
    return all;
  }
  // Says `piece` again and again to whoever asks, until it has said it `times`; then `end`.
  void upstream_goes_on(const std::string& piece, int times, const std::string& end) {
    upstream_.set_script(
        [this, piece, times, end](const FakeUpstream::Request&, const FakeUpstream::Peer& peer) {
          peer.say(stream_head());
          go_on(peer, piece, times, end);
        });
  }
  void go_on(const FakeUpstream::Peer& peer, const std::string& piece, int times,
             const std::string& end) {
    if (times == 0) return peer.say(end);
    peer.say(piece);
    next_piece_ = loop_.after(std::chrono::milliseconds(200),
                              [=, this] { go_on(peer, piece, times - 1, end); });
  }

  // What the first row of the run says.
  bool is_bypassable(const std::string& run) {
    return store_->run_now([&](Unit& unit) { return rows_of_run(unit, run, 1).at(0).bypassable; });
  }

  std::unique_ptr<Ledger> ledger_;
  Timer next_piece_;
  // Each call uses all that it was granted, so that one too many would show.
  FakeUpstream upstream_{context_,
                         [](const FakeUpstream::Request& request, const FakeUpstream::Peer& peer) {
                           const auto output = request.json()["max_tokens"].get<std::int64_t>();
                           peer.say(http_reply(to_text(completion("hi", 50, output))));
                         }};
};

}  // namespace host::dispatch
