// SPDX-License-Identifier: Apache-2.0
#include "tokens/route_keys.hpp"

#include <utility>

namespace host {

std::optional<std::string> RouteKeys::authorization(const ModelRoute& route) {
  if (!route.credential_file) return std::nullopt;
  const auto& file = *route.credential_file;
  auto found = sources_.find(file);
  if (found == sources_.end())
    found =
        sources_
            .emplace(file,
                     Source{TokenSource({file}, redactor_,
                                        "credential of the model route \"" + route.name + "\"")})
            .first;
  auto& [tokens, known] = found->second;
  const Secret& key = tokens.get();
  if (std::exchange(known, tokens.generation()) != tokens.generation()) sent_.add(key);
  return "Bearer " + key.expose();
}

}  // namespace host
