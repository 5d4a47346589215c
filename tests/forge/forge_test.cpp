// SPDX-License-Identifier: Apache-2.0
//
// What is the forge's own: Gitea 1.26's exact words, its state, its log and its faults.
#include "forge/forge.hpp"

#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>
#include <optional>

#include "base/fake_loop.hpp"
#include "base/json.hpp"
#include "forge/exchange.hpp"
#include "forge/sample.hpp"
#include "http/client.hpp"

namespace host::forge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

// The forge without a socket: a request in, an answer out.
class WordsTest : public ::testing::Test {
 protected:
  WordsTest() {
    state_.settings.root_url = "http://forge.test/";
    state_.add_user("bot");
    state_.add_user("other");
    state_.add_token("t", "bot");
    state_.add_token("o", "other");
    state_.add_repo("bot/app");
  }
  ServerResponse ask(const std::string& method, const std::string& target,
                     const std::string& body = "", const std::string& token = "t") {
    ServerRequest request;
    request.method = method;
    request.target = request.path = "/api/v1" + target;
    if (const auto mark = request.path.find('?'); mark != std::string::npos) {
      for (std::string rest = request.path.substr(mark + 1); !rest.empty();) {
        const auto pair = rest.substr(0, rest.find('&'));
        rest.erase(0, pair.size() + 1);
        request.query[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
      }
      request.path.resize(mark);
    }
    for (std::size_t from = 1; from <= request.path.size();) {
      const auto slash = std::min(request.path.find('/', from), request.path.size());
      request.segments.push_back(request.path.substr(from, slash - from));
      from = slash + 1;
    }
    request.headers = {{"content-type", "application/json"}};
    if (!token.empty()) request.headers.emplace_back("authorization", "token " + token);
    request.body = body;
    return answer(state_, request);
  }
  Repo& repo() { return *state_.repo("bot/app"); }

  FakeClock clock_;
  ForgeState state_{clock_};
};

TEST_F(WordsTest, WordsA404AsGiteaUpTo126Does) {
  EXPECT_EQ(ask("GET", "/repos/bot/none").body,
            "{\"errors\":null,\"message\":\"not found\","
            "\"url\":\"http://forge.test/api/swagger\"}\n");
  EXPECT_EQ(ask("GET", "/repos/nobody/x").body,
            "{\"errors\":[\"user redirect does not exist [name: nobody]\"],"
            "\"message\":\"GetUserByName\",\"url\":\"http://forge.test/api/swagger\"}\n");
  EXPECT_EQ(ask("GET", "/token").body, "404 page not found\n");
}

TEST_F(WordsTest, BlanksTheMessageOfA500) {
  const auto answer = ask("POST", "/repos/bot/app/issues/9/comments", "{\"body\":\"x\"}");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body, "{\"message\":\"\",\"url\":\"http://forge.test/api/swagger\"}\n");
}

TEST_F(WordsTest, AnswersAWrongMethodWithoutABody) {
  const auto answer = ask("DELETE", "/user");
  EXPECT_EQ(answer.status, 405);
  EXPECT_THAT(answer.headers, ElementsAre(std::pair<std::string, std::string>("Allow", "GET")));
  EXPECT_EQ(answer.body, "");
}

TEST_F(WordsTest, RefusesUnknownStatesAndStaleContent) {
  state_.add_issue(repo(), "bot", "x");
  EXPECT_EQ(ask("PATCH", "/repos/bot/app/issues/1", "{\"state\":\"weird\"}").status, 412);
  EXPECT_EQ(ask("PATCH", "/repos/bot/app/issues/1", "{\"body\":\"b\"}").status, 201);
  EXPECT_EQ(
      ask("PATCH", "/repos/bot/app/issues/1", "{\"body\":\"c\",\"content_version\":0}").status,
      409);
  EXPECT_EQ(state_.issue("bot/app", 1)->body, "b");
}

// An official build is compiled with a strict reader of JSON.
TEST_F(WordsTest, RefusesDuplicateKeysAndBadUtf8) {
  EXPECT_EQ(ask("POST", "/repos/bot/app/issues", R"({"title":"a","title":"b"})").status, 422);
  EXPECT_EQ(ask("POST", "/repos/bot/app/issues", "{\"title\":\"\xff\"}").status, 422);
  EXPECT_EQ(ask("POST", "/repos/bot/app/issues", R"({"Title":"a"})").status, 422);
}

TEST_F(WordsTest, PrintsTimesInItsOwnZone) {
  state_.add_issue(repo(), "bot", "x");
  const auto created = [&] {
    return parse_json(ask("GET", "/repos/bot/app/issues/1").body, "reply").at("created_at");
  };
  EXPECT_EQ(created(), "2026-01-05T14:00:00+02:00");
  state_.settings.zone = -90min;
  EXPECT_EQ(created(), "2026-01-05T10:30:00-01:30");
  state_.settings.zone = 0min;
  EXPECT_EQ(created(), "2026-01-05T12:00:00Z");
}

TEST_F(WordsTest, ComparesSinceAcrossZones) {
  state_.add_issue(repo(), "bot", "x");
  const auto found = [&](const std::string& since) {
    return parse_json(ask("GET", "/repos/bot/app/issues?since=" + since).body, "reply").size();
  };
  EXPECT_EQ(found("2026-01-05T12:00:00Z"), 1u);
  EXPECT_EQ(found("2026-01-05T14:00:00.9+02:00"), 1u);
  EXPECT_EQ(found("2026-01-05T12:00:01Z"), 0u);
  for (const auto* bad : {"2026-01-05", "2026-02-30T00:00:00Z", "2026-01-05T12:00:00", "1"})
    EXPECT_EQ(ask("GET", std::string("/repos/bot/app/issues?since=") + bad).status, 422) << bad;
}

TEST_F(WordsTest, MixesPullRequestsIntoIssues) {
  state_.add_issue(repo(), "bot", "issue");
  state_.add_issue(repo(), "bot", "pull").pull = true;
  const auto count = [&](const std::string& query) {
    return parse_json(ask("GET", "/repos/bot/app/issues" + query).body, "reply").size();
  };
  EXPECT_EQ(count(""), 2u);
  EXPECT_EQ(count("?type=issues"), 1u);
  EXPECT_EQ(count("?type=pulls"), 1u);
}

TEST_F(WordsTest, LinksToTheNeighboursOfAPage) {
  for (int i = 0; i < 5; ++i) state_.add_issue(repo(), "bot", "x");
  const auto link = [&](const std::string& query) -> std::string {
    const auto answer = ask("GET", "/repos/bot/app/issues" + query);
    for (const auto& [name, value] : answer.headers)
      if (name == "Link") return value;
    return "";
  };
  const std::string url = "<http://forge.test/api/v1/repos/bot/app/issues?limit=2&page=";
  EXPECT_EQ(link("?limit=2"), url + "2>; rel=\"next\"," + url + "3>; rel=\"last\"");
  EXPECT_EQ(link("?limit=2&page=3"), url + "1>; rel=\"first\"," + url + "2>; rel=\"prev\"");
  EXPECT_EQ(link("?limit=5"), "");
}

TEST_F(WordsTest, AnswersNothingInMaintenance) {
  state_.settings.maintenance = true;
  const auto answer = ask("GET", "/version");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "Service Unavailable\n");
}

TEST_F(WordsTest, GivesRightsToOwnersWritersAndStrangers) {
  Repo& app = repo();
  EXPECT_EQ(state_.access(state_.user("bot"), app), Access::admin);
  EXPECT_EQ(state_.access(state_.user("other"), app), Access::read);
  app.hidden = true;
  EXPECT_EQ(state_.access(state_.user("other"), app), Access::none);
  EXPECT_EQ(state_.access(nullptr, app), Access::none);
  app.writers = {"Other"};
  EXPECT_EQ(state_.access(state_.user("other"), app), Access::write);
}

TEST(SampleTest, IsWhatItSays) {
  FakeClock clock;
  ForgeState state(clock);
  seed(state);
  ASSERT_FALSE(sample_issues().empty());
  for (const auto& sample : sample_issues()) {
    const Issue* issue = state.issue(sample.repo, sample.number);
    ASSERT_NE(issue, nullptr) << sample.title;
    EXPECT_EQ(issue->title, sample.title);
    EXPECT_EQ(state.label_names(sample.repo, sample.number), sample.carries);
    for (const auto& name : sample.expected) {
      const auto& labels = state.repo(sample.repo)->labels;
      EXPECT_TRUE(std::any_of(labels.begin(), labels.end(), [&](const Label& label) {
        return label.name == name;
      })) << name;
    }
  }
}

// The forge behind its socket.
class FaultTest : public ::testing::Test {
 protected:
  FaultTest() {
    url_ = forge_.listen();
    forge_.state.add_user("bot");
    forge_.state.add_token("secret", "bot");
    forge_.state.add_issue(forge_.state.add_repo("bot/app"), "bot", "x");
  }
  void run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (!done() && std::chrono::steady_clock::now() < end) {
      context_.restart();
      context_.run_one_for(20ms);
    }
    ASSERT_TRUE(done());
  }
  Result<HttpResponse> send(const std::string& method, const std::string& path,
                            const std::string& body = "", Duration timeout = 10s) {
    HttpRequest request;
    request.method = method, request.url = url_ + path, request.body = body;
    request.timeout = timeout;
    request.headers = {{"Authorization", "token secret"}, {"Content-Type", "application/json"}};
    std::optional<Result<HttpResponse>> result;
    http_.send(std::move(request), [&](auto reply) { result.emplace(std::move(reply)); });
    run_until([&] { return result.has_value(); });
    return *result;
  }
  Result<HttpResponse> comment() {
    return send("POST", "/api/v1/repos/bot/app/issues/1/comments", R"({"body":"hello"})");
  }
  std::size_t comments() { return forge_.state.issue("bot/app", 1)->comments.size(); }

  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  Forge forge_{context_, loop_, clock_};
  CurlClient http_{context_, loop_};
  std::string url_;
};

TEST_F(FaultTest, AnswersWithAStatusInsteadOfDoingIt) {
  forge_.faults.add(Fault::status(429, "7").on("POST", "/comments").repeat(2));
  EXPECT_EQ(send("GET", "/api/v1/version").value().status, 200);
  for (int i = 0; i < 2; ++i) {
    const auto answer = comment().value();
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(*answer.header("retry-after"), "7");
  }
  EXPECT_EQ(comments(), 0u);
  EXPECT_EQ(forge_.faults.pending(), 0u);
  EXPECT_EQ(comment().value().status, 201);
}

TEST_F(FaultTest, AppliesAndThenLosesTheReply) {
  forge_.faults.add(Fault::lose_reply());
  EXPECT_FALSE(comment().ok());
  EXPECT_EQ(comments(), 1u);
}

TEST_F(FaultTest, ClosesWithoutApplying) {
  forge_.faults.add(Fault::close());
  EXPECT_FALSE(comment().ok());
  EXPECT_EQ(comments(), 0u);
}

TEST_F(FaultTest, SpeaksNoHttpAndHalfOfIt) {
  for (const auto& fault : {Fault::garbage(), Fault::truncated()}) {
    forge_.faults.add(fault);
    EXPECT_FALSE(send("GET", "/api/v1/version").ok());
  }
}

TEST_F(FaultTest, SendsMoreThanAnybodyCanUse) {
  forge_.faults.add(Fault::huge(100'000));
  EXPECT_EQ(send("GET", "/api/v1/version").value().body.size(), 100'000u);
  forge_.faults.add(Fault::huge(std::size_t{20} << 20));
  const auto refused = send("GET", "/api/v1/version");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::too_large);
}

TEST_F(FaultTest, AnswersLateOrNever) {
  forge_.faults.add(Fault::late(50ms));
  EXPECT_EQ(comment().value().status, 201);
  forge_.faults.add(Fault::silence());
  EXPECT_EQ(send("GET", "/api/v1/version", "", 300ms).error().code(), Code::timed_out);
}

TEST_F(FaultTest, GoesAwayAndComesBack) {
  const auto port = forge_.port();
  forge_.stop();
  EXPECT_EQ(send("GET", "/api/v1/version").error().code(), Code::unavailable);
  forge_.listen(port);
  EXPECT_EQ(send("GET", "/api/v1/version").value().status, 200);
}

TEST_F(FaultTest, KeepsALogWithoutTokens) {
  (void)comment();
  (void)send("GET", "/nowhere");
  ASSERT_EQ(forge_.requests().size(), 2u);
  const auto& first = forge_.requests()[0];
  EXPECT_EQ(first.method, "POST");
  EXPECT_EQ(first.target, "/api/v1/repos/bot/app/issues/1/comments");
  EXPECT_EQ(first.login, "bot");
  EXPECT_EQ(first.body, R"({"body":"hello"})");
  EXPECT_EQ(first.status, 201);
  EXPECT_TRUE(first.applied);
  EXPECT_EQ(forge_.requests()[1].status, 404);
  EXPECT_EQ(forge_.requests("POST", "/comments").size(), 1u);
}

TEST_F(FaultTest, HasAModelBesideIt) {
  const auto answer = send("GET", "/v1/models").value();
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr("\"tiny\""));
}

}  // namespace
}  // namespace host::forge
