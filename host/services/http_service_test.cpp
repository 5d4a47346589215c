// SPDX-License-Identifier: Apache-2.0
#include "services/http_service.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "base/redactor.hpp"
#include "base/test_folder.hpp"
#include "http/fake_client.hpp"
#include "services/test_bench.hpp"

namespace host {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class HttpServiceTest : public ServiceBench {
 protected:
  HttpServiceTest() {
    std::ofstream(folder_ / "key") << "sk-c4n4ry\n";
    ::chmod((folder_ / "key").c_str(), 0600);
    table_.add(make_http_service(
        http_, store_, loop_.clock(), log_.redactor(), [this](const std::string& name) {
          return name == "model" ? std::optional(folder_ / "key") : std::nullopt;
        }));
  }
  TestFolder folder_;
  FakeHttpClient http_{loop_};
};

TEST_F(HttpServiceTest, ReachesOnlyGrantedHostsAndPorts) {
  const auto run = open({{"http", {"127.0.0.1:8080"}}});
  http_.enqueue(200, R"({"ok":true})");
  const Json reply =
      call(*run, "http/1.request", {{"url", "http://127.0.0.1:8080/v1/models"}}).value();
  EXPECT_EQ(reply["status"], 200);
  EXPECT_EQ(reply["body"], R"({"ok":true})");
  for (const char* url :
       {"http://127.0.0.1:8081/", "http://127.0.0.1.evil.example:8080/", "http://example.org/"})
    EXPECT_EQ(call(*run, "http/1.request", {{"url", url}}).error().code(), Code::not_granted)
        << url;
  EXPECT_FALSE(call(*run, "http/1.request", {{"url", "file:///etc/passwd"}}).ok());
  EXPECT_EQ(
      call(*run, "http/1.request", {{"url", "http://user:pw@127.0.0.1:8080/"}}).error().code(),
      Code::usage);
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(HttpServiceTest, ACredentialIsSentByTheHostAndScrubbedFromWhatComesBack) {
  const auto run =
      open({{"http", {"127.0.0.1:8080"}}, {"http.credential", {"model@127.0.0.1:8080"}}});
  http_.enqueue(200, "you sent sk-c4n4ry");
  const Json reply =
      call(*run, "http/1.request", {{"url", "http://127.0.0.1:8080/"}, {"credential", "model"}})
          .value();
  EXPECT_THAT(http_.requests().at(0).headers, Contains(Pair("Authorization", "Bearer sk-c4n4ry")));
  EXPECT_EQ(reply["body"], "you sent [redacted]");
}

TEST_F(HttpServiceTest, ACredentialIsScrubbedFromAllThatItsServerSaysAndFromNothingElse) {
  const auto run = open(
      {{"http", {"127.0.0.1:8080", "other:443"}}, {"http.credential", {"model@127.0.0.1:8080"}}});
  http_.set_handler([](const HttpRequest&) {
    return HttpResponse{.status = 200, .body = R"({"last":"sk-c4n4r\u0079","word":"octocat"})"};
  });
  log_.redactor()->add(Secret("octocat"));
  const auto body = [&](Json params) {
    return call(*run, "http/1.request", params).value()["body"].get<std::string>();
  };
  EXPECT_EQ(body({{"url", "http://127.0.0.1:8080/"}, {"credential", "model"}}),
            R"({"last":"[redacted]","word":"octocat"})");
  EXPECT_EQ(body({{"url", "http://127.0.0.1:8080/last"}}),
            R"({"last":"[redacted]","word":"octocat"})")
      << "whoever asks";
  EXPECT_EQ(body({{"url", "https://other/"}}), R"({"last":"sk-c4n4r\u0079","word":"octocat"})")
      << "it was never there";
}

TEST_F(HttpServiceTest, ACredentialIsScrubbedFromAReplyThatWasAwaitedWhenItWasSent) {
  const auto run =
      open({{"http", {"127.0.0.1:8080"}}, {"http.credential", {"model@127.0.0.1:8080"}}});
  // The long poll is answered after the request that was made while it waited.
  std::optional<Result<Json>> with_credential;
  http_.set_handler([&](const HttpRequest& request) {
    if (request.url.ends_with("/poll"))
      with_credential = call(*run, "http/1.request",
                             {{"url", "http://127.0.0.1:8080/"}, {"credential", "model"}});
    return HttpResponse{.status = 200, .headers = {{"x-last", "sk-c4n4ry"}}, .body = "sk-c4n4ry"};
  });
  const Json polled = call(*run, "http/1.request", {{"url", "http://127.0.0.1:8080/poll"}}).value();
  ASSERT_TRUE(with_credential && with_credential->ok());
  EXPECT_EQ(polled["body"], "[redacted]");
  EXPECT_EQ(polled["headers"]["x-last"], "[redacted]");
}

TEST_F(HttpServiceTest, ACredentialGoesOnlyWhereItIsGrantedFor) {
  const auto run = open({{"http", {"*"}}, {"http.credential", {"model@127.0.0.1:8080"}}});
  EXPECT_THAT(
      call(*run, "http/1.request", {{"url", "http://127.0.0.1:9999/"}, {"credential", "model"}})
          .error()
          .what(),
      HasSubstr("http.credential: [\"model@127.0.0.1:9999\"]"));
  EXPECT_THAT(http_.requests(), IsEmpty());
}

TEST_F(HttpServiceTest, ACredentialNeverTravelsInTheClear) {
  const auto run = open({{"http", {"*"}}, {"http.credential", {"*"}}});
  EXPECT_EQ(call(*run, "http/1.request", {{"url", "http://example.org/"}, {"credential", "model"}})
                .error()
                .code(),
            Code::denied);
}

TEST_F(HttpServiceTest, APluginCanNotForgeIdentityOrFraming) {
  const auto run = open({{"http", {"127.0.0.1:8080"}}});
  for (const char* name :
       {"Authorization", "cookie", "Host", "Content-Length", "Transfer-Encoding"})
    EXPECT_EQ(call(*run, "http/1.request",
                   {{"url", "http://127.0.0.1:8080/"}, {"headers", {{name, "x"}}}})
                  .error()
                  .code(),
              Code::usage)
        << name;
  EXPECT_THAT(http_.requests(), IsEmpty());
}

TEST_F(HttpServiceTest, WhatMayChangeSomethingOrCarriesACredentialIsAudited) {
  const auto run = open({{"http", {"model:443"}}, {"http.credential", {"model@model:443"}}});
  http_.set_handler([](const HttpRequest&) { return HttpResponse{.status = 201}; });
  ASSERT_TRUE(call(*run, "http/1.request", {{"url", "https://model/list"}}).ok());
  EXPECT_THAT(rows("SELECT what FROM audit"), IsEmpty()) << "reading changes nothing";
  ASSERT_TRUE(
      call(*run, "http/1.request", {{"url", "https://model/add?t=1"}, {"method", "POST"}}).ok());
  ASSERT_TRUE(
      call(*run, "http/1.request", {{"url", "https://model/me"}, {"credential", "model"}}).ok());
  EXPECT_THAT(rows("SELECT what || ' ' || target || ' ' || result FROM audit ORDER BY id"),
              ElementsAre("http/1.request POST https://model/add status 201",
                          "http/1.request GET https://model/me with credential model: status 201"));
}

TEST_F(HttpServiceTest, AParameterOfTheWrongTypeIsThePluginsMistake) {
  const auto run = open({{"http", {"127.0.0.1:8080"}}});
  for (const Json& wrong : {Json{{"method", 7}}, Json{{"body", {{"a", 1}}}}, Json{{"headers", "x"}},
                            Json{{"credential", 1}}}) {
    Json params{{"url", "http://127.0.0.1:8080/"}};
    params.update(wrong);
    EXPECT_EQ(call(*run, "http/1.request", params).error().code(), Code::usage) << params.dump();
  }
  EXPECT_THAT(http_.requests(), IsEmpty());
}

}  // namespace
}  // namespace host
