// SPDX-License-Identifier: Apache-2.0
//
// The pieces that single calls are made of. Private to gitea/.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "gitea/decode.hpp"
#include "gitea/failure.hpp"
#include "gitea/transport.hpp"
#include "http/url.hpp"

namespace host {

// "/repos/owner/name". Throws Error{usage} when it is no such name.
[[nodiscard]] inline std::string repo_path(const RepoName& repo) {
  const RepoName checked = parse_repo_name(repo.full());
  return "/repos/" + percent_encode(checked.owner) + "/" + percent_encode(checked.name);
}

// Of a number in a path. Throws Error{usage} when it numbers nothing.
[[nodiscard]] inline std::string numbered(const char* kind, std::int64_t number) {
  if (number <= 0)
    throw Error(Code::usage,
                std::string("there is no ") + kind + " with the number " + std::to_string(number));
  return std::to_string(number);
}

[[nodiscard]] inline std::string issue_path(const RepoName& repo, std::int64_t number) {
  return repo_path(repo) + "/issues/" + numbered("issue", number);
}

[[nodiscard]] inline std::string pull_path(const RepoName& repo, std::int64_t number) {
  return repo_path(repo) + "/pulls/" + numbered("pull request", number);
}

// A '/' in the name stays one: the route takes the rest of the path.
[[nodiscard]] inline std::string branch_path(const RepoName& repo, const std::string& branch) {
  if (branch.empty()) throw Error(Code::usage, "a branch has no name");
  std::string path = repo_path(repo) + "/branches/";
  for (std::size_t from = 0; from <= branch.size();) {
    const auto slash = std::min(branch.find('/', from), branch.size());
    const std::string part = branch.substr(from, slash - from);
    if (part.empty() || part == "." || part == "..")
      throw Error(Code::usage, "\"" + branch + "\" names no branch");
    path += (from > 0 ? "/" : "") + percent_encode(part);
    from = slash + 1;
  }
  return path;
}

[[nodiscard]] inline std::string issue_name(const RepoName& repo, std::int64_t number) {
  return repo.full() + "#" + std::to_string(number);
}

// Runs `work`, which starts a call; what it throws comes as the reply, on the loop.
template <class T, class Work>
void guarded(const std::shared_ptr<Transport>& transport, const Reply<T>& reply, Work work) {
  try {
    work();
  } catch (...) {
    transport->post([reply, error = current_error()] { reply(error); });
  }
}

// One request whose JSON `decode` turns into the reply.
template <class T>
void fetch(const std::shared_ptr<Transport>& transport, ApiRequest request,
           std::function<T(const Json&)> decode, Reply<T> reply) {
  const std::string what = request.what;
  transport->call(std::move(request), [what, decode = std::move(decode),
                                       reply = std::move(reply)](ApiOutcome outcome) {
    if (!outcome.response.ok()) return reply(outcome.response.error());
    auto decoded = attempt([&] { return decode(reply_json(outcome.response.value(), what)); });
    if (decoded.ok()) return reply(std::move(decoded));
    reply(with_context(what, decoded.error()));
  });
}

inline void fetch_issue(const std::shared_ptr<Transport>& transport, const RepoName& repo,
                        std::int64_t number, Reply<Issue> reply) {
  ApiRequest request;
  request.path = issue_path(repo, number);
  request.what = "reading " + issue_name(repo, number);
  fetch<Issue>(transport, std::move(request), decode_issue, std::move(reply));
}

// Throws Error{usage} unless every one of `names` has text, and there is one.
inline void must_name(const std::vector<std::string>& names, const char* kind) {
  const bool blank =
      std::any_of(names.begin(), names.end(), [](const auto& n) { return n.empty(); });
  if (names.empty() || blank) throw Error(Code::usage, std::string(kind) + " has no name");
}

[[nodiscard]] inline bool among(const std::vector<std::string>& logins, std::string_view login) {
  return std::any_of(logins.begin(), logins.end(),
                     [&](const std::string& each) { return same_name(each, login); });
}

}  // namespace host
