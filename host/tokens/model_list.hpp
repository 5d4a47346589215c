// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "http/client.hpp"
#include "tokens/routes.hpp"

namespace host {

struct ListedModel {
  std::string id;
  std::int64_t created = 0;  // seconds since 1970; 0: not told
  std::string owned_by;
};

// GET /models of the route's upstream.
[[nodiscard]] HttpRequest model_list_request(const ModelRoute& route,
                                             const std::optional<std::string>& authorization);

// Of what the upstream answered, the models that the route carries and that are not banned, by id;
// where it did not, those that the route names in full.
[[nodiscard]] std::vector<ListedModel> carried_models(const ModelRoute& route,
                                                      const BannedModels& banned,
                                                      const Result<HttpResponse>& answer);

}  // namespace host
