// SPDX-License-Identifier: Apache-2.0
#include "app/forge_survey.hpp"

#include <algorithm>

#include "app/forge_rows.hpp"
#include "config/json_schema.hpp"

namespace host {
namespace {

const std::map<std::string, ForgeOrder>& orders() {
  static const std::map<std::string, ForgeOrder> all{{"repo", ForgeOrder::repo},
                                                     {"newest", ForgeOrder::newest},
                                                     {"oldest", ForgeOrder::oldest},
                                                     {"updated", ForgeOrder::updated},
                                                     {"stale", ForgeOrder::stale}};
  return all;
}

// "\"opne\" is no state", with what there is and what was meant.
[[noreturn]] void refuse(const std::string& kind, const std::string& given,
                         const std::vector<std::string>& known) {
  std::string all;
  for (const auto& each : known) all += (all.empty() ? "" : ", ") + each;
  const auto meant = nearest(given, known);
  throw Error(
      Code::usage, "\"" + given + "\" is no " + kind,
      (meant.empty() ? "" : "Did you mean \"" + meant + "\"? ") + "Use one of: " + all + ".");
}

}  // namespace

ForgeOrder parse_order(const std::string& text) {
  if (const auto found = orders().find(text); found != orders().end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [name, order] : orders()) known.push_back(name);
  refuse("order", text, known);
}

void check_state(const std::string& state, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), state) == known.end()) refuse("state", state, known);
}

std::string_view state_of(const PullRequest& pull) {
  return pull.merged ? "merged" : pull.state == "open" ? "open" : "closed";
}

ReviewState review_state(const std::vector<Review>& reviews) {
  // Oldest first, so that a later word takes an earlier one's place; one that was dismissed takes
  // it back.
  std::map<std::string, const Review*> last;
  for (const auto& review : reviews)
    if (!review.user.empty() && (review.state == "APPROVED" || review.state == "REQUEST_CHANGES"))
      last[review.user] = &review;
  ReviewState state;
  for (const auto& [login, review] : last) {
    if (review->dismissed) continue;
    (review->state == "APPROVED" ? state.approved : state.changes_requested).push_back(login);
    if (review->stale) state.stale.push_back(login);
  }
  return state;
}

}  // namespace host
