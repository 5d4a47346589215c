// SPDX-License-Identifier: Apache-2.0
#include "app/model_routes.hpp"

namespace host {

std::shared_ptr<const ModelRoutes> model_routes(const HostConfig& config) {
  auto all = std::make_shared<ModelRoutes>();
  for (const auto& [name, settings] : config.model.routes) {
    ModelRoute route;
    route.name = name;
    route.url = settings.url;
    route.provider = settings.provider;
    if (!settings.credential.empty())
      route.credential_file = config.credentials.at(settings.credential);
    route.models = settings.models;
    if (route.models.empty()) route.models = {"*"};
    route.max_output = Tokens(settings.max_output);
    route.bytes_per_token = settings.bytes_per_token;
    check_route(route);
    all->routes.push_back(std::move(route));
  }
  all->banned = BannedModels(config.model.banned_providers, config.model.banned_models);
  return all;
}

}  // namespace host
