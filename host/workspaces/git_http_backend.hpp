// SPDX-License-Identifier: Apache-2.0
//
// For tests: what every forge of theirs has of git over HTTP. The real `git http-backend` behind a
// request (git-http-backend(1)), and the password that came with it.
#pragma once

#include <openssl/evp.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bounded_process.hpp"
#include "http/server.hpp"

namespace host::workspaces {

// What git prints, run to its end on a configuration of nobody's. Says nothing of how it ended.
[[nodiscard]] inline std::string git(std::vector<std::string> arguments,
                                     const std::map<std::string, std::string>& environment,
                                     std::string_view input = {}) {
  BoundedRun run;
  run.request.program = "/usr/bin/git";
  run.request.arguments = std::move(arguments);
  run.request.arguments.insert(run.request.arguments.begin(), "git");
  run.request.environment = {
      {"PATH", "/usr/bin:/bin"}, {"HOME", "/nonexistent"}, {"GIT_CONFIG_NOSYSTEM", "1"}};
  run.request.environment.insert(environment.begin(), environment.end());
  const auto file = memory_file(input);
  run.input = file.get();
  std::string output;
  (void)run_bounded(run, [&](std::string_view piece) {
    output.append(piece);
    return true;
  });
  return output;
}

// A header's value; empty: there is none.
inline std::string header_of(const ServerRequest& request, const char* name) {
  const auto* value = request.header(name);
  return value == nullptr ? std::string() : *value;
}

// Of "Authorization: Basic ...": the password, which is the token, whoever the user is. Empty:
// there is none.
inline std::string password_of(const ServerRequest& request) {
  constexpr std::string_view kBasic = "Basic ";
  const auto header = header_of(request, "authorization");
  if (!header.starts_with(kBasic)) return {};
  const auto encoded = header.substr(kBasic.size());
  std::string pair(encoded.size(), '\0');
  if (EVP_DecodeBlock(reinterpret_cast<unsigned char*>(pair.data()),
                      reinterpret_cast<const unsigned char*>(encoded.data()),
                      static_cast<int>(encoded.size())) < 0)
    return {};
  pair = pair.substr(0, pair.find('\0'));
  const auto colon = pair.find(':');
  return colon == std::string::npos ? std::string() : pair.substr(colon + 1);
}

// The answer to who gave no password, or a wrong one.
inline ServerResponse ask_for_password() {
  return {.status = 401, .headers = {{"WWW-Authenticate", "Basic realm=\"forge\""}}};
}

// What a CGI program prints, as an answer (RFC 3875, section 6).
inline ServerResponse response_of(const std::string& output) {
  const auto end = output.find("\r\n\r\n");
  if (end == std::string::npos) return {.status = 500};
  ServerResponse response;
  for (std::size_t at = 0; at < end + 2;) {
    const auto line = output.substr(at, output.find("\r\n", at) - at);
    at += line.size() + 2;
    const auto colon = line.find(": ");
    if (line.starts_with("Status: "))
      (void)std::from_chars(line.data() + 8, line.data() + 11, response.status);
    else if (colon != std::string::npos)
      response.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  response.body = output.substr(end + 4);
  return response;
}

// Serves the bare repositories below `root`, /owner/name.git, to whoever asks: who may is the
// caller's to judge. Blocks until git is done.
inline ServerResponse serve_git(const std::filesystem::path& root, const ServerRequest& request) {
  const auto question = request.target.find('?');
  return response_of(git(
      {"http-backend"},
      {{"GIT_PROJECT_ROOT", root.string()},
       {"GIT_HTTP_EXPORT_ALL", "1"},
       {"PATH_INFO", request.path},
       {"QUERY_STRING", question == std::string::npos ? "" : request.target.substr(question + 1)},
       {"REQUEST_METHOD", request.method},
       {"CONTENT_TYPE", header_of(request, "content-type")},
       {"CONTENT_LENGTH", std::to_string(request.body.size())},
       {"HTTP_CONTENT_ENCODING", header_of(request, "content-encoding")},
       {"GIT_PROTOCOL", header_of(request, "git-protocol")},
       {"REMOTE_USER", "agent"},
       {"REMOTE_ADDR", "127.0.0.1"}},
      request.body));
}

}  // namespace host::workspaces
