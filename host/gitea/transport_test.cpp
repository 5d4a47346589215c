// SPDX-License-Identifier: Apache-2.0
//
// How requests travel: rows G1 and G2 of the fault matrix on the HTTP client's twin.
#include "gitea/transport.hpp"

#include "gitea/test_server.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

class TransportTest : public GiteaTest {
 protected:
  static Json user() { return {{"id", 1}, {"login", "timmy"}}; }
  void enqueue_failures(int count,
                        const Answer& answer = Result<HttpResponse>(FakeHttpClient::refused())) {
    for (int i = 0; i < count; ++i) http_.enqueue(answer);
  }
  Duration since_start() const { return loop_.clock().monotonic() - started_; }
  const MonotonicTime started_ = loop_.clock().monotonic();
};

TEST_F(TransportTest, SendsWhatEveryGiteaWantsToSee) {
  http_.enqueue(json(200, user()));
  EXPECT_EQ(whoami().value().login, "timmy");
  const auto& request = http_.requests().at(0);
  EXPECT_EQ(request.url, "https://git.example.org/api/v1/user");
  EXPECT_EQ(header(request, "Authorization"), "token " + std::string(kToken));
  EXPECT_EQ(header(request, "Accept"), "application/json");
  EXPECT_EQ(header(request, "Accept-Language"), "en");
  EXPECT_EQ(header(request, "Content-Type"), std::nullopt);
  EXPECT_EQ(request.url.find(kToken), std::string::npos);
}

TEST_F(TransportTest, WithoutAServerEveryCallSaysSo) {
  options_.url = "";
  make();
  EXPECT_EQ(error_of(whoami()).code(), Code::usage);
  EXPECT_THAT(error_of(whoami()).next_step(), HasSubstr("GITEA_URL"));
  EXPECT_TRUE(http_.requests().empty());
  EXPECT_TRUE(gitea_->available());
}

TEST_F(TransportTest, AUrlThatLeaksTheTokenIsRefusedAndChangesNothing) {
  GiteaOptions other = options_;
  other.url = "http://git.example.org";
  EXPECT_THROW(gitea_->configure(other), Error);
  http_.enqueue(json(200, user()));
  EXPECT_TRUE(whoami().ok());
}

TEST_F(TransportTest, RepeatsAReadAfterFailuresThatPass) {
  http_.enqueue(FakeHttpClient::refused());
  http_.enqueue(FakeHttpClient::broken());
  http_.enqueue(plain(502, "<html>"));
  http_.enqueue(json(200, user()));
  EXPECT_TRUE(whoami().ok());
  EXPECT_EQ(http_.requests().size(), 4u);
  EXPECT_EQ(gitea_->stats().retries, 3u);
  // Full jitter: between nothing and 0.5 + 1 + 2 seconds in all.
  EXPECT_LE(since_start(), Duration(3600ms));
}

TEST_F(TransportTest, BackOffIsJitteredAndReproducible) {
  const auto elapsed = [&] {
    make();
    const auto begin = loop_.clock().monotonic();
    enqueue_failures(3);
    http_.enqueue(json(200, user()));
    EXPECT_TRUE(whoami().ok());
    return loop_.clock().monotonic() - begin;
  };
  options_.backoff_base = 10s;
  options_.backoff_cap = 20s;
  const auto once = elapsed(), twice = elapsed();
  EXPECT_EQ(once, twice);
  options_.seed = 8;
  EXPECT_NE(elapsed(), once);
}

TEST_F(TransportTest, GivesUpAReadAfterItsTries) {
  enqueue_failures(10);
  const auto error = error_of(whoami());
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_THAT(error.message(), HasSubstr("asking who the token belongs to"));
  EXPECT_EQ(http_.requests().size(), 4u);
}

TEST_F(TransportTest, A500IsRepeatedOnceAndARefusalNever) {
  http_.set_handler([](const HttpRequest&) { return json(500, {{"message", ""}}); });
  EXPECT_EQ(error_of(whoami()).code(), Code::unavailable);
  EXPECT_EQ(http_.requests().size(), 2u);
  make();
  for (const int status : {400, 403, 404, 409, 410, 412, 413, 422, 423}) {
    const auto before = http_.requests().size();
    http_.set_handler([&](const HttpRequest&) { return json(status, {{"message", "no"}}); });
    EXPECT_FALSE(whoami().ok());
    EXPECT_EQ(http_.requests().size(), before + 1) << status;
  }
}

TEST_F(TransportTest, ACallEndsInItsTimeWhateverHappens) {
  options_.call_limit = 20s;
  options_.request_timeout = 8s;
  options_.attempts = 100;
  options_.breaker_failures = 100;
  make();
  http_.set_handler([](const HttpRequest&) { return std::nullopt; });
  EXPECT_EQ(error_of(whoami()).code(), Code::timed_out);
  EXPECT_LE(since_start(), Duration(20100ms));
  for (const auto& request : http_.requests()) EXPECT_LE(request.timeout, Duration(8s));
  EXPECT_LT(http_.requests().back().timeout, Duration(8s));
}

TEST_F(TransportTest, SendsNoMoreAtOnceThanAllowedAndRefusesAnEndlessQueue) {
  options_.in_flight = 2;
  options_.queue_cap = 3;
  make();
  http_.set_handler([](const HttpRequest&) { return std::nullopt; });
  int refused = 0;
  for (int i = 0; i < 6; ++i)
    gitea_->whoami([&](const Result<User>& result) {
      refused += error_of(result).message().find("wait for this server") != std::string::npos;
    });
  loop_.drain();
  EXPECT_EQ(http_.active(), 2u);
  EXPECT_EQ(refused, 1);
  loop_.advance(10min);
  EXPECT_EQ(http_.active(), 0u);
}

// ---- the breaker

TEST_F(TransportTest, TheBreakerOpensAndCallsFailAtOnceUntilATrialSucceeds) {
  std::vector<bool> told;
  gitea_->set_available_handler([&](bool available) { told.push_back(available); });
  enqueue_failures(5);
  (void)whoami();
  (void)whoami();
  EXPECT_EQ(http_.requests().size(), 5u);
  EXPECT_FALSE(gitea_->available());
  EXPECT_EQ(gitea_->stats().retries, 3u);  // none once it was open
  const auto error = error_of(whoami());
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_THAT(error.message(), HasSubstr("connection refused"));
  EXPECT_EQ(http_.requests().size(), 5u);
  loop_.advance(5s);
  http_.enqueue(json(200, user()));
  EXPECT_TRUE(whoami().ok());
  EXPECT_TRUE(gitea_->available());
  loop_.drain();
  EXPECT_EQ(told, (std::vector<bool>{false, true}));
}

TEST_F(TransportTest, APullRequestThatBreaksTheServerStopsNothingElse) {
  http_.set_handler([](const HttpRequest& request) {
    return request.url.find("/issues/5") != std::string::npos
               ? json(500, {{"message", ""}})
               : json(200, request.method == "GET" ? user() : Json::array());
  });
  options_.breaker_failures = 2;
  make();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(error_of(add_labels({"bug"})).code(), Code::unavailable);
  EXPECT_TRUE(gitea_->available());
  EXPECT_EQ(gitea_->stats().breaker_opened, 0u);
  EXPECT_TRUE(whoami().ok());
}

TEST_F(TransportTest, A500OfDifferentObjectsInARowOpensIt) {
  http_.set_handler([](const HttpRequest&) { return json(500, {{"message", ""}}); });
  for (int number = 1; number <= 5; ++number) {
    EXPECT_TRUE(gitea_->available()) << number;
    (void)wait<Issue>(
        [&](Reply<Issue> reply) { gitea_->get_issue(repo_, number, std::move(reply)); });
  }
  EXPECT_FALSE(gitea_->available());
}

TEST_F(TransportTest, A500OfTheVersionIsTheServersOwn) {
  http_.set_handler([](const HttpRequest&) { return json(500, {{"message", ""}}); });
  for (int i = 0; i < 3; ++i)
    (void)wait<std::string>([&](Reply<std::string> reply) { gitea_->version(std::move(reply)); });
  EXPECT_FALSE(gitea_->available());
  EXPECT_EQ(http_.requests().size(), 5u);
}

TEST_F(TransportTest, A503OfOneObjectIsTheServersOwn) {
  http_.set_handler([](const HttpRequest&) { return plain(503, "maintenance"); });
  for (int i = 0; i < 2; ++i) (void)whoami();
  EXPECT_FALSE(gitea_->available());
}

TEST_F(TransportTest, ItIsProbedByTimerOnlyWhileSomebodyWaits) {
  enqueue_failures(6);
  (void)whoami();
  (void)whoami();
  ASSERT_FALSE(gitea_->available());
  loop_.advance(10min);
  EXPECT_EQ(http_.requests().size(), 5u);
  EXPECT_EQ(loop_.armed(), 0u);
  gitea_->set_waiting(true);
  loop_.drain();
  EXPECT_EQ(http_.requests().size(), 6u);
  EXPECT_EQ(sent().back(), "GET /version");
  EXPECT_EQ(header(http_.requests().back(), "Authorization"), std::nullopt);
  EXPECT_FALSE(gitea_->available());
  http_.enqueue(json(403, {{"message", "Only signed in user is allowed to call APIs."}}));
  loop_.advance(20s);
  EXPECT_TRUE(gitea_->available());
  EXPECT_EQ(loop_.armed(), 0u);
}

TEST_F(TransportTest, AServerThatAnswersIsNotDown) {
  for (int i = 0; i < 20; ++i) {
    http_.enqueue(json(404, {{"message", "not found"}}));
    EXPECT_EQ(error_of(whoami()).code(), Code::not_found);
  }
  EXPECT_TRUE(gitea_->available());
}

TEST_F(TransportTest, AnUntrustedCertificateIsNotRepeatedButOpensTheBreaker) {
  for (int i = 0; i < 5; ++i) {
    http_.enqueue(Error(Code::denied, "certificate"));
    EXPECT_EQ(error_of(whoami()).code(), Code::denied);
  }
  EXPECT_EQ(http_.requests().size(), 5u);
  EXPECT_FALSE(gitea_->available());
}

// ---- 429

TEST_F(TransportTest, WaitsOutAShortPauseForAllCallsAndBurnsNothing) {
  http_.enqueue(plain(429, "<html>", {{"retry-after", "3"}}));
  http_.set_handler([](const HttpRequest&) { return json(200, user()); });
  int done = 0;
  gitea_->whoami([&](const Result<User>& result) { done += result.ok(); });
  loop_.drain();
  gitea_->whoami([&](const Result<User>& result) { done += result.ok(); });
  loop_.advance(2900ms);
  EXPECT_EQ(http_.requests().size(), 1u);
  EXPECT_TRUE(gitea_->available());
  loop_.advance(200ms);
  EXPECT_EQ(done, 2);
  EXPECT_EQ(http_.requests().size(), 3u);
}

TEST_F(TransportTest, ALongPauseFailsCallsAtOnceAndEndsByItself) {
  std::vector<bool> told;
  gitea_->set_available_handler([&](bool available) { told.push_back(available); });
  http_.enqueue(plain(429, "", {{"retry-after", "Mon, 05 Jan 2026 12:02:00 GMT"}}));
  const auto error = error_of(whoami());
  EXPECT_EQ(error.code(), Code::rate_limited);
  EXPECT_TRUE(error.transient());
  EXPECT_FALSE(gitea_->available());
  EXPECT_EQ(error_of(whoami()).code(), Code::rate_limited);
  EXPECT_EQ(http_.requests().size(), 1u);
  EXPECT_LT(since_start(), Duration(1s));
  loop_.advance(2min);
  EXPECT_EQ(told, (std::vector<bool>{false, true}));
  EXPECT_EQ(loop_.armed(), 0u);
}

TEST_F(TransportTest, AnAbsurdPauseIsCapped) {
  http_.enqueue(plain(429, "", {{"retry-after", "999999999"}}));
  (void)whoami();
  EXPECT_FALSE(gitea_->available());
  loop_.advance(5min);
  EXPECT_TRUE(gitea_->available());
}

TEST_F(TransportTest, A429WithoutAHintStillPauses) {
  http_.enqueue(plain(429, ""));
  http_.enqueue(json(200, user()));
  EXPECT_TRUE(whoami().ok());
  EXPECT_GE(since_start(), Duration(1s));
}

TEST_F(TransportTest, PausesCostAReadNoneOfItsTries) {
  for (int i = 0; i < 5; ++i) http_.enqueue(plain(429, "", {{"retry-after", "2"}}));
  enqueue_failures(3);
  http_.enqueue(json(200, user()));
  EXPECT_TRUE(whoami().ok());
  EXPECT_EQ(http_.requests().size(), 9u);
}

TEST_F(TransportTest, A503ThatNamesAPauseGetsIt) {
  http_.enqueue(plain(503, "Service Unavailable", {{"retry-after", "7"}}));
  http_.enqueue(json(200, user()));
  EXPECT_TRUE(whoami().ok());
  EXPECT_GE(since_start(), Duration(7s));
}

// ---- replies that are none

TEST_F(TransportTest, TellsAMissingRouteFromAMissingObject) {
  http_.enqueue(plain(404, "404 page not found\n"));
  EXPECT_EQ(error_of(whoami()).code(), Code::unsupported);
  http_.enqueue(HttpResponse{404, FakeHttpClient::json_type(), "null"});
  EXPECT_EQ(error_of(whoami()).code(), Code::not_found);
  http_.enqueue(json(404, {{"errors", nullptr}, {"message", "The target couldn't be found."}}));
  EXPECT_THAT(error_of(whoami()).message(), HasSubstr("The target couldn't be found."));
}

TEST_F(TransportTest, EveryUnexpectedReplyIsATypedError) {
  const auto code = [&](Answer answer) {
    http_.enqueue(std::move(answer));
    return error_of(whoami()).code();
  };
  EXPECT_EQ(code(plain(200, "<html>login</html>")), Code::invalid);
  EXPECT_EQ(code(HttpResponse{200, FakeHttpClient::json_type(), ""}), Code::invalid);
  EXPECT_EQ(code(HttpResponse{200, FakeHttpClient::json_type(), "null"}), Code::invalid);
  EXPECT_EQ(code(HttpResponse{200, FakeHttpClient::json_type(), std::string(9999, '[')}),
            Code::invalid);
  EXPECT_EQ(code(json(200, {{"login", 5}})), Code::invalid);
  EXPECT_EQ(code(HttpResponse{600, {}, ""}), Code::unavailable);
  EXPECT_EQ(code(HttpResponse{304, {}, ""}), Code::invalid);
  EXPECT_EQ(code(Error(Code::too_large, "body")), Code::too_large);
}

TEST_F(TransportTest, AServersWordsAreShortenedAndStrippedAndTheTokenIsNeverPrinted) {
  http_.enqueue(json(422, {{"message", "bad\n\x1b[31m" + std::string(5000, 'x')}}));
  const auto error = error_of(whoami());
  EXPECT_LT(error.message().size(), 500u);
  EXPECT_EQ(error.message().find('\n'), std::string::npos);
  EXPECT_EQ(error.message().find('\x1b'), std::string::npos);
  http_.enqueue(json(401, {{"message", std::string(kToken)}}));
  log_.info("{}", error_of(whoami()).what());
  for (const auto& line : *lines_) EXPECT_THAT(line, Not(HasSubstr(std::string(kToken))));
}

// ---- lifetimes

TEST_F(TransportTest, DestroyedItCallsNobody) {
  int replies = 0;
  http_.enqueue(FakeHttpClient::refused());
  http_.enqueue(std::nullopt);
  // One backs off, one is under way, one waits for its turn.
  options_.in_flight = 1;
  make();
  for (int i = 0; i < 3; ++i) gitea_->whoami([&](const Result<User>&) { ++replies; });
  loop_.drain();
  EXPECT_EQ(http_.active(), 1u);
  gitea_.reset();
  loop_.advance(10min);
  EXPECT_EQ(replies, 0);
  EXPECT_EQ(loop_.armed(), 0u);
}

TEST_F(TransportTest, MayBeDestroyedByAReply) {
  http_.set_handler([](const HttpRequest&) { return json(200, user()); });
  int replies = 0;
  for (int i = 0; i < 10; ++i)
    gitea_->whoami([&](const Result<User>&) {
      ++replies;
      gitea_.reset();
    });
  loop_.advance(10min);
  EXPECT_EQ(replies, 1);
}

TEST_F(TransportTest, ANewConfigLeavesOldCallsToTheirServerAndTheirToken) {
  http_.enqueue(FakeHttpClient::refused());
  http_.set_handler([](const HttpRequest&) { return json(200, user()); });
  int done = 0;
  gitea_->whoami([&](const Result<User>& result) { done += result.ok(); });
  loop_.drain();
  GiteaOptions other = options_;
  other.url = "https://other.example.org";
  other.token_files = {folder_ / "other"};
  std::ofstream(folder_ / "other") << "other-token";
  std::filesystem::permissions(folder_ / "other", std::filesystem::perms(0600));
  gitea_->configure(other);
  loop_.advance(1min);
  EXPECT_EQ(done, 1);
  EXPECT_TRUE(whoami().ok());
  for (const auto& request : http_.requests())
    EXPECT_EQ(header(request, "Authorization"), request.url.starts_with("https://git.")
                                                    ? "token " + std::string(kToken)
                                                    : "token other-token");
}

}  // namespace
}  // namespace host
