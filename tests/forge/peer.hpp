// SPDX-License-Identifier: Apache-2.0
//
// The server that the contract suite talks to: the forge of this folder, always, and a real Gitea
// or Forgejo, the first of these that is there:
//   TIMMY_GITEA_TEST_URL                      its root, with
//   TIMMY_GITEA_TEST_TOKEN[_FILE]             of a user who is no site admin, with all scopes
//   TIMMY_GITEA_TEST_OTHER_TOKEN[_FILE]       optional: of another such user
//   TIMMY_GITEA_TEST_READ_TOKEN[_FILE]        optional: of the first one, with read:issue,
//                                             read:repository and read:user only
//   TIMMY_GITEA_BINARY, `gitea` on $PATH      started for this process (gitea_server.hpp)
// In the real one the suite makes repositories and organisations of its own and deletes them.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/loop.hpp"
#include "forge/forge.hpp"
#include "http/client.hpp"

namespace host::forge {

struct Answer {
  int status = 0;
  HttpHeaders headers;
  std::string body;

  // The body, which must be JSON and say so.
  [[nodiscard]] Json json() const;
  // A header's value; empty when it isn't there.
  [[nodiscard]] std::string header(std::string_view name) const;
};

// One server, and a client in the same loop.
class Peer {
 public:
  virtual ~Peer() = default;

  std::string url;                             // without a '/' at its end
  std::string token, other_token, read_token;  // empty: this peer has none

  // Sends and waits. `path` is below /api/v1; `body` null: none. `as` empty: anonymous.
  Answer ask(const std::string& as, const std::string& method, const std::string& path,
             const Json& body = nullptr);
  // The same with a body and a content type of one's own.
  Answer ask_raw(const std::string& as, const std::string& method, const std::string& path,
                 std::string body, const std::string& content_type);

  [[nodiscard]] boost::asio::io_context& context() { return context_; }
  [[nodiscard]] Loop& loop() { return loop_; }
  [[nodiscard]] HttpClient& http() { return http_; }
  // Time passes at the server: at least two seconds, so that its timestamps differ.
  virtual void pass_time() = 0;
  // A token of the token's user that may be used for these alone ("read:issue"); empty: none can be
  // made here.
  virtual std::string token_with(const std::vector<std::string>& scopes) = 0;

 protected:
  Peer();

 private:
  Answer send(HttpRequest request);
  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_;
  CurlClient http_;
};

// The forge, with two users and three tokens; pages of 5 at most, 3 by default.
[[nodiscard]] std::unique_ptr<Peer> forge_peer();
// nullptr when there is no Gitea. Throws what is wrong with it.
[[nodiscard]] std::unique_ptr<Peer> gitea_peer();

// Runs each of its tests against both.
class PeerTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A new repository of the token's user: its full name. Deleted at the end.
  std::string new_repo(const Json& options = Json::object());
  // A new organisation of the token's user. Deleted at the end, with its repositories.
  std::string new_organisation();
  // A new label: its id.
  std::int64_t new_label(const std::string& repo, const std::string& name,
                         const Json& options = Json::object());
  // A new issue: its number.
  std::int64_t new_issue(const std::string& repo, const std::string& title,
                         const Json& options = Json::object());
  // "/repos/<repo>/issues/<number><rest>"
  static std::string issue_path(const std::string& repo, std::int64_t number,
                                const std::string& rest = "");

  // As the token's user.
  Answer get(const std::string& path) { return peer().ask(peer().token, "GET", path); }
  Answer post(const std::string& path, const Json& body) {
    return peer().ask(peer().token, "POST", path, body);
  }
  Answer patch(const std::string& path, const Json& body) {
    return peer().ask(peer().token, "PATCH", path, body);
  }
  Answer put(const std::string& path, const Json& body) {
    return peer().ask(peer().token, "PUT", path, body);
  }
  Answer remove(const std::string& path) { return peer().ask(peer().token, "DELETE", path); }

  Peer& peer() { return *peer_; }

 private:
  std::string unique_name();
  std::unique_ptr<Peer> peer_;
  std::vector<std::string> made_;  // paths to delete, last first
};

}  // namespace host::forge
