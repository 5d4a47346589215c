// SPDX-License-Identifier: Apache-2.0
//
// playbooks/1 in memory. Part of timmy/testing.hpp, and what holds for all of that holds here.
// Since SDK 1.1.
#pragma once

#include <timmy/failure.hpp>
#include <timmy/job.hpp>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace timmy::testing {

// A host's dispatcher. Nobody works on what is dispatched: a test says how each item stands. Change
// and look at any member between runs.
class Dispatch {
 public:
  std::set<std::string> playbooks;  // that are on
  std::vector<Json> items;          // as docs/services.md has them; the first is item 1

  // Answers a method of playbooks/1. Throws what a caller in a plugin would see.
  [[nodiscard]] Json answer(std::string_view method, const Json& params) {
    if (method == "status") return find(params.at("item").get<std::int64_t>());
    if (method != "dispatch")
      throw Permanent("usage", "playbooks/1 has no method \"" + std::string(method) + "\"");
    const std::string name = params.at("name"), repository = params.at("repository");
    const std::int64_t issue = params.at("issue");
    if (!playbooks.contains(name)) throw Permanent("usage", "there is no playbook " + name);
    for (const auto& item : items)
      if (item["repository"] == repository && item["issue"] == issue && live(item))
        throw Permanent("conflict", "an item works on it already");
    const auto number = static_cast<std::int64_t>(items.size()) + 1;
    items.push_back({{"item", number},
                     {"playbook", name},
                     {"repository", repository},
                     {"issue", issue},
                     {"gate", "intake"},
                     {"state", "waiting"},
                     {"reason", ""},
                     {"pull", nullptr}});
    return items.back();
  }

 private:
  static bool live(const Json& item) {
    return item["state"] == "waiting" || item["state"] == "running";
  }
  [[nodiscard]] const Json& find(std::int64_t number) const {
    if (number < 1 || number > static_cast<std::int64_t>(items.size()))
      throw Permanent("not_found", "there is no item " + std::to_string(number));
    return items[static_cast<std::size_t>(number) - 1];
  }
};

}  // namespace timmy::testing
