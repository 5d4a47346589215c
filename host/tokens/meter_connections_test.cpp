// SPDX-License-Identifier: Apache-2.0
//
// Which connections a call goes over, to the meter and on from there.
#include <utility>

#include "tokens/meter_fixture.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Peer = FakeUpstream::Peer;
using Request = FakeUpstream::Request;

TEST_F(MeterTest, ARunHasItsShareOfTheConnectionsAndNoMore) {
  MeterOptions options;
  options.connections_of_run = 3;
  begin(options);
  const auto other = open_run();
  upstream_.set_script([](const Request&, const Peer&) {});
  // One that waits for its list of models, one in a call, one whose body does not come.
  std::vector<std::unique_ptr<RawClient>> clients;
  const auto say = [&](const std::string& bytes) {
    clients.push_back(client());
    clients.back()->say(bytes);
  };
  auto models = request("", "/v1/models");
  say(models.replace(0, 4, "GET"));
  say(request(chat()));
  run_until(context_, [&] { return upstream_.requests().size() == 2; });
  const auto whole = request(chat());
  say(whole.substr(0, whole.size() - 1));
  std::string fourth;
  run_until(context_, [&] {
    fourth = exchange(request("{}"));
    return fourth.find("429") != std::string::npos;
  });
  EXPECT_THAT(fourth, HasSubstr("rate_limit_exceeded"));
  EXPECT_THAT(fourth, HasSubstr("3 connections"));
  // Others have theirs.
  const auto mine = std::exchange(run_, other);
  say(request(chat()));
  run_until(context_, [&] { return upstream_.requests().size() == 3; });
  run_ = mine;
  clients[2].reset();
  run_until(context_, [&] { return exchange(request("{}")).find("429") == std::string::npos; });
}

TEST_F(MeterTest, CallsThatFollowEachOtherGoOverOneConnectionAndNoneTwice) {
  upstream_.set_script([&](const Request&, const Peer& peer) {
    if (upstream_.requests().size() == 3) return peer.close();
    peer.say(http_reply(to_text(completion("hi", 10, 5))));
  });
  for (int call = 0; call < 2; ++call)
    EXPECT_THAT(exchange(request(chat())), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(upstream_.peers().size(), 1u);
  const auto lost = exchange(request(chat()));
  EXPECT_THAT(lost, StartsWith("HTTP/1.1 502"));
  EXPECT_THAT(lost, HasSubstr("x-should-retry: false"));
  settle(3);
  EXPECT_EQ(charge(2), "hold");
  EXPECT_EQ(upstream_.requests().size(), 3u);
}

}  // namespace
}  // namespace host
