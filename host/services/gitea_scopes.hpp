// SPDX-License-Identifier: Apache-2.0
//
// Which scopes the host's token must have for what plugins may ask of gitea/1.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gitea/types.hpp"
#include "plugins/grants.hpp"

namespace host {

// By method, the scopes of all requests that it may take to carry it out. Writing is reading too.
[[nodiscard]] const std::map<std::string_view, std::vector<std::string_view>>& forge_scopes();

// Whether a plugin with these grants may ask anything of the forge.
[[nodiscard]] bool may_ask_forge(const Grants& grants);

struct MissingScope {
  std::string scope;                 // "write:issue"
  std::vector<std::string> methods;  // that would fail: "add_labels"
};
// What a plugin with these grants could call in vain, by scope. `writes`: its writes are sent, and
// not only rehearsed.
[[nodiscard]] std::vector<MissingScope> missing_scopes(const Grants& grants, bool writes,
                                                       const TokenScopes& token);

}  // namespace host
