// SPDX-License-Identifier: Apache-2.0
#include "services/http_service.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "base/file.hpp"
#include "base/redactor.hpp"
#include "http/client.hpp"
#include "http/url.hpp"
#include "services/audit.hpp"
#include "store/store.hpp"

namespace host {
namespace {

constexpr std::size_t kReplyCap = 4u << 20;
constexpr std::size_t kRequestCap = 1u << 20;
constexpr std::chrono::minutes kLongest{10};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

// What the plugin may not set: who it is, and how the message is framed.
bool reserved(const std::string& header) {
  static constexpr std::array kReserved{
      "authorization",  "proxy-authorization", "cookie",     "host",
      "content-length", "transfer-encoding",   "connection", "expect"};
  return std::find(kReserved.begin(), kReserved.end(), lower(header)) != kReserved.end();
}

HttpHeaders headers_of(const Json& params) {
  HttpHeaders headers;
  const Json given = object_parameter(params, "headers");
  for (const auto& [name, value] : given.items()) {
    if (!value.is_string() || reserved(name))
      throw Error(Code::usage, "header \"" + name + "\" can't be set through http/1",
                  "Name a credential instead of sending one.");
    headers.emplace_back(name, value.get<std::string>());
  }
  return headers;
}

// The credentials that each server was sent. One that echoes requests, this plugin's or another's,
// must not hand them to a plugin; other secrets it can't know.
class SentCredentials {
 public:
  void add(const std::string& authority, const Secret& secret) { sent_[authority].add(secret); }

  // Asked when the reply is there: another request may have sent one while this one waited.
  [[nodiscard]] const Redactor& to(const std::string& authority) const {
    const auto sent = sent_.find(authority);
    return sent == sent_.end() ? none_ : sent->second;
  }

 private:
  std::map<std::string, Redactor> sent_;  // only of servers that were sent one
  Redactor none_;
};

class HttpService final : public Service {
 public:
  HttpService(
      HttpClient& http, Store& store, const Clock& clock, std::shared_ptr<Redactor> redactor,
      std::function<std::optional<std::filesystem::path>(const std::string&)> credential_file)
      : http_(&http),
        store_(&store),
        clock_(&clock),
        redactor_(std::move(redactor)),
        credential_file_(std::move(credential_file)) {}

  [[nodiscard]] std::string_view id() const override { return "http/1"; }

  void call(const std::shared_ptr<RunContext>& run, std::string_view method, const Json& params,
            Reply<Json> reply) override {
    if (method != "request")
      throw Error(Code::usage, "http/1 has no method \"" + std::string(method) + "\"",
                  "It has request.");
    HttpRequest request = parse(*run, params);
    const std::string credential = text_parameter(params, "credential", "");
    const bool quiet = credential.empty() && (request.method == "GET" || request.method == "HEAD");
    const AuditEntry entry{{},
                           audited_as(*run),
                           "http/1.request",
                           request.method + " " + request.url.substr(0, request.url.find('?')),
                           credential.empty() ? "" : "with credential " + credential + ": "};
    const auto server = parse_url(request.url).authority();
    http_->send(std::move(request), [entry, quiet, store = store_, clock = clock_, sent = sent_,
                                     server,
                                     reply = std::move(reply)](Result<HttpResponse> answer) {
      const std::string outcome =
          answer.ok() ? "status " + std::to_string(answer.value().status) : answer.error().what();
      auto given = attempt([&] { return to_json(std::move(answer).value(), sent->to(server)); });
      if (quiet) return reply(std::move(given));
      audit(*store, {clock->wall(), entry.who, entry.what, entry.target, entry.result + outcome},
            std::move(given), reply);
    });
  }

 private:
  static void audit(Store& store, const AuditEntry& entry, Result<Json> given,
                    const Reply<Json>& reply) {
    store.submit([entry](Unit& unit) { write_audit(unit, entry); },
                 [given = std::move(given), reply](Status stored) {
                   if (!stored.ok()) return reply(stored.error());
                   reply(given);
                 });
  }

  HttpRequest parse(RunContext& run, const Json& params) {
    HttpRequest request;
    request.url = text_parameter(params, "url");
    const Url url = parse_url(request.url);
    if (url.has_credentials)
      throw Error(Code::usage, "a URL of http/1 must not hold a user or password",
                  "Name a credential of host.yaml instead.");
    require_grant(run, "http", url.authority());
    request.method = text_parameter(params, "method", "GET");
    request.headers = headers_of(params);
    request.body = text_parameter(params, "body", "");
    if (request.body.size() > kRequestCap)
      throw Error(Code::too_large, "the body for " + url.authority() + " is larger than 1 MiB");
    request.timeout =
        std::clamp<Duration>(milliseconds_parameter(params, "timeout_ms", std::chrono::seconds(30)),
                             std::chrono::milliseconds(1), kLongest);
    // A model may think for as long as its caller lets it.
    request.silence = request.timeout;
    request.body_cap = kReplyCap;
    if (const auto name = text_parameter(params, "credential", ""); !name.empty())
      add_credential(run, name, url, request);
    return request;
  }

  void add_credential(RunContext& run, const std::string& name, const Url& url,
                      HttpRequest& request) {
    require_grant(run, "http.credential", name + "@" + url.authority());
    if (url.scheme != "https" && !url.loopback())
      throw Error(Code::denied,
                  "the credential \"" + name + "\" would go to " + url.authority() + " unencrypted",
                  "Use https.");
    const auto file = credential_file_(name);
    if (!file)
      throw Error(Code::not_found, "host.yaml has no credential \"" + name + "\"",
                  "Add it under credentials: " + name + ": FILE");
    const Secret secret(read_secret_file(*file));
    redactor_->add(secret);
    sent_->add(url.authority(), secret);
    request.headers.emplace_back("Authorization", "Bearer " + secret.expose());
  }

  static Json to_json(HttpResponse response, const Redactor& sent) {
    Json headers = Json::object();
    for (const auto& [name, value] : response.headers) headers[name] = sent.scrub_known(value);
    return {{"status", response.status},
            {"headers", std::move(headers)},
            {"body", sent.scrub_json(response.body)}};
  }

  HttpClient* http_;
  Store* store_;
  const Clock* clock_;
  std::shared_ptr<Redactor> redactor_;
  std::function<std::optional<std::filesystem::path>(const std::string&)> credential_file_;
  std::shared_ptr<SentCredentials> sent_ = std::make_shared<SentCredentials>();
};

}  // namespace

std::unique_ptr<Service> make_http_service(
    HttpClient& http, Store& store, const Clock& clock, std::shared_ptr<Redactor> redactor,
    std::function<std::optional<std::filesystem::path>(const std::string&)> credential_file) {
  return std::make_unique<HttpService>(http, store, clock, std::move(redactor),
                                       std::move(credential_file));
}

}  // namespace host
