// SPDX-License-Identifier: Apache-2.0
#include "round_robin.hpp"

#include <algorithm>

#include "digest.hpp"

namespace triage {
namespace {

// Names of rules may be longer than keys.
std::string key_of(const std::string& rule) { return "turn/" + digest(rule); }

}  // namespace

std::string whose_turn(const Names& logins, const Turn& last, const std::string& issue) {
  const auto at = std::find_if(logins.begin(), logins.end(), [&](const std::string& login) {
    return same_login(login, last.login);
  });
  if (at == logins.end()) return logins.front();
  if (last.issue == issue) return *at;
  return at + 1 == logins.end() ? logins.front() : *(at + 1);
}

Turn Turns::get(const std::string& rule) const {
  const auto kept = state_.get(key_of(rule));
  if (!kept) return {};
  return {kept->value("login", ""), kept->value("issue", "")};
}

void Turns::set(const std::string& rule, const Turn& turn) const {
  if (turn.login.empty()) return state_.put_now(key_of(rule), nullptr);
  state_.put_now(key_of(rule), {{"login", turn.login}, {"issue", turn.issue}});
}

}  // namespace triage
