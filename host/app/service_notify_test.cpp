// SPDX-License-Identifier: Apache-2.0
#include "app/service_notify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>

#include "base/fake_loop.hpp"
#include "base/test_folder.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

// A service manager's socket.
class Manager {
 public:
  explicit Manager(const std::filesystem::path& path)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  std::vector<std::string> heard() {
    std::vector<std::string> all;
    char text[1024];
    for (ssize_t got; (got = ::recv(socket_.get(), text, sizeof(text), 0)) > 0;)
      all.emplace_back(text, static_cast<std::size_t>(got));
    return all;
  }

 private:
  Fd socket_;
};

TEST(ServiceNotify, TellsTheManagerAndKeepsTheSocketFromChildren) {
  const TestFolder folder;
  Manager manager(folder / "notify");
  FakeLoop loop;
  ServiceNotify notify(loop);
  EXPECT_EQ(::getenv("NOTIFY_SOCKET"), nullptr);
  notify.ready("2 plugins run");
  notify.stopping("draining");
  EXPECT_THAT(manager.heard(),
              ElementsAre("READY=1\nSTATUS=2 plugins run", "STOPPING=1\nSTATUS=draining",
                          "EXTEND_TIMEOUT_USEC=40000000"));
}

TEST(ServiceNotify, AsksForMoreTimeWhileItStartsAndNoLongerThanThat) {
  const TestFolder folder;
  Manager manager(folder / "notify");
  FakeLoop loop;
  ServiceNotify notify(loop);
  notify.starting("checking the database");
  EXPECT_THAT(manager.heard(),
              ElementsAre("STATUS=checking the database", "EXTEND_TIMEOUT_USEC=40000000"));
  loop.advance(25s);
  EXPECT_THAT(manager.heard(),
              ElementsAre("EXTEND_TIMEOUT_USEC=40000000", "EXTEND_TIMEOUT_USEC=40000000"));
  notify.ready("2 plugins run");
  loop.advance(60s);
  EXPECT_THAT(manager.heard(), ElementsAre("READY=1\nSTATUS=2 plugins run"));
}

TEST(ServiceNotify, PingsTheWatchdogTwiceAPeriodAndOnlyFromARunningLoop) {
  const TestFolder folder;
  Manager manager(folder / "notify");
  ::setenv("WATCHDOG_USEC", "10000000", 1);
  FakeLoop loop;
  ServiceNotify notify(loop);
  notify.start_watchdog();
  EXPECT_THAT(manager.heard(), ElementsAre("WATCHDOG=1"));
  loop.advance(4s);
  EXPECT_THAT(manager.heard(), IsEmpty());
  loop.advance(11s);
  EXPECT_THAT(manager.heard(), ElementsAre("WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"));
}

TEST(ServiceNotify, AnothersWatchdogIsNotOurs) {
  const TestFolder folder;
  Manager manager(folder / "notify");
  ::setenv("WATCHDOG_USEC", "10000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  FakeLoop loop;
  ServiceNotify notify(loop);
  notify.start_watchdog();
  EXPECT_THAT(manager.heard(), IsEmpty());
  EXPECT_EQ(loop.armed(), 0u);
}

TEST(ServiceNotify, WithoutAManagerItIsSilent) {
  FakeLoop loop;
  ServiceNotify notify(loop);
  notify.ready("nobody hears");
  notify.start_watchdog();
  EXPECT_EQ(loop.armed(), 0u);
}

}  // namespace
}  // namespace host
