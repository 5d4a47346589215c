// SPDX-License-Identifier: Apache-2.0
#include "workspaces/git_credential.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/bounded_process.hpp"
#include "base/error.hpp"
#include "http/url.hpp"

namespace host::workspaces {
namespace {

// A forge takes a token as the password of any user.
constexpr std::string_view kUser = "timmy-host:";

// The header's value. The caller wipes it.
std::string basic(const Secret& token) {
  std::string pair(kUser);
  pair += token.expose();
  std::string encoded(4 * ((pair.size() + 2) / 3) + 1, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                  reinterpret_cast<const unsigned char*>(pair.data()),
                  static_cast<int>(pair.size()));
  encoded.pop_back();
  ::explicit_bzero(pair.data(), pair.size());
  return encoded;
}

bool stands_in_config(std::string_view url) {
  return std::all_of(url.begin(), url.end(), [](unsigned char byte) {
    return byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\';
  });
}

}  // namespace

GitCredential::GitCredential(std::string_view url, const Secret& token) {
  if (!stands_in_config(url))
    throw Error(Code::invalid, "a repository's URL holds a quote, a backslash or a blank",
                "Write it percent-encoded.");
  redactor_->add(token);
  std::string header = basic(token);
  std::string text = "[http \"" + std::string(url) +
                     "\"]\n\textraHeader = \"Authorization: Basic " + header + "\"\n";
  Fd written(::memfd_create("timmy-git", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const bool whole = written && ::pwrite(written.get(), text.data(), text.size(), 0) ==
                                    static_cast<ssize_t>(text.size());
  ::explicit_bzero(header.data(), header.size());
  ::explicit_bzero(text.data(), text.size());
  if (!whole || ::fchmod(written.get(), 0400) != 0 ||
      ::fcntl(written.get(), F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
    throw system_error("keeping a token for git");
  file_ = std::move(written);
}

std::string check_git_url(std::string_view text, bool allow_plaintext) {
  const auto url = parse_url(text);
  if (url.has_credentials || !url.query.empty() || text.find('#') != std::string_view::npos ||
      !stands_in_config(text))
    throw Error(
        Code::invalid,
        "the URL of a repository on " + url.origin() + " has more in it than server and path",
        "Write it as https://HOST/OWNER/NAME.git; the token has a file of its own.");
  if (url.scheme == "http" && !url.loopback() && !allow_plaintext)
    throw Error(Code::denied, url.origin() + " is plain http: the token would travel readable",
                "Use https, or set allow_plaintext for this forge.");
  return url.scheme;
}

}  // namespace host::workspaces
