// SPDX-License-Identifier: Apache-2.0
#include "forge/git_http.hpp"

#include <openssl/evp.h>

#include <charconv>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "workspaces/clone_bundle.hpp"

namespace host::forge {
namespace {

// Where programs are run to their end.
using namespace host::workspaces;

namespace fs = std::filesystem;

std::string header_of(const ServerRequest& request, const char* name) {
  const auto* value = request.header(name);
  return value == nullptr ? std::string() : *value;
}

// "owner/name" of "/owner/name.git/info/refs".
std::string repository_of(const ServerRequest& request) {
  return request.path.substr(1, request.path.find(".git/") - 1);
}

// Of "Basic ...": the password, which is the token, whoever the user is.
std::string password_of(const ServerRequest& request) {
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

bool may_write(ForgeState& state, const ServerRequest& request) {
  const auto token = state.tokens.find(password_of(request));
  const auto* repo = state.repo(repository_of(request));
  if (token == state.tokens.end() || repo == nullptr) return false;
  return state.access(state.user(token->second.login), *repo) >= Access::write;
}

// What a CGI program prints.
ServerResponse response_of(const std::string& output) {
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

std::vector<std::vector<std::string>> words_of(const std::string& text) {
  std::vector<std::vector<std::string>> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    std::istringstream parts(line);
    auto& words = lines.emplace_back();
    for (std::string word; parts >> word;) words.push_back(word);
  }
  return lines;
}

}  // namespace

std::string git(std::vector<std::string> arguments,
                const std::map<std::string, std::string>& environment, std::string_view input) {
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

bool is_git_path(const ServerRequest& request) {
  return request.path.find(".git/") != std::string::npos;
}

ServerResponse answer_git(ForgeState& state, const fs::path& root, const ServerRequest& request) {
  if (!may_write(state, request))
    return {.status = 401, .headers = {{"WWW-Authenticate", "Basic realm=\"forge\""}}};
  const auto question = request.target.find('?');
  auto response = response_of(git(
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
  if (request.path.ends_with("/git-receive-pack"))
    take_branches(state, root, repository_of(request));
  return response;
}

void take_branches(ForgeState& state, const fs::path& root, const std::string& full_name) {
  auto* repo = state.repo(full_name);
  if (repo == nullptr) throw Error(Code::usage, "there is no repository " + full_name);
  const std::map<std::string, std::string> at{{"GIT_DIR", (root / (full_name + ".git")).string()}};
  for (const auto& ids : words_of(git({"rev-list", "--parents", "--branches"}, at))) {
    if (repo->commits.contains(ids.at(0))) continue;
    auto& commit = repo->commits[ids.at(0)];
    commit.parents.assign(ids.begin() + 1, ids.end());
    commit.message = git({"log", "-1", "--format=%B", ids.at(0)}, at);
    for (const auto& entry : words_of(git({"ls-tree", "-r", ids.at(0)}, at)))
      commit.files[entry.at(3)] = entry.at(2);
  }
  repo->branches.clear();
  for (const auto& branch : words_of(
           git({"for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads"}, at)))
    repo->branches[branch.at(0)] = branch.at(1);
}

}  // namespace host::forge
