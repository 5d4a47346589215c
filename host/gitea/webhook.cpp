// SPDX-License-Identifier: Apache-2.0
#include "gitea/webhook.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "gitea/types.hpp"
#include "http/server.hpp"

namespace host {
namespace {

constexpr std::size_t kDigits = 64;
constexpr std::size_t kWordCap = 255;  // of an action, a login: more is nobody's

bool is_signature(std::string_view text) {
  return text.size() == kDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string hmac(std::string_view body, const Secret& secret) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  const std::string& key = secret.expose();
  if (::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data(),
             &length) == nullptr)
    throw Error(Code::internal, "computing a webhook's signature failed");
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < length; ++i) {
    text += kHex[digest[i] >> 4];
    text += kHex[digest[i] & 15];
  }
  return text;
}

const Json* object(const Json& json, const char* name) {
  const auto at = json.find(name);
  return at != json.end() && at->is_object() ? &*at : nullptr;
}

std::string text(const Json* json, const char* name) {
  if (json == nullptr) return {};
  const auto at = json->find(name);
  if (at == json->end() || !at->is_string()) return {};
  return at->get<std::string>().substr(0, kWordCap);
}

std::int64_t number(const Json* json) {
  if (json == nullptr) return 0;
  const auto at = json->find("number");
  if (at == json->end() || !at->is_number_integer()) return 0;
  return std::max<std::int64_t>(at->get<std::int64_t>(), 0);
}

// The header names the kind too, but is not signed.
std::string kind_of(const Json& body) {
  const bool pull = object(body, "pull_request") != nullptr;
  if (object(body, "comment") != nullptr && (object(body, "issue") != nullptr || pull))
    return "issue_comment";
  if (pull) return object(body, "review") != nullptr ? "pull_request_review" : "pull_request";
  if (object(body, "issue") != nullptr) return "issues";
  if (body.contains("ref") && body.contains("before") && body.contains("after")) return "push";
  if (body.contains("sha") && body.contains("context") && body.contains("state")) return "status";
  return "other";
}

}  // namespace

std::optional<std::string> webhook_signature(const ServerRequest& request) {
  for (const char* name : {"x-gitea-signature", "x-forgejo-signature", "x-hub-signature-256"}) {
    const std::string* value = request.header(name);
    if (value == nullptr) continue;
    std::string_view signature = *value;
    constexpr std::string_view kPrefix = "sha256=";
    if (std::string_view(name) == "x-hub-signature-256") {
      if (!signature.starts_with(kPrefix)) return std::nullopt;
      signature.remove_prefix(kPrefix.size());
    }
    if (!is_signature(signature)) return std::nullopt;
    return std::string(signature);
  }
  return std::nullopt;
}

bool is_signed_by(std::string_view body, std::string_view signature,
                  const std::vector<Secret>& secrets) {
  if (!is_signature(signature)) return false;
  bool fits = false;
  for (const Secret& secret : secrets) {
    if (secret.empty()) continue;
    const std::string expected = hmac(body, secret);
    fits = (CRYPTO_memcmp(expected.data(), signature.data(), kDigits) == 0) || fits;
  }
  return fits;
}

const std::vector<std::string>& event_kinds() {
  static const std::vector<std::string> kinds{
      "issues", "issue_comment", "pull_request", "pull_request_review", "push", "status"};
  return kinds;
}

ForgeEvent read_forge_event(std::string_view body) {
  const Json json = parse_json(body, "the delivery");
  if (!json.is_object()) throw Error(Code::invalid, "the delivery is not a JSON object");
  ForgeEvent event;
  event.kind = kind_of(json);
  event.action = text(&json, "action");
  event.sender = text(object(json, "sender"), "login");
  if (event.kind == "push") event.ref = text(&json, "ref");
  if (event.kind == "status") event.ref = text(&json, "sha");
  event.number = number(object(json, "issue"));
  if (event.number == 0) event.number = number(object(json, "pull_request"));
  event.repo = text(object(json, "repository"), "full_name");
  if (event.kind == "other") return event;
  const auto name = attempt([&] { return parse_repo_name(event.repo); });
  if (!name.ok())
    throw Error(Code::invalid, "the delivery (" + event.kind + ") names no repository");
  return event;
}

}  // namespace host
