// SPDX-License-Identifier: Apache-2.0
#include "base/socket_address.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"

namespace host {
namespace {

TEST(SocketAddress, IsAnIpAndAPort) {
  EXPECT_EQ(SocketAddress::parse("127.0.0.1:8480"), (SocketAddress{"127.0.0.1", 8480}));
  EXPECT_EQ(SocketAddress::parse("[::1]:0"), (SocketAddress{"::1", 0}));
  EXPECT_EQ(SocketAddress::parse("[2001:db8::1]:65535").text(), "[2001:db8::1]:65535");
  EXPECT_EQ(SocketAddress::parse("0.0.0.0:80").text(), "0.0.0.0:80");
}

TEST(SocketAddress, OfAnyOtherFormIsRefusedWithAnExample) {
  for (const char* text : {"", ":", "8480", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                           "127.0.0.1:-1", "127.0.0.1:80 ", "localhost:80", "::1:80", "[::1]80",
                           "[127.0.0.1]:80", "127.0.0.1:0x50", "1.2.3:80"})
    EXPECT_THAT([&] { static_cast<void>(SocketAddress::parse(text)); },
                testing::ThrowsMessage<Error>(testing::HasSubstr("127.0.0.1:8480")))
        << text;
}

TEST(SocketAddress, KnowsWhatOnlyThisMachineReaches) {
  EXPECT_TRUE(SocketAddress::parse("127.8.8.8:1").is_loopback());
  EXPECT_TRUE(SocketAddress::parse("[::1]:1").is_loopback());
  EXPECT_FALSE(SocketAddress::parse("0.0.0.0:1").is_loopback());
  EXPECT_FALSE(SocketAddress::parse("[::]:1").is_loopback());
  EXPECT_FALSE(SocketAddress::parse("10.0.0.1:1").is_loopback());
}

}  // namespace
}  // namespace host
