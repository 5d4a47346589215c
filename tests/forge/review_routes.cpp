// SPDX-License-Identifier: Apache-2.0
//
// Reviews of pull requests, and who was asked for one.
#include <algorithm>

#include "forge/exchange.hpp"

namespace host::forge {
namespace {

struct Found {
  Issue& issue;
  Pull& pull;
};

Found find(const Exchange& exchange) {
  Issue* issue = exchange.issue(2);
  const auto at =
      issue == nullptr ? exchange.repo->pulls.end() : exchange.repo->pulls.find(issue->number);
  if (at == exchange.repo->pulls.end()) throw not_found(exchange.state);
  return {*issue, at->second};
}

ServerResponse list_reviews(Exchange& exchange) {
  const auto found = find(exchange);
  return paged(
      exchange, found.pull.reviews,
      [&](const Review& review) {
        return review_json(exchange.state, *exchange.repo, found.issue, found.pull, review);
      },
      false);
}

// A word that is no event, "APPROVE" for one, makes a review that stays pending.
std::string state_of(const Exchange& exchange, const Issue& issue, const std::string& event,
                     const std::string& body) {
  const auto no = [&](const std::string& why) { return refused(exchange.state, 422, why); };
  const bool own = lower(issue.login) == lower(exchange.doer->login);
  if (event == "APPROVED" && own) throw no("approve your own pull is not allowed");
  if (event == "REQUEST_CHANGES" && own) throw no("reject your own pull is not allowed");
  if (event != "APPROVED" && body.find_first_not_of(" \t\r\n") == std::string::npos)
    throw no("review event " + event + " requires a body or a comment");
  const bool known = event == "APPROVED" || event == "REQUEST_CHANGES" || event == "COMMENT";
  return known ? event : "PENDING";
}

ServerResponse create_review(Exchange& exchange) {
  const Bound body(exchange, "CreatePullReviewOptions");
  const auto [issue, pull] = find(exchange);
  const auto text = body.text("body").value_or("");
  const auto state = state_of(exchange, issue, body.text("event").value_or(""), text);
  if (issue.closed && state != "COMMENT")
    throw refused(exchange.state, 422, "can't submit review for a closed or merged PR");
  const auto commit = body.text("commit_id").value_or("");
  std::erase(pull.requested, exchange.doer->login);
  issue.updated = exchange.state.now();
  const bool official = exchange.writer() && (state == "APPROVED" || state == "REQUEST_CHANGES");
  const Review& made = pull.reviews.emplace_back(
      Review{exchange.state.next_id(), exchange.doer->login, state, text,
             commit.empty() ? ForgeState::head_of(*exchange.repo, pull) : commit, official,
             exchange.state.now()});
  return json_reply(200, review_json(exchange.state, *exchange.repo, issue, pull, made));
}

ServerResponse request_reviewers(Exchange& exchange) {
  const Bound body(exchange, "PullReviewRequestOptions");
  const auto [issue, pull] = find(exchange);
  for (const auto& name : body.texts("reviewers").value_or(std::vector<std::string>{})) {
    const User* user = exchange.state.user(name);
    if (user == nullptr) throw not_found(exchange.state, "user doesn't exist: " + name);
    if (lower(user->login) == lower(issue.login))
      throw refused(exchange.state, 422, "poster of pr can't be reviewer [user_id: 1, repo_id: 1]");
    if (issue.closed) throw refused(exchange.state, 403, "cannot request review on closed PR");
    if (std::find(pull.requested.begin(), pull.requested.end(), user->login) !=
        pull.requested.end())
      continue;
    pull.requested.push_back(user->login);
    issue.updated = exchange.state.now();
  }
  return json_reply(201, Json::array());
}

}  // namespace

const std::vector<Route>& review_routes() {
  constexpr unsigned kWrite = kRepo | kToken;
  static const std::vector<Route> kRoutes = {
      {"GET", "/repos/{}/{}/pulls/{}/reviews", "repository", kRepo, list_reviews},
      {"POST", "/repos/{}/{}/pulls/{}/reviews", "repository", kWrite, create_review},
      {"POST", "/repos/{}/{}/pulls/{}/requested_reviewers", "repository", kWrite,
       request_reviewers},
  };
  return kRoutes;
}

}  // namespace host::forge
