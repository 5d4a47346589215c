// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string_view>

#include "services/forge_call.hpp"

namespace host {

class Gitea;

// What gitea/1 has for reading, by method. Each checks the grant and the parameters, and throws
// what is wrong with them; the reply comes once, on the loop. Loop thread. Private to services/.
using ForgeRead = void (*)(Gitea& gitea, const ForgeCall& call);
[[nodiscard]] const std::map<std::string_view, ForgeRead>& forge_reads();

}  // namespace host
