// SPDX-License-Identifier: Apache-2.0
#include "base/socket_address.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <optional>

#include "base/error.hpp"

namespace host {
namespace {

Error wrong(std::string_view text) {
  return {Code::invalid, "\"" + std::string(text) +
                             "\" is no address to listen at, expected IP:PORT, such as "
                             "127.0.0.1:8480 or [::1]:8480"};
}

std::optional<std::uint16_t> port_in(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

bool is_ip(const std::string& text, int family) {
  in6_addr room{};
  return ::inet_pton(family, text.c_str(), &room) == 1;
}

}  // namespace

SocketAddress SocketAddress::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) throw wrong(text);
  const auto port = port_in(text.substr(colon + 1));
  std::string ip(text.substr(0, colon));
  const bool v6 = ip.starts_with('[') && ip.ends_with(']');
  if (v6) ip = ip.substr(1, ip.size() - 2);
  if (!port || !is_ip(ip, v6 ? AF_INET6 : AF_INET)) throw wrong(text);
  return {std::move(ip), *port};
}

std::string SocketAddress::text() const {
  const bool v6 = ip.find(':') != std::string::npos;
  return (v6 ? "[" + ip + "]" : ip) + ":" + std::to_string(port);
}

bool SocketAddress::is_loopback() const {
  in_addr v4{};
  if (::inet_pton(AF_INET, ip.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, ip.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace host
