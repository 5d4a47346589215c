// SPDX-License-Identifier: Apache-2.0
#include "forge/peer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.hpp"
#include "base/fake_loop.hpp"
#include "base/file.hpp"
#include "forge/gitea_server.hpp"

namespace host::forge {
namespace {

using namespace std::chrono_literals;

class ForgePeer final : public Peer {
 public:
  ForgePeer() : forge_(context(), loop(), clock_) {
    url = forge_.listen();
    token = "bot-token", other_token = "other-token", read_token = "read-token";
    forge_.state.add_user("bot");
    forge_.state.add_user("other");
    forge_.state.add_token(token, "bot");
    forge_.state.add_token(other_token, "other");
    forge_.state.add_token(read_token, "bot", {"read:issue", "read:repository", "read:user"});
    forge_.state.settings.max_response_items = 5;
    forge_.state.settings.default_paging_num = 3;
  }
  void pass_time() override { clock_.advance(3s); }
  std::string token_with(const std::vector<std::string>& scopes) override {
    auto made = "token-" + std::to_string(forge_.state.tokens.size());
    forge_.state.add_token(made, "bot", scopes);
    return made;
  }

 private:
  FakeClock clock_;
  Forge forge_;
};

class RealPeer final : public Peer {
 public:
  // `server`: where this process started it.
  explicit RealPeer(GiteaServer* server = nullptr) : server_(server) {}
  void pass_time() override {
    const auto waiting = loop().after(2100ms, [this] { context().stop(); });
    context().restart();
    context().run();
  }
  std::string token_with(const std::vector<std::string>& scopes) override {
    return server_ == nullptr ? "" : server_->token_with(scopes);
  }

 private:
  GiteaServer* server_;
};

std::string environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

// From NAME, or the file that NAME_FILE names.
std::string token_of(const std::string& name) {
  const auto file = environment(name + "_FILE");
  return file.empty() ? environment(name) : read_secret_file(file);
}

// At a server that is started by the first test and serves all of this process.
std::unique_ptr<Peer> started_peer() {
  static const auto server = []() -> std::unique_ptr<GiteaServer> {
    const auto binary = GiteaServer::binary();
    return binary ? std::make_unique<GiteaServer>(*binary) : nullptr;
  }();
  if (server == nullptr) return nullptr;
  auto peer = std::make_unique<RealPeer>(server.get());
  peer->url = server->url();
  peer->token = server->token();
  peer->other_token = server->other_token();
  peer->read_token = server->read_token();
  return peer;
}

}  // namespace

Json Answer::json() const {
  if (header("content-type").find("json") == std::string::npos)
    throw Error(Code::invalid, fmt::format("status {} with no JSON: {}", status, body));
  return parse_json(body, "the reply");
}

std::string Answer::header(std::string_view name) const {
  for (const auto& [header, value] : headers)
    if (header == name) return value;
  return {};
}

Peer::Peer() : loop_(context_, clock_), http_(context_, loop_) {}

Answer Peer::send(HttpRequest request) {
  std::optional<Result<HttpResponse>> result;
  http_.send(std::move(request), [&](auto reply) { result.emplace(std::move(reply)); });
  const auto end = std::chrono::steady_clock::now() + 70s;
  context_.restart();
  while (!result && std::chrono::steady_clock::now() < end) {
    context_.run_one_for(100ms);
    if (context_.stopped()) context_.restart();
  }
  if (!result) throw Error(Code::timed_out, "no reply in time");
  auto& response = result->value();
  return {response.status, std::move(response.headers), std::move(response.body)};
}

Answer Peer::ask_raw(const std::string& as, const std::string& method, const std::string& path,
                     std::string body, const std::string& content_type) {
  HttpRequest request;
  request.method = method;
  request.url = url + "/api/v1" + path;
  request.body = std::move(body);
  request.timeout = 60s;
  request.headers = {{"Accept", "application/json"}, {"Accept-Language", "en"}};
  if (!as.empty()) request.headers.emplace_back("Authorization", "token " + as);
  if (!content_type.empty()) request.headers.emplace_back("Content-Type", content_type);
  return send(std::move(request));
}

Answer Peer::ask(const std::string& as, const std::string& method, const std::string& path,
                 const Json& body) {
  if (body.is_null()) return ask_raw(as, method, path, "", "");
  return ask_raw(as, method, path, to_text(body), "application/json");
}

std::unique_ptr<Peer> forge_peer() { return std::make_unique<ForgePeer>(); }

std::unique_ptr<Peer> gitea_peer() {
  auto url = environment("TIMMY_GITEA_TEST_URL");
  if (url.empty()) return started_peer();
  auto peer = std::make_unique<RealPeer>();
  while (url.ends_with('/')) url.pop_back();
  peer->url = url;
  peer->token = token_of("TIMMY_GITEA_TEST_TOKEN");
  peer->other_token = token_of("TIMMY_GITEA_TEST_OTHER_TOKEN");
  peer->read_token = token_of("TIMMY_GITEA_TEST_READ_TOKEN");
  if (peer->token.empty())
    throw Error(Code::usage, "TIMMY_GITEA_TEST_URL is set, but no token",
                "Set TIMMY_GITEA_TEST_TOKEN or TIMMY_GITEA_TEST_TOKEN_FILE");
  return peer;
}

void PeerTest::SetUp() {
  peer_ = std::string_view(GetParam()) == "gitea" ? gitea_peer() : forge_peer();
  if (peer_ == nullptr)
    GTEST_SKIP() << "no real Gitea: set TIMMY_GITEA_TEST_URL and TIMMY_GITEA_TEST_TOKEN_FILE, or "
                    "TIMMY_GITEA_BINARY";
}

void PeerTest::TearDown() {
  for (const auto& path : made_) {
    if (!path.starts_with("/orgs/")) continue;
    for (int page = 1; page < 100; ++page) {
      const auto repos = get(path + "/repos").json();  // what is gone moves the rest up
      for (const auto& repo : repos) remove("/repos/" + repo.at("full_name").get<std::string>());
      if (repos.empty()) break;
    }
  }
  for (auto path = made_.rbegin(); path != made_.rend(); ++path) {
    const auto gone = remove(*path);
    EXPECT_TRUE(gone.status == 204 || gone.status == 404) << *path << " " << gone.body;
  }
}

std::string PeerTest::unique_name() {
  static int count = 0;
  return fmt::format("timmy-test-{}-{}", ::getpid(), ++count);
}

std::string PeerTest::new_repo(const Json& options) {
  Json body = {{"name", unique_name()}};
  body.update(options);
  const auto made = post("/user/repos", body).json();
  made_.push_back("/repos/" + made.at("full_name").get<std::string>());
  return made.at("full_name");
}

std::string PeerTest::new_organisation() {
  const auto made = post("/orgs", {{"username", unique_name()}}).json();
  made_.push_back("/orgs/" + made.at("username").get<std::string>());
  return made.at("username");
}

std::int64_t PeerTest::new_label(const std::string& repo, const std::string& name,
                                 const Json& options) {
  Json body = {{"name", name}, {"color", "00aabb"}};
  body.update(options);
  return post("/repos/" + repo + "/labels", body).json().at("id");
}

std::int64_t PeerTest::new_issue(const std::string& repo, const std::string& title,
                                 const Json& options) {
  Json body = {{"title", title}};
  body.update(options);
  return post("/repos/" + repo + "/issues", body).json().at("number");
}

std::string PeerTest::issue_path(const std::string& repo, std::int64_t number,
                                 const std::string& rest) {
  return "/repos/" + repo + "/issues/" + std::to_string(number) + rest;
}

}  // namespace host::forge
