// SPDX-License-Identifier: Apache-2.0
#include "app/lane_hand_over.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/plural.hpp"
#include "services/audit.hpp"
#include "store/store.hpp"

namespace host {
namespace {

AuditEntry entry_of(const deadman::DueHandOver& due, const dispatch::Item& item,
                    std::string_view result, WallTime at) {
  return {at, "deadman, watch " + due.watch, "dispatch.hand_over", item.subject(),
          fmt::format("{}: item {} from lane {} to {}; {}", result, item.id.value(), due.from,
                      due.to, due.why)};
}

}  // namespace

void LaneHandOver::act(const deadman::Survey& survey, const deadman::Moment& now) {
  look_at_lanes(survey.settings);
  const auto all = deadman::due_hand_overs(survey.settings, survey.state, survey.withheld, now);
  std::erase_if(told_, [&](const auto& told) {
    return std::none_of(all.begin(), all.end(),
                        [&](const auto& due) { return due.watch == told.first; });
  });
  for (const auto& due : all) {
    if (faults_.contains(due.watch)) continue;
    if (survey.settings.dry_run)
      rehearse(due);
    else
      hand_over(due);
  }
}

std::vector<std::string> LaneHandOver::faults() const {
  std::vector<std::string> lines;
  for (const auto& [watch, fault] : faults_) lines.push_back(fault);
  return lines;
}

// Said before anybody is dead.
void LaneHandOver::look_at_lanes(const deadman::Settings& settings) {
  const auto lanes = world_.lanes();
  const auto before = std::exchange(faults_, {});
  for (const auto& watch : settings.watches) {
    for (const auto& missing : deadman::missing_lanes(watch, lanes))
      faults_.emplace(watch.name, "deadman.yaml: " + missing.text);
  }
  for (const auto& [watch, fault] : faults_)
    if (const auto known = before.find(watch); known == before.end() || known->second != fault)
      world_.log.error("{}", fault);
}

void LaneHandOver::hand_over(const deadman::DueHandOver& due) {
  const auto note = [due, &clock = world_.clock](Unit& unit, const dispatch::Item& gone) {
    write_audit(unit, entry_of(due, gone, "ok", clock.wall()));
  };
  world_.hand_over({due.from, due.to, due.why, note}, [this, due](const Result<int>& moved) {
    if (!moved.ok()) return world_.log.error("{}: {}", due.watch, moved.error().what());
    if (moved.value() == 0) return;
    world_.log.warn("lane {} to {}: {}; {}", due.from, due.to, plural(moved.value(), "item"),
                    due.why);
  });
}

void LaneHandOver::rehearse(const deadman::DueHandOver& due) {
  for (const auto& item : world_.live()) {
    if (!item.waits_for_agent_of(due.from) || !told_[due.watch].insert(item.id).second) continue;
    world_.log.warn("dry run: lane {} to {}: {} would go; {}", due.from, due.to, item.subject(),
                    due.why);
    world_.store.submit([entry = entry_of(due, item, "dry run", world_.clock.wall())](
                            Unit& unit) { write_audit(unit, entry); },
                        [log = world_.log](const Status& written) {
                          if (!written.ok())
                            log.warn("a hand-over is not in the audit: {}", written.error().what());
                        });
  }
}

}  // namespace host
