// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "base/test_folder.hpp"

namespace host::forge {

// A real Gitea or Forgejo of this process's own: on loopback, its database, users and repositories
// in a folder that goes with it; small pages, so that clamping is met. Blocking.
class GiteaServer {
 public:
  // $TIMMY_GITEA_BINARY, else `gitea` on $PATH; nothing if there is neither.
  static std::optional<std::filesystem::path> binary();

  // Makes its database, two users who are no site admins, and their tokens, starts it, and waits
  // for its first answer; under half a minute as a rule. A binary that was built without its
  // templates ("bindata") reads them from $TIMMY_GITEA_STATIC_ROOT, a source tree. Throws Error
  // with what it printed.
  explicit GiteaServer(std::filesystem::path binary);

  [[nodiscard]] const std::string& url() const { return url_; }
  // Of the first user, with all scopes; of the second one; of the first, to read only.
  [[nodiscard]] const std::string& token() const { return token_; }
  [[nodiscard]] const std::string& other_token() const { return other_token_; }
  [[nodiscard]] const std::string& read_token() const { return read_token_; }
  // Of the first user, for these scopes alone; made once.
  [[nodiscard]] const std::string& token_with(const std::vector<std::string>& scopes);

 private:
  void write_config(int port) const;
  void add_user(const std::string& name, bool admin);
  std::string add_token(const std::string& user, const std::string& name,
                        const std::string& scopes);
  // Its command line, to its end: what it printed.
  std::string run(std::vector<std::string> arguments) const;
  [[nodiscard]] SpawnRequest request(std::vector<std::string> arguments) const;
  void wait_until_it_answers();

  std::filesystem::path binary_;
  TestFolder folder_;
  std::string url_, token_, other_token_, read_token_;
  std::map<std::string, std::string> by_scopes_;
  Child server_;
};

}  // namespace host::forge
