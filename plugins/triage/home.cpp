// SPDX-License-Identifier: Apache-2.0
#include "home.hpp"

#include "names.hpp"

namespace triage {
namespace {

std::string key_of(const std::string& repo) { return "id/" + lowered(repo); }

// A host before SDK 1.1 does not tell the number.
std::string word_for(const std::string& repo, std::int64_t id) {
  return id == 0 ? repo : std::to_string(id);
}

}  // namespace

std::string Homes::remembered(const std::string& repo) const {
  const auto kept = state_.get(key_of(repo));
  return kept && kept->is_number_integer() ? std::to_string(kept->get<std::int64_t>()) : "";
}

std::string Homes::known(const std::string& repo) const {
  auto home = remembered(repo);
  return home.empty() ? word_for(repo, gitea_.get_repo(repo).id) : home;
}

std::string Homes::now(const std::string& repo, std::int64_t id) const {
  if (id == 0) id = gitea_.get_repo(repo).id;
  auto home = word_for(repo, id);
  if (id != 0 && home != remembered(repo)) state_.put_now(key_of(repo), id);
  return home;
}

}  // namespace triage
