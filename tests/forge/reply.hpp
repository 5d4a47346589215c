// SPDX-License-Identifier: Apache-2.0
//
// How Gitea 1.26 words what it answers: bodies, error shapes, pages, times.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "forge/state.hpp"
#include "http/server.hpp"

namespace host::forge {

// Thrown by a handler to end a request.
struct Refused {
  ServerResponse response;
};

[[nodiscard]] ServerResponse json_reply(int status, const Json& value);
[[nodiscard]] ServerResponse empty_reply(int status);
// The router's own, for a route that this version does not have.
[[nodiscard]] ServerResponse unknown_route();

// {"message", "url"}
[[nodiscard]] Refused refused(const ForgeState& state, int status, const std::string& message);
// {"errors", "message", "url"}: the 404 of Gitea up to 1.26. No `error`: null.
[[nodiscard]] Refused not_found(const ForgeState& state, const std::string& error = "",
                                const std::string& message = "not found");

// One page of a list: from `first`, at most `count`.
struct Page {
  std::size_t first = 0;
  std::size_t count = 0;
  std::size_t number = 1;
};
// A page that does not parse is the first; a limit that does not parse, or is not positive, is the
// default; one above the server's cap becomes the cap, silently.
[[nodiscard]] Page page_of(const ForgeState& state, const ServerRequest& request);

// Adds X-Total-Count, and Link where this route sends it and there is another page.
void add_counts(ServerResponse& response, const ForgeState& state, const ServerRequest& request,
                const Page& page, std::size_t total, bool link);

// RFC 3339 in the server's zone, in whole seconds.
[[nodiscard]] std::string format_time(const ForgeState& state, WallTime time);
// RFC 3339 with any offset; the fraction is dropped. Throws Refused 422 worded as Go does.
[[nodiscard]] WallTime parse_time(const ForgeState& state, const std::string& text);

[[nodiscard]] Json user_json(const ForgeState& state, const User& user);
[[nodiscard]] Json organisation_json(const ForgeState& state, const User& user);
// `doer` decides the permissions; may be null.
[[nodiscard]] Json repo_json(const ForgeState& state, const Repo& repo, const User* doer);
[[nodiscard]] Json label_json(const ForgeState& state, const Repo* repo, const std::string& owner,
                              const Label& label);
[[nodiscard]] Json labels_json(const ForgeState& state, const Repo& repo, const Issue& issue);
[[nodiscard]] Json issue_json(const ForgeState& state, const Repo& repo, const Issue& issue);
[[nodiscard]] Json pull_json(const ForgeState& state, const Repo& repo, const Issue& issue,
                             const Pull& pull, const User* doer);
[[nodiscard]] Json review_json(const ForgeState& state, const Repo& repo, const Issue& issue,
                               const Pull& pull, const Review& review);
[[nodiscard]] Json status_json(const ForgeState& state, const Repo& repo, const std::string& hash,
                               const Status& status);
[[nodiscard]] Json branch_json(const ForgeState& state, const Repo& repo, const std::string& name,
                               const std::string& hash, const User* doer);
[[nodiscard]] Json team_json(const ForgeState& state, const Team& team);
// By a prefix of its title.
[[nodiscard]] bool is_draft(const Issue& issue);
// The fields of a repository that allow a style of merging, and the style's name.
inline constexpr std::pair<const char*, const char*> kStyleFields[] = {
    {"allow_merge_commits", "merge"},
    {"allow_rebase", "rebase"},
    {"allow_rebase_explicit", "rebase-merge"},
    {"allow_squash_merge", "squash"},
    {"allow_fast_forward_only_merge", "fast-forward-only"}};
[[nodiscard]] Json comment_json(const ForgeState& state, const Repo& repo, const Issue& issue,
                                const Comment& comment);

}  // namespace host::forge
