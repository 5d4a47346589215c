// SPDX-License-Identifier: Apache-2.0
//
// The pieces that single calls are made of. Private to gitea/.
#pragma once

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

[[nodiscard]] inline std::string issue_path(const RepoName& repo, std::int64_t number) {
  if (number <= 0)
    throw Error(Code::usage, "there is no issue with the number " + std::to_string(number));
  return repo_path(repo) + "/issues/" + std::to_string(number);
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

}  // namespace host
