// SPDX-License-Identifier: Apache-2.0
//
// playbooks/1: work for agents. What holds for all of timmy/services.hpp holds here. Since SDK 1.1.
#pragma once

#include <timmy/caller.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace timmy {

// An issue in the hands of an agent.
struct WorkItem {
  std::int64_t item = 0;  // its number; 0 in a dry run, which takes nothing
  std::string playbook;
  std::string repository;  // "owner/name"
  std::int64_t issue = 0;
  std::string gate;    // "intake", "triage", "route", "track", "verify", "report"
  std::string state;   // "waiting", "running"; ended: "done", "declined", "failed", "stopped"
  std::string reason;  // why it waits, or how it ended; may be empty
  std::optional<std::int64_t> pull;  // its pull request, once there is one

  [[nodiscard]] bool ended() const { return state != "waiting" && state != "running"; }

  [[nodiscard]] static WorkItem from(const Json& json) {
    WorkItem item;
    if (const Json& number = json.at("item"); number.is_number())
      item.item = number.get<std::int64_t>();
    item.playbook = json.value("playbook", "");
    item.repository = json.value("repository", "");
    item.issue = json.value("issue", std::int64_t{0});
    item.gate = json.value("gate", "");
    item.state = json.value("state", "");
    item.reason = json.value("reason", "");
    if (const auto pull = json.find("pull"); pull != json.end() && pull->is_number())
      item.pull = pull->get<std::int64_t>();
    return item;
  }
};

// Needs playbooks.dispatch for the playbook's name.
class Playbooks {
 public:
  explicit Playbooks(Caller caller) : caller_(caller) {}

  // Has the playbook take the issue or pull request; durable when it returns, whatever becomes of
  // this run. The playbook must be on and meant for the repository; labels, author and assignees
  // don't count. Permanent "conflict" when somebody works on it already, or it is closed.
  WorkItem dispatch(const std::string& name, const std::string& repository,
                    std::int64_t issue) const {
    return WorkItem::from(caller_.call(
        "playbooks/1.dispatch", {{"name", name}, {"repository", repository}, {"issue", issue}}));
  }

  // Permanent "not_found" when there is none, or it is forgotten.
  [[nodiscard]] WorkItem status(std::int64_t item) const {
    return WorkItem::from(caller_.call("playbooks/1.status", {{"item", item}}));
  }

 private:
  Caller caller_;
};

}  // namespace timmy
