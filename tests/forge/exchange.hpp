// SPDX-License-Identifier: Apache-2.0
//
// One request on its way through the forge: who asks, for what, with which body.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "forge/reply.hpp"
#include "forge/state.hpp"
#include "http/server.hpp"

namespace host::forge {

struct Exchange {
  ForgeState& state;
  const ServerRequest& request;
  std::vector<std::string> parameters;  // of the route, in order
  const User* doer = nullptr;           // nullptr: anonymous
  const Token* token = nullptr;
  Repo* repo = nullptr;  // where the route names one
  Access access = Access::none;

  [[nodiscard]] const std::string& parameter(std::size_t index) const {
    return parameters.at(index);
  }
  // A query value; empty if it isn't there.
  [[nodiscard]] std::string query(const std::string& name) const {
    const auto at = request.query.find(name);
    return at == request.query.end() ? "" : at->second;
  }
  // The issue that a parameter names, or nullptr. Text that is no number is 0, which no issue has.
  [[nodiscard]] Issue* issue(std::size_t index) const;
  [[nodiscard]] bool writer() const { return access >= Access::write; }
};

// A positive number, else 0, as the handlers of Gitea read a path segment.
[[nodiscard]] std::int64_t path_number(const std::string& text);

// The page of `all` that was asked for, each element made by `show`, with the counts.
template <class All, class Show>
[[nodiscard]] ServerResponse paged(const Exchange& exchange, const All& all, Show show, bool link) {
  const auto page = page_of(exchange.state, exchange.request);
  Json shown = Json::array();
  for (auto i = page.first; i < all.size() && i < page.first + page.count; ++i)
    shown.push_back(show(all[i]));
  auto response = json_reply(200, shown);
  add_counts(response, exchange.state, exchange.request, page, all.size(), link);
  return response;
}

// Throws the answer of a server that does not have this route yet.
inline void needs_newest(const Exchange& exchange) {
  if (!exchange.state.settings.newest) throw Refused{unknown_route()};
}

// "#0ab", "0ab", "#00aabb" and "00aabb" are colours. Throws Refused 422 on anything else.
[[nodiscard]] std::string color_of(const ForgeState& state, const std::string& text);

// The body as go-chi/binding reads it into a struct: JSON by its content type, a form by its own,
// anything else refused with 422. `type` is the Go name that messages carry.
class Bound {
 public:
  Bound(const Exchange& exchange, std::string type);

  // What is there, or nullopt; null counts as absent. Throws Refused 422 on another JSON type.
  [[nodiscard]] std::optional<std::string> text(const std::string& name) const;
  [[nodiscard]] std::optional<bool> flag(const std::string& name) const;
  [[nodiscard]] std::optional<std::int64_t> number(const std::string& name) const;
  [[nodiscard]] std::optional<std::vector<std::int64_t>> numbers(const std::string& name) const;
  [[nodiscard]] std::optional<std::vector<std::string>> texts(const std::string& name) const;
  // Any JSON array; `wanted` is its Go type.
  [[nodiscard]] std::vector<Json> values(const std::string& name, const std::string& wanted) const;
  // Throws Refused 422 "[Title]: Required" when it is absent or empty. `field` is the Go name.
  [[nodiscard]] std::string required(const std::string& name, const std::string& field) const;

 private:
  [[nodiscard]] const Json* find(const std::string& name) const;
  [[nodiscard]] Refused wrong(const Json& value, const std::string& name,
                              const std::string& wanted) const;
  const ForgeState* state_;
  std::string type_;
  Json body_ = Json::object();
};

// A row of the route table. Checks come in this order: scope, repository, issues switched on,
// token, archived, then the handler.
struct Route {
  using Handler = ServerResponse (*)(Exchange&);
  const char* method;
  // "/repos/{}/{}/issues"; the first two parameters of a repo route name it. "*": all the rest.
  const char* pattern;
  const char* scope;  // "issue"; "user repository": both; empty: none
  unsigned checks;
  Handler handler;
};
inline constexpr unsigned kRepo = 1, kIssues = 2, kToken = 4, kNotArchived = 8;

[[nodiscard]] const std::vector<Route>& account_routes();
[[nodiscard]] const std::vector<Route>& repo_routes();
[[nodiscard]] const std::vector<Route>& issue_routes();
[[nodiscard]] const std::vector<Route>& label_routes();
[[nodiscard]] const std::vector<Route>& team_routes();
[[nodiscard]] const std::vector<Route>& code_routes();
[[nodiscard]] const std::vector<Route>& assignee_routes();
[[nodiscard]] const std::vector<Route>& pull_routes();
[[nodiscard]] const std::vector<Route>& review_routes();

// Whose token the request carries; empty: nobody's.
[[nodiscard]] std::string login_of(const ForgeState& state, const ServerRequest& request);

// Answers one API request, changing the state. Never throws.
[[nodiscard]] ServerResponse answer(ForgeState& state, const ServerRequest& request);

}  // namespace host::forge
