// SPDX-License-Identifier: Apache-2.0
#include "tokens/routes.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/glob.hpp"
#include "base/result.hpp"
#include "http/url.hpp"

namespace host {
namespace {

// Whether a variant or a version stands behind it: "gpt-4o:nitro", "claude@20240229".
bool is_dressed(std::string_view name) {
  auto mark = name.find_first_of(":@", 1);
  while (mark < name.size() && name[mark - 1] == '/') mark = name.find_first_of(":@", mark + 1);
  return mark < name.size();
}

// The entry of the route's list that carries it, or nullptr. Whatever upstreams let stand behind a
// name makes another account of it, which must be the operator's will: "*" doesn't reach it.
const std::string* carrying(const ModelRoute& route, std::string_view name) {
  const auto found = std::find_if(route.models.begin(), route.models.end(), [&](const auto& glob) {
    return matches_glob(folded(glob), name) && (is_dressed(glob) || !is_dressed(name));
  });
  return found == route.models.end() ? nullptr : &*found;
}

[[noreturn]] void refuse(const ModelRoute& route, const std::string& why,
                         const std::string& next_step) {
  throw Error(Code::invalid, "the model route \"" + route.name + "\" " + why, next_step);
}

std::string names_of(const std::vector<ModelRoute>& routes) {
  std::string names;
  for (const auto& each : routes) names += (names.empty() ? "" : ", ") + each.name;
  return names;
}

}  // namespace

const ModelRoute* ModelRoutes::find(std::string_view name) const {
  const auto found = std::find_if(routes.begin(), routes.end(),
                                  [&](const ModelRoute& each) { return each.name == name; });
  return found == routes.end() ? nullptr : &*found;
}

const ModelRoute& ModelRoutes::at(std::string_view name) const {
  if (const auto* route = find(name)) return *route;
  throw Error(Code::not_found, "there is no model route \"" + std::string(name) + "\"",
              routes.empty() ? "Add one to host.yaml under model: routes:"
                             : "There is " + names_of(routes) + ".");
}

const ModelRoute& ModelRoutes::pick(std::string_view name,
                                    const std::optional<std::string>& model) const {
  if (!name.empty() || routes.empty()) return at(name);
  std::vector<ModelRoute> fit;
  const ModelRoute* picked = nullptr;
  for (const auto& each : routes) {
    if (model && routes.size() > 1 && !attempt([&] { return choose_model(each, banned, *model); }))
      continue;
    fit.push_back(each);
    picked = &each;
  }
  if (fit.empty())
    throw Error(Code::not_found, "no route leads to the model \"" + *model + "\"",
                "There is " + names_of(routes) + ".");
  if (fit.size() > 1)
    throw Error(Code::usage, "by which route? There is " + names_of(fit), "Name one of them.");
  return *picked;
}

std::string upstream_url(const ModelRoute& route, std::string_view path) {
  std::string url = route.url;
  while (url.ends_with('/')) url.pop_back();
  return url.append(path);
}

void check_route(const ModelRoute& route) {
  const Url url = parse_url(route.url);
  if (url.has_credentials || !url.query.empty())
    refuse(route, "has a URL with credentials or a query",
           "Name the credential beside the URL, and end the URL with its path.");
  if (route.credential_file && url.scheme != "https" && !url.loopback())
    refuse(route, "would send its credential to " + url.authority() + " unencrypted", "Use https.");
  if (route.provider.empty() || plain_model_name(route.provider) != folded(route.provider))
    refuse(route, "names no provider", "Add provider: NAME, as the budget's prices name it.");
  if (route.models.empty())
    refuse(route, "carries no model", "Add models: [NAME, ...]; \"*\" is any.");
  if (route.max_output < Tokens(1) || route.bytes_per_token < 1)
    refuse(route, "has a max_output or bytes_per_token below 1",
           "Both are whole numbers from 1 on.");
}

ChosenModel choose_model(const ModelRoute& route, const BannedModels& banned,
                         std::string_view asked) {
  const auto name = plain_model_name(asked);
  const auto provider = folded(route.provider);
  const auto ban = banned.banning(provider, name);
  if (!ban.empty())
    throw Error(Code::denied,
                "the model \"" + std::string(asked) + "\" is banned on this host by " + ban,
                "Ask for another, or the operator (host.yaml, model: banned:).");
  const auto* entry = carrying(route, name);
  // Clients of many providers put the provider's name before the model's.
  const auto account = model_named(provider, name);
  const auto& own = account.model;
  if (entry == nullptr) {
    entry = carrying(route, own);
    asked.remove_prefix(name.size() - own.size());
  }
  if (entry == nullptr)
    throw Error(
        Code::not_found,
        "the model \"" + std::string(asked) + "\" is not on the route \"" + route.name + "\"",
        is_dressed(own) ? "What has a ':' or '@' is taken only by an entry of the route's models "
                          "that has one, too: \"" +
                              own + "\", or \"*:*\"."
                        : "GET /v1/models lists those that are.");
  // Upstreams may mind the case: the operator's spelling if there is one.
  const bool glob = entry->find_first_of("*?") != std::string::npos;
  return {account, glob ? std::string(asked) : *entry};
}

}  // namespace host
