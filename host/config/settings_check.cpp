// SPDX-License-Identifier: Apache-2.0
#include "config/settings_check.hpp"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <charconv>
#include <string_view>

#include "base/clock.hpp"
#include "base/ed25519.hpp"
#include "base/error.hpp"
#include "base/socket_address.hpp"
#include "config/document.hpp"
#include "config/size.hpp"

namespace host {
namespace {

// What stands between "://" and the path, taken apart.
struct Authority {
  std::string host;
  std::string port;
  bool has_user = false;
};

Authority authority_of(std::string_view url) {
  url.remove_prefix(url.find("://") + 3);
  url = url.substr(0, url.find('/'));
  Authority result;
  result.has_user = url.find('@') != std::string_view::npos;
  const std::size_t bracket = url.find(']');
  const std::size_t colon = url.find(':', bracket == std::string_view::npos ? 0 : bracket);
  result.host = std::string(url.substr(0, colon));
  if (colon != std::string_view::npos) result.port = std::string(url.substr(colon + 1));
  return result;
}

bool is_port(const std::string& text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value > 0 && value < 65536;
}

const Json* find(const Json& settings, const char* section, const char* key) {
  if (!settings.is_object() || !settings.contains(section)) return nullptr;
  const Json& map = settings[section];
  return map.is_object() && map.contains(key) ? &map[key] : nullptr;
}

// Runs `read` on a text and passes on what it throws.
template <class Read>
void check_text(const Json* value, const std::string& pointer, const Complain& complain,
                Read read) {
  if (value == nullptr || !value->is_string()) return;
  try {
    read(value->get<std::string>());
  } catch (const Error& error) {
    complain(pointer, error.message());
  }
}

void check_plugins(const Json& plugins, const Complain& complain) {
  for (const auto& [id, plugin] : plugins.items()) {
    const std::string at = child_pointer("/plugins", id) + "/limits/";
    const auto size = [](const std::string& text) { (void)parse_size(text); };
    const auto duration = [](const std::string& text) { (void)parse_duration(text); };
    check_text(find(plugin, "limits", "memory"), at + "memory", complain, size);
    check_text(find(plugin, "limits", "file_size"), at + "file_size", complain, size);
    check_text(find(plugin, "limits", "cpu"), at + "cpu", complain, duration);
  }
}

void check_keys(const Json* keys, const Complain& complain) {
  if (keys == nullptr || !keys->is_object()) return;
  for (const auto& [name, key] : keys->items())
    check_text(&key, child_pointer("/trust/keys", name), complain,
               [](const std::string& text) { (void)Ed25519Key::parse(text); });
}

// A run's key goes over this socket in the clear.
void check_loopback(const std::string& text) {
  if (!SocketAddress::parse(text).is_loopback())
    throw Error(Code::invalid, "\"" + text +
                                   "\" can be reached from other machines, expected an address of "
                                   "this one alone, such as 127.0.0.1:0");
}

void check_model(const Json& model, const Complain& complain) {
  if (model.contains("listen"))
    check_text(&model["listen"], "/model/listen", complain, check_loopback);
  if (!model.contains("routes") || !model["routes"].is_object()) return;
  for (const auto& [name, route] : model["routes"].items()) {
    if (!route.is_object() || !route.contains("url")) continue;
    check_text(&route["url"], child_pointer("/model/routes", name) + "/url", complain,
               [&route = route](const std::string& url) {
                 if (const auto fault = url_fault(url)) throw Error(Code::invalid, *fault);
                 if (is_plaintext_beyond_loopback(url) && !route.value("allow_plaintext", false))
                   throw Error(Code::invalid,
                               "would send prompts and key over the network in the clear; expected "
                               "https://, or `allow_plaintext: true` beside it");
               });
  }
}

}  // namespace

std::optional<std::string> url_fault(const std::string& url) {
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return "expected a URL that begins with https:// or http://";
  const Authority authority = authority_of(url);
  if (authority.has_user)
    return "holds a user name or password; expected none, the token has a file of its own";
  if (authority.host.empty() || url.find_first_of("?# \t\r\n") != std::string::npos)
    return "expected https://HOST[:PORT][/PATH]";
  const bool has_colon = authority_of(url + "/").port != "" || url.ends_with(':');
  if (has_colon && !is_port(authority.port))
    return fmt::format("port \"{}\" is not one, expected 1 to 65535", authority.port);
  return std::nullopt;
}

bool is_plaintext_beyond_loopback(const std::string& url) {
  if (!url.starts_with("http://")) return false;
  std::string host = authority_of(url).host;
  if (host == "localhost") return false;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) != 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, host.c_str(), &v6) != 1 || !IN6_IS_ADDR_LOOPBACK(&v6);
}

void check_settings(const Json& settings, const Paths& paths, const Complain& complain) {
  if (!settings.is_object()) return;
  const auto path = [&](const std::string& text) { (void)expand_home(text, paths); };
  check_text(find(settings, "gitea", "url"), "/gitea/url", complain, [](const std::string& url) {
    if (const auto fault = url_fault(url)) throw Error(Code::invalid, *fault);
  });
  check_text(find(settings, "gitea", "token_file"), "/gitea/token_file", complain, path);
  check_text(find(settings, "queue", "shutdown_grace"), "/queue/shutdown_grace", complain,
             [](const std::string& text) { (void)parse_duration(text); });
  check_text(find(settings, "runs", "size"), "/runs/size", complain,
             [](const std::string& text) { (void)parse_size(text); });
  check_text(find(settings, "clones", "size"), "/clones/size", complain,
             [](const std::string& text) { (void)parse_size(text); });
  check_keys(find(settings, "trust", "keys"), complain);
  check_text(find(settings, "webhooks", "listen"), "/webhooks/listen", complain,
             [](const std::string& text) { (void)SocketAddress::parse(text); });
  if (const Json* files = find(settings, "webhooks", "secret_files"); files && files->is_array())
    for (std::size_t i = 0; i < files->size(); ++i)
      check_text(&(*files)[i], child_pointer("/webhooks/secret_files", i), complain, path);
  if (settings.contains("model") && settings["model"].is_object())
    check_model(settings["model"], complain);
  if (settings.contains("credentials") && settings["credentials"].is_object())
    for (const auto& [name, value] : settings["credentials"].items())
      check_text(&value, child_pointer("/credentials", name), complain, path);
  for (const char* key : {"plugin_dirs", "playbook_dirs"}) {
    const Json dirs = settings.value(key, Json());
    if (!dirs.is_array()) continue;
    for (std::size_t i = 0; i < dirs.size(); ++i)
      check_text(&dirs[i], child_pointer(child_pointer("", key), i), complain, path);
  }
  if (settings.contains("plugins") && settings["plugins"].is_object())
    check_plugins(settings["plugins"], complain);
}

}  // namespace host
