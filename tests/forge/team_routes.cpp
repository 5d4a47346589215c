// SPDX-License-Identifier: Apache-2.0
//
// Teams of organisations, and what a token says about itself.
#include <algorithm>

#include "forge/exchange.hpp"

namespace host::forge {
namespace {

bool contains(const std::vector<std::string>& logins, const std::string& login) {
  return std::any_of(logins.begin(), logins.end(),
                     [&](const std::string& each) { return lower(each) == lower(login); });
}

User& find_organisation(const Exchange& exchange, const std::string& login) {
  User* found = exchange.state.user(login);
  if (found == nullptr || !found->organisation)
    throw not_found(exchange.state, "user redirect does not exist [name: " + login + "]",
                    "GetOrgByName");
  return *found;
}

// Members of an organisation are its owners and whoever is in one of its teams.
void must_belong(const Exchange& exchange, const User& organisation) {
  bool belongs = contains(organisation.owners, exchange.doer->login);
  for (const auto& [id, team] : exchange.state.teams)
    belongs = belongs || (lower(team.organisation) == lower(organisation.login) &&
                          contains(team.members, exchange.doer->login));
  if (!belongs) throw refused(exchange.state, 403, "Must be an organization member");
}

void must_own(const Exchange& exchange, const User& organisation) {
  if (!contains(organisation.owners, exchange.doer->login))
    throw refused(exchange.state, 403, "Must be an organization owner");
}

// The owners are a team of every organisation.
ServerResponse list_teams(Exchange& exchange) {
  const User& organisation = find_organisation(exchange, exchange.parameter(0));
  must_belong(exchange, organisation);
  std::vector<Team> all{{organisation.id, organisation.login, "Owners", organisation.owners}};
  for (const auto& [id, team] : exchange.state.teams)
    if (lower(team.organisation) == lower(organisation.login)) all.push_back(team);
  return paged(
      exchange, all, [&](const Team& team) { return team_json(exchange.state, team); }, false);
}

ServerResponse create_team(Exchange& exchange) {
  const User& organisation = find_organisation(exchange, exchange.parameter(0));
  must_own(exchange, organisation);
  const Bound body(exchange, "CreateTeamOption");
  const Team& made = exchange.state.add_team(organisation.login, body.required("name", "Name"));
  return json_reply(201, team_json(exchange.state, made));
}

Team& find_team(const Exchange& exchange) {
  const auto at = exchange.state.teams.find(path_number(exchange.parameter(0)));
  if (at == exchange.state.teams.end()) throw not_found(exchange.state);
  return at->second;
}

ServerResponse list_members(Exchange& exchange) {
  const Team& team = find_team(exchange);
  must_belong(exchange, find_organisation(exchange, team.organisation));
  return paged(
      exchange, team.members,
      [&](const std::string& login) {
        return user_json(exchange.state, *exchange.state.user(login));
      },
      false);
}

ServerResponse add_member(Exchange& exchange) {
  Team& team = find_team(exchange);
  must_own(exchange, find_organisation(exchange, team.organisation));
  const User* user = exchange.state.user(exchange.parameter(1));
  if (user == nullptr) throw not_found(exchange.state);
  if (!contains(team.members, user->login)) team.members.push_back(user->login);
  return empty_reply(204);
}

ServerResponse get_token(Exchange& exchange) {
  needs_newest(exchange);
  return json_reply(200, {{"id", 1},
                          {"name", "t"},
                          {"scopes", exchange.token->scopes},
                          {"user", {{"id", exchange.doer->id}, {"login", exchange.doer->login}}}});
}

// There is nobody whom this forge lets one follow.
ServerResponse unfollow(Exchange& exchange) {
  const auto& login = exchange.parameter(0);
  if (exchange.state.user(login) == nullptr)
    throw not_found(exchange.state, "user redirect does not exist [name: " + login + "]",
                    "GetUserByName");
  return empty_reply(204);
}

}  // namespace

const std::vector<Route>& team_routes() {
  static const std::vector<Route> kRoutes = {
      {"GET", "/orgs/{}/teams", "organization", kToken, list_teams},
      {"POST", "/orgs/{}/teams", "organization", kToken, create_team},
      {"GET", "/teams/{}/members", "organization", kToken, list_members},
      {"PUT", "/teams/{}/members/{}", "organization", kToken, add_member},
      {"GET", "/token", "", kToken, get_token},
      {"DELETE", "/user/following/{}", "user", kToken, unfollow},
  };
  return kRoutes;
}

}  // namespace host::forge
