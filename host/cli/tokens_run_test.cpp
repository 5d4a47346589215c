// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <future>

#include "base/json.hpp"
#include "cli/command_fixture.hpp"
#include "cli/fake_host.hpp"

namespace host::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kKey = "tk-0123456789abcdef";

class TokensRunTest : public CommandTest {
 protected:
  TokensRunTest() {
    host_.hold(
        "POST /v1/tokens/runs",
        {{"run", "r12ab"}, {"route", "main"}, {"url", "http://127.0.0.1:4000/v1"}, {"key", kKey}});
    host_.set("POST /v1/tokens/runs/r12ab/close",
              {{"run", "r12ab"},
               {"charged", {{"total_tokens", 1234}, {"calls", 2}, {"cost_usd", 0.0123}}}});
  }
  // Behind the options that are given, the child with what it is told.
  std::vector<std::string> child(const std::vector<std::string>& given,
                                 std::vector<std::string> told) {
    std::vector<std::string> all{"tokens", "run"};
    all.insert(all.end(), given.begin(), given.end());
    all.insert(all.end(), {"--", TIMMY_METERED_CHILD, seen_.string()});
    all.insert(all.end(), told.begin(), told.end());
    return all;
  }
  // What the child saw.
  [[nodiscard]] std::vector<std::string> seen() const {
    std::ifstream file(seen_);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  FakeHost host_{Paths::from(Environment::of_process())};
  std::filesystem::path seen_ = folder_ / "seen";
};

TEST_F(TokensRunTest, GivesTheProgramItsUrlAndKeyAndTellsWhatItWasCharged) {
  EXPECT_EQ(run(child({"--pipeline", "nightly", "--model", "small-1", "--issue", "org/app#7",
                       "--reserve", "500"},
                      {"", "--json", "two words", "--"})),
            0)
      << err_.str();
  EXPECT_THAT(seen(),
              ElementsAre("http://127.0.0.1:4000/v1", kKey, "", "--json", "two words", "--"));
  const auto asked = host_.requests();
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(Json::parse(asked[0].substr(asked[0].find('{'))), (Json{{"pipeline", "nightly"},
                                                                    {"model", "small-1"},
                                                                    {"issue", "org/app#7"},
                                                                    {"reserve", 500}}));
  EXPECT_EQ(asked[1], "POST /v1/tokens/runs/r12ab/close {}");
  EXPECT_EQ(err_.str(), "timmy-host: the run r12ab was charged 1,234 tokens in 2 calls, $0.0123\n");
  EXPECT_THAT(out_.str(), IsEmpty());
}

TEST_F(TokensRunTest, ItsKeyIsToldToNobodyElse) {
  EXPECT_EQ(run(child({}, {})), 0);
  EXPECT_THAT(err_.str(), Not(HasSubstr(kKey)));
  EXPECT_EQ(::getenv("OPENAI_API_KEY"), nullptr);
}

TEST_F(TokensRunTest, EndsWithTheStatusOfTheProgram) {
  EXPECT_EQ(run(child({}, {"fail"})), 7);
  EXPECT_THAT(host_.requests(), Contains("POST /v1/tokens/runs/r12ab/close {}"));
}

TEST_F(TokensRunTest, PassesASignalOnAndTellsThatTheProgramDiedOfIt) {
  auto ended = std::async(std::launch::async, [this] { return run(child({}, {"wait"})); });
  while (seen().empty()) std::this_thread::yield();
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ(ended.get(), 128 + SIGTERM);
  EXPECT_THAT(host_.requests(), Contains("POST /v1/tokens/runs/r12ab/close {}"));
}

TEST_F(TokensRunTest, AProgramThatIsNotThereOpensNoRun) {
  EXPECT_EQ(run({"tokens", "run", "--", "no-such-program-anywhere"}), 66);
  EXPECT_EQ(run({"tokens", "run"}), 64);
  EXPECT_THAT(host_.requests(), IsEmpty());
}

TEST_F(TokensRunTest, ARunOfAProgramThatCannotBeStartedEnds) {
  EXPECT_NE(run({"tokens", "run", "--", folder_.path().string()}), 0);
  EXPECT_THAT(err_.str(), HasSubstr("starting " + folder_.path().string()));
  while (host_.gone() == 0) std::this_thread::yield();
}

TEST_F(TokensRunTest, ARefusalIsTheHostsOwn) {
  FakeHost other(Paths::from(Environment::of_process()));
  other.set("POST /v1/tokens/runs",
            {{"error",
              {{"code", "unavailable"},
               {"message", "there is no meter, since host.yaml has no route to a model"},
               {"next_step", "See model: in host.yaml."}}}},
            503);
  EXPECT_EQ(run(child({}, {})), 69);
  EXPECT_THAT(err_.str(), HasSubstr("no route to a model"));
  EXPECT_THAT(seen(), IsEmpty());
}

TEST_F(TokensRunTest, WhatWasChargedCanBeLookedUpWhereTheHostDoesNotSay) {
  host_.set("POST /v1/tokens/runs/r12ab/close", {{"error", {{"code", "unavailable"}}}}, 503);
  EXPECT_EQ(run(child({}, {"fail"})), 7);
  EXPECT_THAT(err_.str(), HasSubstr("timmy-host tokens show r12ab"));
}

}  // namespace
}  // namespace host::cli
