// SPDX-License-Identifier: Apache-2.0
//
// What a forge holds, as gitea/1 hands it to plugins. Times are texts in UTC, null where the forge
// does not say. Private to services/.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "gitea/pull_types.hpp"
#include "gitea/types.hpp"

namespace host {

[[nodiscard]] Json to_json(const Repository& repo);
[[nodiscard]] Json to_json(const Label& label);
[[nodiscard]] Json to_json(const Issue& issue);
[[nodiscard]] Json to_json(const Comment& comment);
[[nodiscard]] Json to_json(const Team& team);
[[nodiscard]] Json to_json(const PullRequest& pull);
[[nodiscard]] Json to_json(const ChangedFile& file);
[[nodiscard]] Json to_json(const Commit& commit);
[[nodiscard]] Json to_json(const Review& review);
[[nodiscard]] Json to_json(const CommitStatus& status);
[[nodiscard]] Json to_json(const CombinedStatus& combined);

// {key: [...]}
template <class T>
[[nodiscard]] Json json_list(const char* key, const std::vector<T>& all) {
  Json list = Json::array();
  for (const auto& each : all) list.push_back(to_json(each));
  return {{key, std::move(list)}};
}

[[nodiscard]] Json label_names(const std::vector<Label>& labels);
// "none", "read", "write", "admin", "owner".
[[nodiscard]] std::string_view name(Permission permission);

}  // namespace host
