// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace host {

// Where to listen: "127.0.0.1:8480", "[::1]:8480". Numbers only: a name could come to mean another
// address tomorrow.
struct SocketAddress {
  std::string ip;          // without brackets
  std::uint16_t port = 0;  // 0: any that is free

  // Throws Error{invalid} saying what was expected.
  [[nodiscard]] static SocketAddress parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  // Whether only this machine reaches it.
  [[nodiscard]] bool is_loopback() const;
  bool operator==(const SocketAddress&) const = default;
};

}  // namespace host
