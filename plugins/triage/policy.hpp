// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <re2/re2.h>

#include <memory>
#include <set>
#include <string>
#include <timmy/services.hpp>
#include <vector>

namespace triage {

// Where a pull request shows whose work it is.
enum class Place { title, body, author, files, commits };

// That a pull request shows what the policy bans.
struct Hit {
  std::string ban;    // its name
  std::string where;  // "the title", "commit 1f2e3d4c" ...
  std::string text;   // what was found there

  [[nodiscard]] timmy::Json to_json() const;
  [[nodiscard]] static Hit from(const timmy::Json& json);
};

// The config's `banned`: providers that nothing here may come from or go to.
class Policy {
 public:
  // Throws timmy::Permanent "bad_pattern" naming the entry and what RE2 says of it.
  explicit Policy(const timmy::Json& config);

  // Whether anything is looked for there.
  [[nodiscard]] bool looks_at(Place place) const;

  // In the title, the body and the author's login.
  [[nodiscard]] std::vector<Hit> find(const timmy::PullRequest& pull) const;
  // In the names of files, also those that they had before.
  [[nodiscard]] std::vector<Hit> find(const std::vector<timmy::ChangedFile>& files) const;
  // In the messages of commits, trailers such as Co-authored-by included, and in the names and
  // addresses of their authors and committers.
  [[nodiscard]] std::vector<Hit> find(const std::vector<timmy::Commit>& commits) const;

  // Differs when the policy does. For telling that a pull request has to be looked at again.
  [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }

 private:
  struct Ban {
    std::string name;
    std::unique_ptr<const RE2> pattern;
    std::set<Place> in;
  };
  void look(Place place, const std::string& where, const std::string& text,
            std::vector<Hit>& hits) const;

  std::vector<Ban> bans_;
  std::string fingerprint_;
};

}  // namespace triage
