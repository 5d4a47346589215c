// SPDX-License-Identifier: Apache-2.0
//
// What a run reaches by the network, with the meter alone and with all.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "runs/run_bench.hpp"

namespace host::runs {
namespace {

using testing::AnyOf;

// Answers each connection on loopback with what it was told, turned to capitals.
class LoudServer {
 public:
  LoudServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof to;
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&to), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 16), 0);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&to), &size);
    port_ = ntohs(to.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~LoudServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  LoudServer(const LoudServer&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void serve() const {
    for (;;) {
      const Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) return;
      std::string said(4096, '\0');
      for (std::size_t at = 0;;) {
        const auto got = ::read(connection.get(), said.data() + at, said.size() - at);
        if (got <= 0) {
          said.resize(at);
          break;
        }
        at += static_cast<std::size_t>(got);
      }
      for (char& c : said) c = static_cast<char>(::toupper(c));
      (void)!::write(connection.get(), said.data(), said.size());
    }
  }

  Fd listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

class RunNetwork : public RunBench {
 protected:
  RunSpec metered(std::vector<std::string> deed) {
    auto made = spec(std::move(deed));
    made.network = Network::meter_only;
    made.meter = SocketAddress{"127.0.0.1", meter_.port()};
    return made;
  }
  static std::string text(std::uint16_t port) { return std::to_string(port); }

  LoudServer meter_;
  LoudServer other_;
};

TEST_F(RunNetwork, LeadsToTheMeterAtItsOwnAddress) {
  EXPECT_EQ(outcome(metered({"ask", "127.0.0.1", text(meter_.port()), "hello"})), "HELLO");
}

TEST_F(RunNetwork, LeadsNowhereElseWithTheMeterAlone) {
  const auto said = outcome(metered({"connect", "127.0.0.1", text(other_.port())}));
  ASSERT_TRUE(in_force_);
  if (!in_force_->network.in_force)
    GTEST_SKIP() << "a network namespace can't be had here: " << in_force_->network.detail;
  EXPECT_FALSE(in_force_->bypassable());
  EXPECT_EQ(said, "connect: ECONNREFUSED\n");
  EXPECT_EQ(outcome(metered({"connect", "192.0.2.1", "80"})), "connect: ENETUNREACH\n");
  EXPECT_EQ(outcome(metered({"udp", "192.0.2.1", "53"})), "send: ENETUNREACH\n");
}

TEST_F(RunNetwork, SaysSoWhenItIsOpen) {
  EXPECT_EQ(outcome(spec({"connect", "127.0.0.1", text(other_.port())})), "connect: done\n");
  EXPECT_TRUE(in_force_->bypassable());
}

}  // namespace
}  // namespace host::runs
