// SPDX-License-Identifier: Apache-2.0
//
// What the client's calls share; they are spread over files by subject. Private to gitea/.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "gitea/api.hpp"
#include "gitea/client.hpp"
#include "gitea/transport.hpp"

namespace host {

// Which routes this server was found to have, since configure(). Asked of the server, never read
// from its version: that is not to be relied on.
struct Probes {
  std::optional<bool> assignees;  // POST and DELETE .../issues/N/assignees: Gitea 1.27
  std::optional<bool> token;      // GET /token: Gitea 1.27
};

class GiteaClient::Impl {
 public:
  Impl(HttpClient& http, Loop& loop, Log log);
  ~Impl() { transport->close(); }

  // The login of the token's user, asked for once per token.
  void login(Reply<std::string> reply);
  void whoami(Reply<User> reply);

  std::shared_ptr<Transport> transport;
  std::shared_ptr<Probes> probes = std::make_shared<Probes>();
  std::weak_ptr<Impl> self;

 private:
  std::string login_;
  std::uint64_t login_of_ = 0;
};

// An issue or a pull request, and the way to its server.
struct Target {
  std::shared_ptr<Transport> transport;
  RepoName repo;
  std::int64_t number = 0;

  [[nodiscard]] std::string path() const { return issue_path(repo, number); }
  [[nodiscard]] std::string name() const { return issue_name(repo, number); }
};

}  // namespace host
