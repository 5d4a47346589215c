// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/file.hpp"
#include "base/redactor.hpp"

namespace host::workspaces {

// A forge's token in the form that git reads: a config file in memory (a sealed memfd) with the
// header for one repository's URL. git is told its number, `include.path=/proc/self/fd/N`, so the
// token is never in an argument, an environment or a file on a disk, and goes to no other URL.
//
// Who may read it is who may trace git: /proc/PID/fd asks the kernel for that, as do
// /proc/PID/environ and /proc/PID/mem. An agent in its cage may not: it has a Landlock domain or a
// PID namespace of its own. A program of the same user outside of any cage may, and could as well
// read the token where the host does.
class GitCredential {
 public:
  // `url` is the repository's, checked (see check_git_url). Throws Error{invalid} when it isn't one
  // that can stand in a config file.
  GitCredential(std::string_view url, const Secret& token);

  [[nodiscard]] int fd() const { return file_.get(); }
  // Text without the token, also in base64.
  [[nodiscard]] std::string scrub(std::string_view text) const { return redactor_->scrub(text); }

 private:
  Fd file_;
  std::unique_ptr<Redactor> redactor_ = std::make_unique<Redactor>();
};

// A URL that a repository may have: http or https, no user, password, query or fragment in it;
// plain http only to this machine, or when `allow_plaintext`. Returns "http" or "https". Throws
// Error{invalid}, or {denied} for a token that would travel readable.
std::string check_git_url(std::string_view url, bool allow_plaintext);

}  // namespace host::workspaces
