// SPDX-License-Identifier: Apache-2.0
//
// timmy-host tokens run before a real host: what the program is charged, and what becomes of its
// run however the command ends; and the meter's address over a reload.
#include <gmock/gmock.h>
#include <signal.h>

#include <boost/asio/ip/tcp.hpp>

#include "base/error.hpp"
#include "e2e/provider.hpp"

namespace host::faults {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class MeteredRunTest : public ModelHostBench {
 protected:
  MeteredRunTest() {
    write_model_config();
    write_budget({{"day", {{"tokens", 1000}}}});
    start();
  }
  ~MeteredRunTest() override {
    stop();
    check_invariants();
  }
  // Lines of what a child saw.
  [[nodiscard]] std::vector<std::string> seen() const {
    std::istringstream file(read_file(seen_, 1 << 16));
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  int open_runs() { return client().get("/v1/status")["tokens"]["metered_runs"].get<int>(); }

  std::filesystem::path seen_ = folder_ / "seen";
};

TEST_F(MeteredRunTest, AProgramIsChargedOnTheAccountThatItWasGiven) {
  run({"tokens", "run", "--pipeline", "nightly", "--issue", "Demo/App#7", "--", TIMMY_METERED_CHILD,
       seen_.string(), "chat"});
  EXPECT_THAT(messages_, HasSubstr("was charged 110 tokens in 1 call"));
  const Json today = ask({"tokens", "today"});
  EXPECT_EQ(today["pipelines"][0]["name"], "nightly");
  EXPECT_EQ(today["total"]["total_tokens"], 110);
  const Json rows = ask({"tokens", "show", "demo/app#7"})["rows"];
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0]["bypassable"], true);
  const auto key = seen().at(1);
  EXPECT_THAT(key, StartsWith("tk-"));
  EXPECT_THAT(log(), Not(HasSubstr(key)));
  EXPECT_THAT(read_file(paths_.database(), 1 << 26), Not(HasSubstr(key)));
  EXPECT_THAT(to_text(client().get("/v1/audit")), Not(HasSubstr(key)));
  EXPECT_EQ(open_runs(), 0);
}

TEST_F(MeteredRunTest, PastTheCapTheProgramIsRefused) {
  write_budget({{"day", {{"tokens", 50}}}});
  client().post("/v1/reload");
  run({"tokens", "run", "--", TIMMY_METERED_CHILD, seen_.string(), "chat"}, 1);
  EXPECT_THAT(messages_, HasSubstr("was charged 0 tokens in 0 calls"));
  EXPECT_EQ(provider_.chats(), 0);
}

TEST_F(MeteredRunTest, ARunEndsWithACommandThatIsKilled) {
  SpawnRequest command{.program = bin_ / "timmy-host",
                       .arguments = {"timmy-host", "tokens", "run", "--", TIMMY_METERED_CHILD,
                                     seen_.string(), "wait"}};
  command.environment = {{"TIMMY_HOME", paths_.timmy_home.string()},
                         {"HERMES_HOME", paths_.hermes_home.string()}};
  {
    const Child child = spawn(e2e::with_us(command));
    ASSERT_TRUE(eventually([this] { return std::filesystem::exists(seen_); }));
    EXPECT_EQ(open_runs(), 1);
    ::kill(child.pid(), SIGKILL);
  }
  EXPECT_TRUE(eventually([this] { return open_runs() == 0; }));
}

TEST_F(MeteredRunTest, AReloadMovesTheMeterOrIsRefused) {
  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor taken(context, {boost::asio::ip::address_v4::loopback(), 0});
  const auto at = [](unsigned port) {
    return Json{{"defaults", {{"model", {{"listen", "127.0.0.1:" + std::to_string(port)}}}}}};
  };
  write_model_config(at(taken.local_endpoint().port()));
  EXPECT_THROW(client().post("/v1/reload"), Error);
  EXPECT_THAT(log(), HasSubstr("kept the old configuration: listening on 127.0.0.1:" +
                               std::to_string(taken.local_endpoint().port())));
  run({"tokens", "run", "--", TIMMY_METERED_CHILD, seen_.string(), "chat"});

  const auto port = taken.local_endpoint().port();
  taken.close();
  client().post("/v1/reload");
  run({"tokens", "run", "--", TIMMY_METERED_CHILD, seen_.string(), "chat"});
  EXPECT_EQ(seen().at(0), "http://127.0.0.1:" + std::to_string(port) + "/v1");
}

}  // namespace
}  // namespace host::faults
