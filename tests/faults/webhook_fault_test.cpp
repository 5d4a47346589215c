// SPDX-License-Identifier: Apache-2.0
//
// Rows Q3 to Q5 on whole hosts: deliveries in floods, forged, and again.
#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <fstream>
#include <thread>

#include "base/file.hpp"
#include "base/socket_address.hpp"
#include "faults/fault_bench.hpp"
#include "workers/sanitizers.hpp"

namespace host::faults {
namespace {

using boost::asio::ip::tcp;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSecret = "hook-c4n4ry-5555";

std::string signature(const std::string& body) {
  std::array<unsigned char, 32> digest{};
  unsigned int length = 0;
  ::HMAC(EVP_sha256(), kSecret, static_cast<int>(std::string_view(kSecret).size()),
         reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data(), &length);
  std::string hex;
  for (const auto byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

std::string issue_event(int number, const std::string& note) {
  return to_text({{"action", "edited"},
                  {"issue", {{"number", number}, {"title", note}}},
                  {"repository", {{"full_name", "demo/app"}}}});
}

// One connection, kept alive. Blocking.
class Sender {
 public:
  explicit Sender(const std::string& address) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), SocketAddress::parse(address).port});
  }
  // The status and the body of the answer.
  std::pair<int, std::string> post(const std::string& body, const std::string& signed_with) {
    boost::asio::write(socket_,
                       boost::asio::buffer("POST /webhooks HTTP/1.1\r\nHost: x\r\nContent-Type: "
                                           "application/json\r\nX-Gitea-Signature: " +
                                           signed_with + "\r\nContent-Length: " +
                                           std::to_string(body.size()) + "\r\n\r\n" + body));
    const auto head =
        boost::asio::read_until(socket_, boost::asio::dynamic_buffer(in_), "\r\n\r\n");
    const std::string headers = in_.substr(0, head);
    in_.erase(0, head);
    const auto at = headers.find("ontent-Length: ");
    const auto length = std::stoul(headers.substr(at + 15));
    if (in_.size() < length)
      boost::asio::read(socket_, boost::asio::dynamic_buffer(in_),
                        boost::asio::transfer_exactly(length - in_.size()));
    std::string answer = in_.substr(0, length);
    in_.erase(0, length);
    return {std::stoi(headers.substr(9, 3)), std::move(answer)};
  }

 private:
  boost::asio::io_context context_;
  tcp::socket socket_{context_};
  std::string in_;
};

class WebhookFaultTest : public FaultBench {
 protected:
  WebhookFaultTest() {
    write_atomically(paths_.timmy_home / "hook", std::string(kSecret) + "\n", 0600);
    write_config(
        {{"defaults", {{"webhooks", {{"listen", "127.0.0.1:0"}, {"secret_files", {"hook"}}}}}}});
  }
  [[nodiscard]] Json webhooks() const { return client().get("/v1/status")["webhooks"]; }
  [[nodiscard]] std::string address() const { return webhooks()["address"].get<std::string>(); }
  Json post(const std::string& body) {
    const auto [status, answer] = Sender(address()).post(body, signature(body));
    EXPECT_EQ(status, 202) << answer;
    Json taken = Json::parse(answer);
    for (const auto& job : taken["jobs"]) acknowledged_.insert(job.get<std::int64_t>());
    return taken;
  }
  [[nodiscard]] long resident_kib() {
    std::ifstream status("/proc/" + std::to_string(host().pid()) + "/status");
    for (std::string word; status >> word;)
      if (word == "VmRSS:") {
        long kib = 0;
        status >> kib;
        return kib;
      }
    return 0;
  }
};

TEST_F(WebhookFaultTest, AnEventHasItsIssueTriagedAtOnce) {
  start();
  const Json taken = post(issue_event(1, "a"));
  ASSERT_EQ(taken["jobs"].size(), 1u);
  const Json job = wait_for(taken["jobs"][0].get<std::int64_t>());
  EXPECT_EQ(job["state"], "completed") << job.dump(2);
  EXPECT_EQ(job["source"], "webhook");
  EXPECT_EQ(job["result"]["labelled"], 1) << job.dump(2);
  stop();
  check_invariants();
}

TEST_F(WebhookFaultTest, Q5_TheSameBytesStartNothingAgainOverAKillEither) {
  start();
  const auto body = issue_event(1, "a");
  const Json first = post(body);
  EXPECT_EQ(first["duplicate"], false);
  kill();
  start();
  const Json again = post(body);
  EXPECT_EQ(again["duplicate"], true);
  EXPECT_EQ(again["delivery"], first["delivery"]);
  EXPECT_TRUE(again["jobs"].empty());
  EXPECT_EQ(wait_for(first["jobs"][0].get<std::int64_t>())["state"], "completed");
  stop();
  EXPECT_EQ(count("SELECT count(*) FROM jobs WHERE source='webhook'"), 1);
  check_invariants();
}

TEST_F(WebhookFaultTest, Q4_NothingOfAForgedDeliveryIsKeptOrLogged) {
  start();
  const auto body = issue_event(1, "private words");
  Sender sender(address());
  std::string wrong = signature(body);
  wrong[5] = wrong[5] == '0' ? '1' : '0';
  for (int i = 0; i < 100; ++i) EXPECT_EQ(sender.post(body, wrong).first, 401);
  EXPECT_EQ(webhooks()["refused"], 100);
  EXPECT_EQ(webhooks()["taken"], 0);
  stop();
  EXPECT_EQ(count("SELECT count(*) FROM deliveries"), 0);
  EXPECT_EQ(count("SELECT count(*) FROM jobs WHERE source='webhook'"), 0);
  EXPECT_THAT(log(), HasSubstr("signed by none of the secrets"));
  EXPECT_THAT(log(), Not(HasSubstr("private words")));
  EXPECT_THAT(log(), Not(HasSubstr(wrong)));
  check_invariants();
}

// Each delivery is another one, as of a forge gone mad: they join a few jobs, and nothing grows.
TEST_F(WebhookFaultTest, Q3_AFloodIsTakenOrTurnedAwayAndNothingGrowsButTheTable) {
  start();
  post(issue_event(1, "first"));
  const auto where = address();
  const auto before = resident_kib();
  constexpr int kSenders = 8, kEach = 500;
  std::array<std::array<int, 2>, kSenders> counted{};
  std::vector<std::thread> senders;
  for (int s = 0; s < kSenders; ++s)
    senders.emplace_back([&, s] {
      Sender sender(where);
      for (int i = 0; i < kEach; ++i) {
        const auto body = issue_event(1 + i % 3, fmt::format("{} {}", s, i));
        const auto status = sender.post(body, signature(body)).first;
        if (status == 202) ++counted[s][0];
        if (status == 503) ++counted[s][1];
      }
    });
  // Jobs of others go on meanwhile.
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed");
  for (auto& sender : senders) sender.join();
  int taken = 0, turned_away = 0;
  for (const auto& [yes, no] : counted) taken += yes, turned_away += no;
  EXPECT_EQ(taken + turned_away, kSenders * kEach) << "an answer was neither 202 nor 503";
  EXPECT_GT(taken, 0);
  EXPECT_EQ(webhooks()["taken"], taken + 1);
  const auto jobs = count("SELECT count(*) FROM jobs WHERE source='webhook'");
  EXPECT_LT(jobs, taken / 2) << "events of one object did not join the job that waited";
  // A sanitizer keeps what was freed.
  if (!kSanitized) {
    EXPECT_LT(resident_kib() - before, 32 * 1024);
  }
  ASSERT_TRUE(eventually([&] {
    return count("SELECT count(*) FROM jobs WHERE source='webhook' AND state<>'completed'") == 0;
  }));
  stop();
  EXPECT_EQ(count("SELECT count(*) FROM deliveries"), taken + 1);
  check_invariants();
}

TEST_F(WebhookFaultTest, WithoutItsSecretTheHostRunsAndSaysThatNoneComeIn) {
  std::filesystem::permissions(paths_.timmy_home / "hook", std::filesystem::perms(0644));
  start();
  const Json status = client().get("/v1/status");
  EXPECT_TRUE(status["webhooks"]["address"].is_null());
  EXPECT_THAT(status["attention"].dump(), HasSubstr("no webhooks come in"));
  EXPECT_THAT(log(), HasSubstr("chmod 600"));
  std::filesystem::permissions(paths_.timmy_home / "hook", std::filesystem::perms(0600));
  client().post("/v1/reload");
  EXPECT_EQ(post(issue_event(1, "a"))["duplicate"], false);
  EXPECT_THAT(client().get("/v1/status")["attention"].dump(), Not(HasSubstr("no webhooks")));
  stop();
  check_invariants();
}

}  // namespace
}  // namespace host::faults
