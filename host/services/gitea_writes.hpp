// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "services/forge_call.hpp"

namespace host {

class Gitea;

// A write that a plugin asked for: granted, its parameters checked, not sent yet.
struct ForgeWrite {
  std::string target;  // "org/app#12", "org/app label bug", "org/app@SHA"
  // Each replies once, on the loop.
  std::function<void(Reply<Json>)> send;
  // Answers as send() would, as far as reading tells, and changes nothing.
  std::function<void(Reply<Json>)> rehearse;
};

// What gitea/1 has for writing, by method. Each throws what is wrong with the call. Loop thread;
// the forge outlives what is returned. Private to services/.
using PrepareWrite = ForgeWrite (*)(Gitea& gitea, const ForgeCall& call);
[[nodiscard]] const std::map<std::string_view, PrepareWrite>& forge_writes();

}  // namespace host
