// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dispatch/lanes.hpp"
#include "dispatch/playbook.hpp"
#include "dispatch/selection.hpp"

namespace host::dispatch {

// The playbooks and lanes that are in force, as host.yaml has them. Immutable; a reload brings a
// new one.
class DispatchRules {
 public:
  struct Entry {
    std::shared_ptr<const Playbook> playbook;
    bool enabled = false;
    std::vector<std::string> repositories;  // globs, instead of the playbook's own; empty: those
  };
  DispatchRules() = default;
  DispatchRules(std::vector<Entry> entries, Lanes lanes)
      : entries_(std::move(entries)), lanes_(std::move(lanes)) {}

  [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }
  [[nodiscard]] const Lanes& lanes() const noexcept { return lanes_; }

  // Null: there is none of that name, or its file is wrong.
  [[nodiscard]] const Entry* find(const std::string& name) const {
    for (const auto& entry : entries_)
      if (entry.playbook->name == name) return &entry;
    return nullptr;
  }

  // The globs of all that are on, each once.
  [[nodiscard]] std::vector<std::string> repositories() const;
  // Whether one that is on looks at the repository.
  [[nodiscard]] bool watch(std::string_view repository) const;
  // Whether one that is on takes pull requests.
  [[nodiscard]] bool takes_pulls() const;

 private:
  std::vector<Entry> entries_;
  Lanes lanes_;
};

// As choose_playbook() takes it.
[[nodiscard]] inline OfferedPlaybook offer(const DispatchRules::Entry& entry) {
  return {entry.playbook.get(), entry.enabled, entry.repositories};
}

}  // namespace host::dispatch
