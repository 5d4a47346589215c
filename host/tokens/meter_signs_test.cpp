// SPDX-License-Identifier: Apache-2.0
//
// What the meter tells of a run while it works: that a model answers it, that it gets no tokens;
// and that the run's own caps go along with each call.
#include "tokens/meter_fixture.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Peer = FakeUpstream::Peer;
using Request = FakeUpstream::Request;

class MeterSignsTest : public MeterTest {
 protected:
  void SetUp() override {
    MeterTest::SetUp();
    RunTerms terms;
    terms.route = "main";
    terms.caps = {{Dimension::run, Tokens(300), "its own cap", "Raise it."}};
    terms.signs = {.answered = [this] { ++answers_; },
                   .refused =
                       [this](const Error& why, bool others) {
                         refusals_.push_back(why.message() + (others ? ", not its only call" : ""));
                       },
                   .with_model = [this](bool any) { with_model_.push_back(any); }};
    std::optional<Result<MeteredRun>> opened;
    meter_->open_run(terms, [&](Result<MeteredRun> run) { opened = std::move(run); });
    run_until(context_, [&] { return opened.has_value(); });
    run_ = opened->value();
  }
  // Nothing is told of the run after that.
  int answers_at_its_end() {
    close_run();
    return answers_;
  }
  // The upstream says this to whoever asks, and closes.
  void say(std::string bytes) {
    upstream_.set_script([bytes = std::move(bytes)](const Request&, const Peer& peer) {
      peer.say(bytes);
      peer.close();
    });
  }

  int answers_ = 0;
  std::vector<std::string> refusals_;
  std::vector<bool> with_model_;
};

TEST_F(MeterSignsTest, AnAnswerIsTold) {
  exchange(request(chat()));
  EXPECT_EQ(answers_at_its_end(), 1);
  EXPECT_THAT(refusals_, IsEmpty());
}

TEST_F(MeterSignsTest, EachPieceOfAStreamIsAnAnswerBeforeItsEnd) {
  std::optional<Peer> upstream;
  upstream_.set_script([&](const Request&, const Peer& peer) {
    peer.say(stream_head() + piece("one "));
    upstream = peer;
  });
  const auto peer = client();
  peer->say(request(streamed()));
  run_until(context_, [&] { return answers_ == 1; });
  // One that comes a moment later is told again; of those close together only one is.
  const auto later = loop_.after(std::chrono::milliseconds(300), [&] {
    for (int i = 0; i < 10; ++i) upstream->say(piece("more "));
  });
  run_until(context_, [&] { return answers_ == 2; });
  EXPECT_TRUE(ledger_.settled.empty());
}

TEST_F(MeterSignsTest, WhatIsNoAnswerIsNotTold) {
  say(stream_head() + ": still at it\n\n" + event({{"error", {{"message", "overloaded"}}}}));
  exchange(request(streamed()));
  say(http_reply(R"({"error": {"message": "overloaded"}})", 503));
  exchange(request(chat()));
  say(http_reply("no JSON"));
  exchange(request(chat()));
  EXPECT_EQ(answers_at_its_end(), 0);
}

TEST_F(MeterSignsTest, ThatTheLedgerRefusesItIsToldAndWhy) {
  ledger_.refusal = Error(Code::denied, "its own cap has 3 tokens left", "Raise it.");
  exchange(request(chat()));
  EXPECT_EQ(answers_at_its_end(), 0);
  EXPECT_THAT(refusals_, ElementsAre("its own cap has 3 tokens left"));
}

TEST_F(MeterSignsTest, ThatOthersHoldWhatIsLeftIsToldAsWell) {
  ledger_.refusal = Error(Code::busy, "90 tokens are held by calls under way");
  exchange(request(chat()));
  close_run();
  EXPECT_THAT(refusals_, ElementsAre("90 tokens are held by calls under way"));
}

TEST_F(MeterSignsTest, ThatALedgerCannotWriteIsToldAsWell) {
  ledger_.refusal = Error(Code::unavailable, "the disk is full");
  exchange(request(chat()));
  close_run();
  EXPECT_THAT(refusals_, ElementsAre("the disk is full"));
}

TEST_F(MeterSignsTest, ARefusalSaysWhetherAnotherCallIsWithAModelAndThenWhenNoneIsAnyMore) {
  std::optional<Peer> busy;
  upstream_.set_script([&](const Request&, const Peer& peer) { busy = peer; });
  const auto first = client();
  first->say(request(chat()));
  run_until(context_, [&] { return busy.has_value(); });
  EXPECT_THAT(with_model_, IsEmpty());
  ledger_.refusal = Error(Code::rate_limited, "3 tokens are left");
  exchange(request(chat()));
  run_until(context_, [&] { return !refusals_.empty(); });
  EXPECT_THAT(refusals_, ElementsAre("3 tokens are left, not its only call"));
  // It ends without an answer.
  busy->say(http_reply(R"({"error": {"message": "overloaded"}})", 503));
  run_until(context_, [&] { return with_model_ == std::vector<bool>{false}; });
  ledger_.refusal.reset();
  const auto second = client();
  second->say(request(chat()));
  run_until(context_, [&] { return with_model_ == std::vector<bool>{false, true}; });
  EXPECT_EQ(answers_at_its_end(), 0);
}

TEST_F(MeterSignsTest, WhileNothingIsRefusedNobodyIsToldOfCalls) {
  exchange(request(chat()));
  ledger_.refusal = Error(Code::rate_limited, "3 tokens are left");
  exchange(request(chat()));
  ledger_.refusal.reset();
  exchange(request(chat()));
  exchange(request(chat()));
  close_run();
  // Of the call that was answered after the refusal alone.
  EXPECT_THAT(with_model_, ElementsAre(true));
  EXPECT_THAT(refusals_, ElementsAre("3 tokens are left"));
}

TEST_F(MeterSignsTest, AnAnswerAfterARefusalIsToldHoweverSoonItComes) {
  std::optional<Peer> upstream;
  upstream_.set_script([&](const Request&, const Peer& peer) {
    peer.say(stream_head() + piece("one "));
    upstream = peer;
  });
  const auto peer = client();
  peer->say(request(streamed()));
  run_until(context_, [&] { return answers_ == 1; });
  ledger_.refusal = Error(Code::rate_limited, "3 tokens are left");
  exchange(request(chat()));
  upstream->say(piece("two "));
  run_until(context_, [&] { return answers_ == 2; });
}

TEST_F(MeterSignsTest, ItsCapsGoWithEachCall) {
  exchange(request(chat()));
  exchange(request(chat()));
  ASSERT_EQ(ledger_.asked.size(), 2U);
  for (const auto& ask : ledger_.asked) {
    ASSERT_EQ(ask.caps.size(), 1U);
    EXPECT_EQ(ask.caps.front().tokens, Tokens(300));
  }
}

}  // namespace
}  // namespace host
