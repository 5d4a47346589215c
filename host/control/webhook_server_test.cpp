// SPDX-License-Identifier: Apache-2.0
#include "control/webhook_server.hpp"

#include <gmock/gmock.h>
#include <openssl/hmac.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>

#include "base/socket_address.hpp"
#include "base/test_folder.hpp"
#include "http/server.hpp"
#include "http/test_peer.hpp"
#include "store/inline_store.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kIssue =
    R"({"action":"opened","issue":{"number":7},"repository":{"full_name":"org/app"},"x":"private"})";

std::string signature(const std::string& body, const std::string& secret) {
  std::array<unsigned char, 32> digest{};
  unsigned int length = 0;
  ::HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data(), &length);
  std::string hex;
  for (const auto byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

// A server on loopback that starts "triage" for each issue of org/app.
class WebhookServerTest : public testing::Test {
 protected:
  WebhookServerTest() {
    write_secret("secret", "first-secret");
    configure({"secret"});
    queue_.recover([](Result<Recovery>) {});
    context_.poll();
    context_.restart();
  }

  void write_secret(const std::string& name, const std::string& text) {
    write_atomically(folder_ / name, text + "\n", 0600);
  }
  void configure(const std::vector<std::string>& names, const std::string& listen = "127.0.0.1:0") {
    WebhookSettings settings;
    settings.listen = listen;
    for (const auto& name : names) settings.secret_files.push_back(folder_ / name);
    server_.configure(settings);
  }
  std::string request(const std::string& body, const std::string& headers,
                      const std::string& line = "POST /webhooks HTTP/1.1") {
    RawClient client(context_, SocketAddress::parse(server_.address()).port);
    client.say(line + "\r\nHost: x\r\nConnection: close\r\n" + headers +
               "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    run_until(context_, [&] { return client.closed(); });
    return client.heard();
  }
  std::string post(const std::string& body, const std::string& secret = "first-secret") {
    return request(body,
                   "Content-Type: application/json\r\nX-Gitea-Delivery: uuid-1\r\n"
                   "X-Gitea-Signature: " +
                       signature(body, secret) + "\r\n");
  }
  std::vector<Delivery> deliveries() {
    return store_.run_now([](Unit& unit) { return list_deliveries(unit, {}, 100); });
  }

  TestFolder folder_;
  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  InlineStore store_{loop_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  Log log_ = Log::to_memory(lines_);
  Queue queue_{store_, loop_, log_};
  WebhookServer server_{
      context_, loop_, log_, store_, queue_, [](const ForgeEvent& event) {
        std::vector<NewJob> jobs;
        if (event.kind == "issues" && event.repo == "org/app")
          jobs.push_back({.task = "triage", .unique_key = "event " + std::to_string(event.number)});
        return jobs;
      }};
};

TEST_F(WebhookServerTest, ASignedDeliveryIsRecordedWithItsJobBeforeItIsAnswered) {
  const auto answer = post(kIssue);
  EXPECT_THAT(answer, HasSubstr("202"));
  EXPECT_THAT(answer, HasSubstr(R"("duplicate":false)"));
  const auto all = deliveries();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].uuid, "uuid-1");
  EXPECT_EQ(all[0].event.number, 7);
  EXPECT_EQ(all[0].jobs.size(), 1u);
  EXPECT_EQ(server_.stats().taken, 1u);
}

TEST_F(WebhookServerTest, Q5_TheSameBytesStartNothingASecondTime) {
  post(kIssue);
  const auto answer = request(kIssue,
                              "Content-Type: application/json\r\n"
                              "X-Gitea-Delivery: another\r\nX-Gitea-Signature: " +
                                  signature(kIssue, "first-secret") + "\r\n");
  EXPECT_THAT(answer, HasSubstr("202"));
  EXPECT_THAT(answer, HasSubstr(R"("duplicate":true)"));
  EXPECT_EQ(deliveries().size(), 1u);
  EXPECT_EQ(server_.stats().duplicates, 1u);
}

TEST_F(WebhookServerTest, Q4_WhatIsNotSignedByASecretIsRefusedAndCountedAndNotLogged) {
  const std::string right = signature(kIssue, "first-secret");
  std::string upper = right;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const std::string json = "Content-Type: application/json\r\n";
  std::uint64_t refused = 0;
  for (const std::string& header :
       {std::string(), std::string("X-Gitea-Signature: \r\n"),
        "X-Gitea-Signature: " + right.substr(1) + "\r\n", "X-Gitea-Signature: " + upper + "\r\n",
        "X-Gitea-Signature: sha256=" + right + "\r\n",
        "X-Gitea-Signature: " + signature(kIssue, "other") + "\r\n",
        "X-Gitea-Signature: " + signature(std::string(kIssue) + " ", "first-secret") + "\r\n",
        "X-Gitea-Signature: " + signature(kIssue, "") + "\r\n",
        "X-Hub-Signature-256: " + right + "\r\n", std::string("X-Hub-Signature-256: sha256=\r\n"),
        "X-Gitea-Signature: \r\nX-Hub-Signature-256: sha256=" + right + "\r\n"}) {
    EXPECT_THAT(request(kIssue, json + header), HasSubstr("401")) << header;
    EXPECT_EQ(server_.stats().unsigned_or_forged, ++refused);
  }
  EXPECT_TRUE(deliveries().empty());
  for (const auto& line : *lines_) {
    EXPECT_THAT(line, Not(HasSubstr("private")));
    EXPECT_THAT(line, Not(HasSubstr(right)));
  }
}

TEST_F(WebhookServerTest, EitherSecretIsTakenWhileOneIsChanged) {
  write_secret("next", "second-secret");
  configure({"secret", "next"});
  EXPECT_THAT(post(kIssue, "second-secret"), HasSubstr("202"));
  EXPECT_THAT(post(std::string(kIssue) + "\n", "first-secret"), HasSubstr("202"));
  configure({"next"});
  EXPECT_THAT(post(std::string(kIssue) + "  ", "first-secret"), HasSubstr("401"));
}

TEST_F(WebhookServerTest, ASecretFileThatWasRewrittenCountsAtOnce) {
  write_secret("secret", "rotated");
  EXPECT_THAT(post(kIssue, "first-secret"), HasSubstr("401"));
  EXPECT_THAT(post(kIssue, "rotated"), HasSubstr("202"));
}

TEST_F(WebhookServerTest, WithoutASecretThatCanBeReadNothingIsTaken) {
  EXPECT_THAT(post(kIssue, "forged"), HasSubstr("401")) << "its line must not hide the other's";
  ::chmod((folder_ / "secret").c_str(), 0644);
  EXPECT_THAT(post(kIssue), HasSubstr("503"));
  EXPECT_TRUE(deliveries().empty());
  EXPECT_THAT(*lines_, testing::Contains(HasSubstr("chmod")));
}

TEST_F(WebhookServerTest, AConfigurationWithASecretThatCantBeReadChangesNothing) {
  const auto before = server_.address();
  EXPECT_THAT(
      [&] {
        configure({"secret", "missing"});
      },
      testing::ThrowsMessage<Error>(HasSubstr("there is no webhook secret")));
  EXPECT_EQ(server_.address(), before);
  EXPECT_THAT(post(kIssue), HasSubstr("202"));
}

TEST_F(WebhookServerTest, FormsAndOtherTypesAreRefused) {
  const auto signed_header = "X-Gitea-Signature: " + signature(kIssue, "first-secret") + "\r\n";
  for (const char* type : {"", "Content-Type: application/x-www-form-urlencoded\r\n",
                           "Content-Type: text/json\r\n", "Content-Type: application/jsonx\r\n"})
    EXPECT_THAT(request(kIssue, type + signed_header), HasSubstr("415")) << type;
  EXPECT_THAT(request(kIssue, "Content-Type: application/json; charset=utf-8\r\n" + signed_header),
              HasSubstr("202"));
}

TEST_F(WebhookServerTest, OtherPathsAndMethodsAreNone) {
  EXPECT_THAT(request("", "", "GET /webhooks HTTP/1.1"), HasSubstr("405"));
  EXPECT_THAT(request("", "", "POST / HTTP/1.1"), HasSubstr("404"));
  EXPECT_THAT(request("", "", "GET /v1/status HTTP/1.1"), HasSubstr("404"));
}

TEST_F(WebhookServerTest, ABodyThatIsNoneIsTheSendersMistake) {
  EXPECT_THAT(post("[]"), HasSubstr("400"));
  EXPECT_THAT(post("{"), HasSubstr("400"));
  EXPECT_THAT(post(R"({"issue":{"number":1}})"), HasSubstr("400"));
  EXPECT_EQ(server_.stats().malformed, 3u);
}

TEST_F(WebhookServerTest, WhatNobodyAsksForIsTakenAndStartsNothing) {
  EXPECT_THAT(post(R"({"release":{},"repository":{"full_name":"org/app"}})"), HasSubstr("202"));
  EXPECT_EQ(server_.stats().without_jobs, 1u);
  ASSERT_EQ(deliveries().size(), 1u);
  EXPECT_TRUE(deliveries()[0].jobs.empty());
}

TEST_F(WebhookServerTest, WhileNothingCanBeStoredTheForgeIsToldSo) {
  store_.fail_next(Error(Code::unavailable, "the disk is full"));
  EXPECT_THAT(post(kIssue), HasSubstr("503"));
  EXPECT_EQ(server_.stats().unstored, 1u);
  EXPECT_THAT(post(kIssue), HasSubstr("202")) << "it is no duplicate: nothing was kept";
}

TEST_F(WebhookServerTest, AnEventThatJoinsASnoozedJobHasItRunAtOnce) {
  int ready = 0;
  queue_.set_ready_handler([&](const std::string& task) { ready += task == "triage"; });
  EXPECT_THAT(post(kIssue), HasSubstr("202"));
  EXPECT_EQ(ready, 1);
  bool snoozed = false;
  queue_.claim("triage", 1, [&](Result<Claimed> claimed) {
    queue_.finish(claimed.value().jobs.at(0).run,
                  {.kind = Verdict::Kind::snoozed, .delay = std::chrono::hours(5)}, {}, {},
                  [&](Result<Finished> finished) { snoozed = finished.ok(); });
  });
  run_until(context_, [&] { return snoozed; });
  std::string news = kIssue;
  news.replace(news.find("opened"), 6, "edited");
  EXPECT_THAT(post(news), HasSubstr("202"));
  EXPECT_EQ(ready, 2);
  std::size_t claimed = 0;
  queue_.claim("triage", 1, [&](Result<Claimed> jobs) { claimed = jobs.value().jobs.size(); });
  run_until(context_, [&] { return claimed == 1; });
}

TEST_F(WebhookServerTest, AReplayStartsItsJobsAnew) {
  post(kIssue);
  const auto id = deliveries()[0].id;
  std::optional<Result<std::vector<Inserted>>> replayed;
  server_.replay(id, [&](Result<std::vector<Inserted>> result) { replayed = std::move(result); });
  run_until(context_, [&] { return replayed.has_value(); });
  ASSERT_TRUE(replayed->ok());
  ASSERT_EQ(replayed->value().size(), 1u);
  EXPECT_TRUE(replayed->value()[0].duplicate) << "the first still waits";
  EXPECT_THAT(deliveries()[0].jobs, ElementsAre(replayed->value()[0].id));
}

TEST_F(WebhookServerTest, AReplayOfWhatNobodyAsksForSaysSo) {
  post(R"({"release":{},"repository":{"full_name":"org/app"}})");
  std::optional<Result<std::vector<Inserted>>> replayed;
  server_.replay(deliveries()[0].id,
                 [&](Result<std::vector<Inserted>> result) { replayed = std::move(result); });
  run_until(context_, [&] { return replayed.has_value(); });
  ASSERT_FALSE(replayed->ok());
  EXPECT_EQ(replayed->error().code(), Code::conflict);
}

TEST_F(WebhookServerTest, MovesToAllAddressesOfThePortThatItHas) {
  const auto port = SocketAddress::parse(server_.address()).port;
  configure({"secret"}, "0.0.0.0:" + std::to_string(port));
  EXPECT_EQ(server_.address(), "0.0.0.0:" + std::to_string(port));
  EXPECT_THAT(post(kIssue), HasSubstr("202"));
  configure({"secret"}, "127.0.0.1:" + std::to_string(port));
  EXPECT_EQ(server_.address(), "127.0.0.1:" + std::to_string(port));
  EXPECT_THAT(post(kIssue), HasSubstr("202"));
}

TEST_F(WebhookServerTest, StaysWhereItIsWhenTheNewAddressIsNotToBeHad) {
  const auto before = server_.address();
  const auto port = std::to_string(SocketAddress::parse(before).port);
  HttpServer other(context_, [](ServerRequest, HttpServer::Respond) {});
  (void)other.listen_tcp(SocketAddress::parse("127.0.0.2:" + port));
  for (const auto* taken : {"0.0.0.0:", "127.0.0.2:", "192.0.2.1:"}) {
    EXPECT_THROW(configure({"secret"}, taken + port), Error) << taken;
    EXPECT_EQ(server_.address(), before);
    EXPECT_THAT(post(kIssue), HasSubstr("202")) << taken;
  }
}

TEST_F(WebhookServerTest, MovesToAnotherAddressAndLeavesTheOld) {
  const auto before = SocketAddress::parse(server_.address());
  WebhookSettings nowhere;
  server_.configure(nowhere);
  EXPECT_EQ(server_.address(), "");
  context_.poll();
  context_.restart();
  boost::asio::ip::tcp::socket socket(context_);
  boost::system::error_code failed;
  socket.connect({boost::asio::ip::address_v4::loopback(), before.port}, failed);
  EXPECT_TRUE(failed);
}

}  // namespace
}  // namespace host
