// SPDX-License-Identifier: Apache-2.0
//
// The server itself, users and organisations.
#include "forge/exchange.hpp"

namespace host::forge {
namespace {

ServerResponse version(Exchange& exchange) {
  return json_reply(200, {{"version", exchange.state.settings.version}});
}

ServerResponse api_settings(Exchange& exchange) {
  const auto& settings = exchange.state.settings;
  return json_reply(200, {{"max_response_items", settings.max_response_items},
                          {"default_paging_num", settings.default_paging_num},
                          {"default_git_trees_per_page", 1000},
                          {"default_max_blob_size", 10485760},
                          {"default_max_response_size", 104857600}});
}

ServerResponse whoami(Exchange& exchange) {
  return json_reply(200, user_json(exchange.state, *exchange.doer));
}

ServerResponse get_user(Exchange& exchange) {
  const auto& login = exchange.parameter(0);
  const User* found = exchange.state.user(login);
  if (found == nullptr)
    throw refused(exchange.state, 404, "user redirect does not exist [name: " + login + "]");
  return json_reply(200, user_json(exchange.state, *found));
}

User& find_organisation(Exchange& exchange) {
  const auto& login = exchange.parameter(0);
  User* found = exchange.state.user(login);
  if (found == nullptr || !found->organisation)
    throw not_found(exchange.state, "user redirect does not exist [name: " + login + "]",
                    "GetOrgByName");
  return *found;
}

// Only owners change an organisation.
User& own_organisation(Exchange& exchange) {
  User& found = find_organisation(exchange);
  for (const auto& owner : found.owners)
    if (lower(owner) == lower(exchange.doer->login)) return found;
  throw refused(exchange.state, 403, "Must be an organization owner");
}

ServerResponse get_organisation(Exchange& exchange) {
  return json_reply(200, organisation_json(exchange.state, find_organisation(exchange)));
}

ServerResponse create_organisation(Exchange& exchange) {
  const Bound body(exchange, "CreateOrgOption");
  const auto login = body.required("username", "UserName");
  if (exchange.state.user(login) != nullptr)
    throw refused(exchange.state, 422, "user already exists [name: " + login + "]");
  const User& made = exchange.state.add_organisation(login, {exchange.doer->login});
  return json_reply(201, organisation_json(exchange.state, made));
}

ServerResponse delete_organisation(Exchange& exchange) {
  auto& state = exchange.state;
  const auto login = lower(own_organisation(exchange).login);
  for (const auto& [name, repo] : state.repos)
    if (lower(repo.owner) == login) throw refused(state, 500, "");  // it still owns repositories
  state.users.erase(login);
  state.org_labels.erase(login);
  return empty_reply(204);
}

ServerResponse list_organisation_labels(Exchange& exchange) {
  const auto login = find_organisation(exchange).login;
  const auto page = page_of(exchange.state, exchange.request);
  const auto& labels = exchange.state.org_labels[lower(login)];
  Json all = Json::array();
  for (auto i = page.first; i < labels.size() && i < page.first + page.count; ++i)
    all.push_back(label_json(exchange.state, nullptr, login, labels[i]));
  auto response = json_reply(200, all);
  add_counts(response, exchange.state, exchange.request, page, labels.size(), false);
  return response;
}

ServerResponse create_organisation_label(Exchange& exchange) {
  const auto login = own_organisation(exchange).login;
  const Bound body(exchange, "CreateLabelOption");
  const auto name = body.required("name", "Name");
  const auto color = color_of(exchange.state, body.required("color", "Color"));
  Label& made = exchange.state.add_organisation_label(login, name);
  made.color = color;
  return json_reply(201, label_json(exchange.state, nullptr, login, made));
}

}  // namespace

const std::vector<Route>& account_routes() {
  static const std::vector<Route> kRoutes = {
      {"GET", "/version", "", 0, version},
      {"GET", "/settings/api", "", 0, api_settings},
      {"GET", "/user", "user", kToken, whoami},
      {"GET", "/users/{}", "user", 0, get_user},
      {"POST", "/orgs", "organization", kToken, create_organisation},
      {"GET", "/orgs/{}", "organization", 0, get_organisation},
      {"DELETE", "/orgs/{}", "organization", kToken, delete_organisation},
      {"GET", "/orgs/{}/labels", "organization", 0, list_organisation_labels},
      {"POST", "/orgs/{}/labels", "organization", kToken, create_organisation_label},
  };
  return kRoutes;
}

}  // namespace host::forge
