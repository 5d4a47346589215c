// SPDX-License-Identifier: Apache-2.0
//
// Where the token goes and where it does not: rows G3 and G5 of the fault matrix on the HTTP
// client's twin.
#include "gitea/transport.hpp"

#include "base/redactor.hpp"
#include "gitea/test_server.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

class TransportTokenTest : public GiteaTest {
 protected:
  static Json user() { return {{"id", 1}, {"login", "timmy"}}; }
};

// ---- the token

TEST_F(TransportTokenTest, ARefusedTokenStopsCallsUntilItChanges) {
  http_.set_handler([](const HttpRequest& request) {
    return header(request, "Authorization") == "token fresh-token-value"
               ? json(200, user())
               : json(401, {{"message", "invalid username, password or token"}});
  });
  const auto error = error_of(whoami());
  EXPECT_EQ(error.code(), Code::denied);
  EXPECT_FALSE(error.transient());
  EXPECT_FALSE(gitea_->authorised());
  EXPECT_TRUE(gitea_->available());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(error_of(whoami()).code(), Code::denied);
  EXPECT_EQ(http_.requests().size(), 1u);
  write_token("fresh-token-value");
  EXPECT_TRUE(whoami().ok());
  EXPECT_TRUE(gitea_->authorised());
}

TEST_F(TransportTokenTest, ARefusedTokenIsTriedAgainNowAndThen) {
  http_.enqueue(json(401, {{"message", "x"}}));
  (void)whoami();
  loop_.advance(31s);
  http_.enqueue(json(200, user()));
  EXPECT_TRUE(whoami().ok());
  EXPECT_TRUE(gitea_->authorised());
}

TEST_F(TransportTokenTest, ATokenRotatedUnderACallIsTakenWithinIt) {
  http_.set_handler([this](const HttpRequest& request) -> Answer {
    if (header(request, "Authorization") == "token rotated-token") return json(200, user());
    write_token("rotated-token");
    return json(401, {{"message", "x"}});
  });
  EXPECT_TRUE(whoami().ok());
  EXPECT_EQ(http_.requests().size(), 2u);
}

TEST_F(TransportTokenTest, ATokenFileThatIsMadeAnewFailsNoCall) {
  http_.set_handler([](const HttpRequest&) { return json(200, user()); });
  EXPECT_TRUE(whoami().ok());
  std::filesystem::remove(token_file_);
  EXPECT_TRUE(whoami().ok());
  EXPECT_TRUE(whoami().ok());
  EXPECT_THAT(*lines_, ElementsAre(HasSubstr("is gone, or empty; its token is used for 10s more")));
  write_token("fresh-token-value");
  EXPECT_TRUE(whoami().ok());
  EXPECT_EQ(header(http_.requests().back(), "Authorization"), "token fresh-token-value");
  std::filesystem::remove(token_file_);
  EXPECT_TRUE(whoami().ok());
  loop_.advance(kTokenGrace);
  EXPECT_EQ(error_of(whoami()).code(), Code::denied);
  EXPECT_FALSE(gitea_->authorised());
}

TEST_F(TransportTokenTest, A403NamesTheScopeInBothWordings) {
  for (const auto* message :
       {"token does not have at least one of required scope(s), required=[write:issue], token "
        "scope=read:issue",
        "token does not have at least one of required scope(s): [write:issue]"}) {
    http_.enqueue(json(403, {{"message", message}}));
    EXPECT_THAT(error_of(whoami()).next_step(), HasSubstr("scope write:issue."));
  }
  http_.enqueue(HttpResponse{403, {}, ""});
  EXPECT_EQ(error_of(whoami()).code(), Code::denied);
  EXPECT_TRUE(gitea_->authorised());
}

TEST_F(TransportTokenTest, ATokenFileOthersCanReadIsNeverSent) {
  std::filesystem::permissions(token_file_, std::filesystem::perms(0644));
  const auto error = error_of(whoami());
  EXPECT_EQ(error.code(), Code::denied);
  EXPECT_THAT(error.next_step(), HasSubstr("chmod 600"));
  EXPECT_FALSE(gitea_->authorised());
  EXPECT_TRUE(http_.requests().empty());
}

TEST_F(TransportTokenTest, AServerThatEchoesTheTokenPutsItNowhere) {
  const std::string raw(kToken), base64 = "Y2FuYXJ5LTAxMjM0NTY3ODlhYmNkZWY=";
  const auto hidden = [&](const std::string& text) {
    EXPECT_THAT(text, Not(HasSubstr(raw)));
    EXPECT_THAT(text, Not(HasSubstr(base64)));
  };
  http_.enqueue(json(401, {{"message", "no such token: " + raw + " (" + base64 + ")"}}));
  const auto refused = error_of(whoami());
  EXPECT_THAT(refused.message(), HasSubstr("no such token: [redacted] ([redacted])"));
  write_token("another-token-value");
  http_.enqueue(
      HttpResponse{302, {{"location", "https://evil.example.org/?t=another-token-value"}}, ""});
  EXPECT_THAT(error_of(whoami()).message(), HasSubstr("https://evil.example.org/?t=[redacted]"));
  write_token(kToken);
  http_.enqueue(json(200, {{"id", 1}, {"login", base64}}));
  const auto echoed = whoami();
  ASSERT_TRUE(echoed.ok());
  hidden(echoed.value().login);
  for (const auto& line : *lines_) hidden(line);
}

TEST_F(TransportTokenTest, AnEchoIsFoundBehindEscapesToo) {
  std::string body = R"({"id":1,"login":"\u0063anary-0123456789abcde\u0066"})";
  http_.enqueue(HttpResponse{200, FakeHttpClient::json_type(), body});
  EXPECT_EQ(whoami().value().login, "[redacted]");
}

TEST_F(TransportTokenTest, OtherSecretsOfTheHostAreJustWordsToAServer) {
  log_.redactor()->add(Secret("octocat"));
  http_.enqueue(json(200, {{"id", 1}, {"login", "octocat"}}));
  EXPECT_EQ(whoami().value().login, "octocat");
}

TEST_F(TransportTokenTest, TheVersionNeedsNoToken) {
  std::filesystem::remove(token_file_);
  http_.enqueue(json(200, {{"version", "15.0.3+gitea-1.22.0"}}));
  const auto version =
      wait<std::string>([&](Reply<std::string> reply) { gitea_->version(std::move(reply)); });
  EXPECT_EQ(version.value(), "15.0.3+gitea-1.22.0");
  EXPECT_EQ(header(http_.requests().at(0), "Authorization"), std::nullopt);
}

// ---- redirects

TEST_F(TransportTokenTest, FollowsARenamedRepositoryOnceWithTheSameRequest) {
  http_.enqueue(HttpResponse{301, {{"location", "/api/v1/repos/org/new/issues/5/labels"}}, ""});
  http_.enqueue(json(200, Json::array({label(1, "bug")})));
  EXPECT_TRUE(add_labels({"bug"}).ok());
  EXPECT_THAT(sent(), ElementsAre("POST /repos/org/app/issues/5/labels",
                                  "POST /repos/org/new/issues/5/labels"));
  EXPECT_EQ(http_.requests()[1].body, http_.requests()[0].body);
  EXPECT_THAT(lines_->back(), HasSubstr("/repos/org/new"));
}

TEST_F(TransportTokenTest, TakesTheTokenNowhereElse) {
  for (const std::string to :
       {"https://evil.example.org/api/v1/user", "http://git.example.org/api/v1/user",
        "//evil.example.org/api/v1/user", "https://git.example.org:444/api/v1/user",
        "https://git.example.org@evil.example.org/api/v1/user", "/login", "", "api/v1/user",
        "https://x:y@git.example.org/api/v1/user"}) {
    const auto before = http_.requests().size();
    http_.enqueue(HttpResponse{302, {{"location", to}}, ""});
    EXPECT_EQ(error_of(whoami()).code(), Code::denied) << to;
    EXPECT_EQ(http_.requests().size(), before + 1) << to;
  }
  http_.enqueue(HttpResponse{302, {{"location", "https://git.example.org/api/v1/user?a"}}, ""});
  http_.enqueue(HttpResponse{302, {{"location", "/api/v1/user"}}, ""});
  EXPECT_EQ(error_of(whoami()).code(), Code::invalid);
}

}  // namespace
}  // namespace host
