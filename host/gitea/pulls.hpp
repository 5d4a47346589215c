// SPDX-License-Identifier: Apache-2.0
//
// What several calls about pull requests need. Private to gitea/.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gitea/client_impl.hpp"
#include "gitea/pull_types.hpp"

namespace host {

void fetch_pull(const std::shared_ptr<Transport>& transport, const RepoName& repo,
                std::int64_t number, Reply<PullRequest> reply);

// Whether `pull` goes from `head` ("branch", or "user:branch") to `base`.
[[nodiscard]] bool goes(const PullRequest& pull, const std::string& head, const std::string& base);

// The open ones from head to base, oldest first. More than one is rare: the server looks and
// inserts in two steps.
void find_open(const std::shared_ptr<Transport>& transport, const RepoName& repo,
               const std::string& head, const std::string& base,
               Reply<std::vector<PullRequest>> reply);

}  // namespace host
