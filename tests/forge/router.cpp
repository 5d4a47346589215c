// SPDX-License-Identifier: Apache-2.0
//
// From a request to its handler, through the checks that Gitea makes on the way.
#include <algorithm>
#include <sstream>

#include "forge/exchange.hpp"

namespace host::forge {
namespace {

using Segments = std::vector<std::string>;

// The segments behind /api/v1, without empty ones: Gitea folds "//" and drops a trailing '/'.
std::optional<Segments> api_path(const ServerRequest& request) {
  Segments path;
  for (const auto& segment : request.segments)
    if (!segment.empty()) path.push_back(segment);
  if (path.size() < 2 || path[0] != "api" || path[1] != "v1") return std::nullopt;
  path.erase(path.begin(), path.begin() + 2);
  return path;
}

// The parameters, if the pattern fits.
std::optional<Segments> fit(std::string_view pattern, const Segments& path) {
  Segments parameters;
  std::size_t index = 0;
  while (!pattern.empty()) {
    pattern.remove_prefix(1);  // '/'
    const auto piece = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(piece.size());
    if (piece == "*") {  // the rest, as one
      std::string rest;
      for (; index < path.size(); ++index) rest += (rest.empty() ? "" : "/") + path[index];
      if (rest.empty()) return std::nullopt;
      parameters.push_back(rest);
      continue;
    }
    if (index == path.size() || (piece != "{}" && piece != path[index])) return std::nullopt;
    if (piece == "{}") parameters.push_back(path[index]);
    ++index;
  }
  return index == path.size() ? std::optional(parameters) : std::nullopt;
}

struct Match {
  const Route* route = nullptr;
  Segments parameters;
  std::vector<std::string> allowed;  // methods, when none of them is the request's
};

// Literal segments win over parameters, as in chi.
Match match(const Segments& path, const std::string& method) {
  Match best;
  for (const auto* table :
       {&account_routes(), &team_routes(), &repo_routes(), &code_routes(), &issue_routes(),
        &assignee_routes(), &label_routes(), &pull_routes(), &review_routes()}) {
    for (const auto& route : *table) {
      auto parameters = fit(route.pattern, path);
      if (!parameters) continue;
      best.allowed.emplace_back(route.method);
      if (method != route.method) continue;
      if (best.route != nullptr && best.parameters.size() <= parameters->size()) continue;
      best.route = &route, best.parameters = std::move(*parameters);
    }
  }
  return best;
}

// "token X" or "Bearer X"; anything else is nobody.
std::optional<std::string> token_of(const ServerRequest& request) {
  const auto* header = request.header("authorization");
  if (header == nullptr) return std::nullopt;
  const auto space = header->find(' ');
  if (space == std::string::npos || header->find(' ', space + 1) != std::string::npos)
    return std::nullopt;
  const auto scheme = lower(std::string_view(*header).substr(0, space));
  if (scheme != "token" && scheme != "bearer") return std::nullopt;
  return header->substr(space + 1);
}

void authenticate(Exchange& exchange) {
  const auto text = token_of(exchange.request);
  if (!text) return;
  const auto at = exchange.state.tokens.find(*text);
  if (at == exchange.state.tokens.end())
    throw refused(exchange.state, 401, "invalid username, password or token");
  exchange.token = &at->second;
  exchange.doer = exchange.state.user(at->second.login);
}

std::string joined(const std::vector<std::string>& parts) {
  std::string all;
  for (const auto& part : parts) all += (all.empty() ? "" : ",") + part;
  return all;
}

void check_scope(const Exchange& exchange, const std::string& category) {
  if (exchange.token == nullptr) return;
  const auto& scopes = exchange.token->scopes;
  const auto has = [&](const std::string& scope) {
    return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
  };
  const bool reads = exchange.request.method == "GET";
  if (has("all") || has("write:" + category) || (reads && has("read:" + category))) return;
  throw refused(exchange.state, 403,
                "token does not have at least one of required scope(s), required=[" +
                    std::string(reads ? "read:" : "write:") + category +
                    "], token scope=" + joined(scopes));
}

std::string escaped(std::string text) {
  for (auto at = text.find('&'); at != std::string::npos; at = text.find('&', at + 1))
    text.insert(at + 1, "amp;");
  return text;
}

// A redirect that keeps the query, as a path on the same host.
Refused moved(const Exchange& exchange, int status, const std::string& from,
              const std::string& to) {
  auto target = exchange.request.target;
  const auto at = lower(target).find("/" + lower(from));
  if (at != std::string::npos) target.replace(at + 1, from.size(), to);
  ServerResponse response{status, {{"Location", target}}, "", std::nullopt};
  if (exchange.request.method == "GET") {
    response.headers.emplace_back("Content-Type", "text/html; charset=utf-8");
    response.body = "<a href=\"" + escaped(target) + "\">" +
                    (status == 301 ? "Moved Permanently" : "Temporary Redirect") + "</a>.\n\n";
  }
  return {response};
}

void assign_repo(Exchange& exchange) {
  auto& state = exchange.state;
  const auto& owner = exchange.parameter(0);
  const auto full_name = owner + "/" + exchange.parameter(1);
  if (const auto to = state.renamed_users.find(lower(owner)); to != state.renamed_users.end())
    throw moved(exchange, 307, owner, to->second);
  if (state.user(owner) == nullptr)
    throw not_found(state, "user redirect does not exist [name: " + owner + "]", "GetUserByName");
  exchange.repo = state.repo(full_name);
  if (exchange.repo == nullptr) {
    const auto to = state.renamed_repos.find(lower(full_name));
    if (to == state.renamed_repos.end() || state.repo(to->second) == nullptr)
      throw not_found(state);
    throw moved(exchange, 301, full_name, to->second);
  }
  exchange.access = state.access(exchange.doer, *exchange.repo);
  if (exchange.access == Access::none) throw not_found(state);
}

ServerResponse handle(Exchange& exchange, const Route& route) {
  const auto& state = exchange.state;
  authenticate(exchange);
  std::istringstream categories(route.scope);
  for (std::string category; categories >> category;) check_scope(exchange, category);
  if ((route.checks & kRepo) != 0) assign_repo(exchange);
  if ((route.checks & kIssues) != 0 && !exchange.repo->issues_on) throw not_found(state);
  if ((route.checks & kToken) != 0 && exchange.doer == nullptr)
    throw refused(state, 401, "token is required");
  if ((route.checks & kNotArchived) != 0 && exchange.repo->archived)
    throw refused(state, 423, exchange.repo->full_name() + " is archived");
  return route.handler(exchange);
}

ServerResponse not_allowed(const Match& found) {
  ServerResponse response = empty_reply(405);
  for (const auto& method : found.allowed) response.headers.emplace_back("Allow", method);
  return response;
}

}  // namespace

std::string login_of(const ForgeState& state, const ServerRequest& request) {
  const auto text = token_of(request);
  const auto at = text ? state.tokens.find(*text) : state.tokens.end();
  return at == state.tokens.end() ? "" : at->second.login;
}

ServerResponse answer(ForgeState& state, const ServerRequest& request) {
  const auto path = api_path(request);
  if (!path) return unknown_route();
  if (state.settings.maintenance)
    return {503,
            {{"Content-Type", "text/plain; charset=utf-8"}},
            "Service Unavailable\n",
            std::nullopt};
  auto found = match(*path, request.method);
  if (found.route == nullptr) return found.allowed.empty() ? unknown_route() : not_allowed(found);
  Exchange exchange{state, request, std::move(found.parameters)};
  try {
    return handle(exchange, *found.route);
  } catch (const Refused& refusal) {
    return refusal.response;
  }
}

}  // namespace host::forge
