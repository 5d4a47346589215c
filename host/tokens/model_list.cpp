// SPDX-License-Identifier: Apache-2.0
#include "tokens/model_list.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/json.hpp"

namespace host {
namespace {

constexpr std::size_t kListCap = std::size_t{4} << 20;

bool carries(const ModelRoute& route, const BannedModels& banned, const std::string& id) {
  try {
    (void)choose_model(route, banned, id);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::vector<ListedModel> offered(const HttpResponse& response) {
  std::vector<ListedModel> all;
  const Json list = parse_json(response.body, "the list of models");
  for (const auto& each : list.at("data")) {
    ListedModel model{each.at("id").get<std::string>(), 0, {}};
    if (const auto created = each.find("created");
        created != each.end() && created->is_number_integer())
      model.created = created->get<std::int64_t>();
    if (const auto owner = each.find("owned_by"); owner != each.end() && owner->is_string())
      model.owned_by = owner->get<std::string>();
    all.push_back(std::move(model));
  }
  return all;
}

std::vector<ListedModel> named(const ModelRoute& route) {
  std::vector<ListedModel> all;
  for (const auto& each : route.models)
    if (each.find_first_of("*?") == std::string::npos) all.push_back({each, 0, route.provider});
  return all;
}

}  // namespace

HttpRequest model_list_request(const ModelRoute& route,
                               const std::optional<std::string>& authorization) {
  HttpRequest request;
  request.url = upstream_url(route, "/models");
  request.headers = {{"accept", "application/json"}};
  if (authorization) request.headers.emplace_back("authorization", *authorization);
  request.body_cap = kListCap;
  return request;
}

std::vector<ListedModel> carried_models(const ModelRoute& route, const BannedModels& banned,
                                        const Result<HttpResponse>& answer) {
  std::vector<ListedModel> all = named(route);
  try {
    if (answer.ok() && answer.value().status == 200) all = offered(answer.value());
  } catch (const std::exception&) {
    // No list: what the operator wrote stands.
  }
  std::erase_if(all, [&](const ListedModel& each) { return !carries(route, banned, each.id); });
  std::sort(all.begin(), all.end(),
            [](const ListedModel& a, const ListedModel& b) { return a.id < b.id; });
  return all;
}

}  // namespace host
