// SPDX-License-Identifier: Apache-2.0
#include "app/lane_hand_over.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/audit.hpp"
#include "store/store.hpp"

namespace host {

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
    if (!watch.dispatch) continue;
    for (const auto& lane : {watch.dispatch->from, watch.dispatch->to})
      if (!lanes.contains(lane))
        faults_.emplace(watch.name, fmt::format("deadman.yaml: watch.{}.dispatch names lane {}, "
                                                "which agent-lanes.json has not",
                                                watch.name, lane));
  }
  for (const auto& [watch, fault] : faults_)
    if (const auto known = before.find(watch); known == before.end() || known->second != fault)
      world_.log.error("{}", fault);
}

void LaneHandOver::hand_over(const deadman::DueHandOver& due) {
  world_.hand_over(due.from, due.to, due.why, [this, due](const Result<int>& moved) {
    if (!moved.ok()) return world_.log.error("{}: {}", due.watch, moved.error().what());
    if (moved.value() == 0) return;
    const auto text = fmt::format("{} items; {}", moved.value(), due.why);
    world_.log.warn("lane {} to {}: {}", due.from, due.to, text);
    audit(due, "ok: " + text);
  });
}

void LaneHandOver::rehearse(const deadman::DueHandOver& due) {
  std::string fresh;
  for (const auto& item : world_.live())
    if (item.waits_for_agent_of(due.from) && told_[due.watch].insert(item.id).second)
      fresh += (fresh.empty() ? "" : ", ") + item.subject();
  if (fresh.empty()) return;
  world_.log.warn("dry run: lane {} to {}: {} would go; {}", due.from, due.to, fresh, due.why);
  audit(due, fmt::format("dry run: {}; {}", fresh, due.why));
}

void LaneHandOver::audit(const deadman::DueHandOver& due, std::string result) {
  const AuditEntry entry{world_.clock.wall(), "deadman, watch " + due.watch, "dispatch.hand_over",
                         fmt::format("lane {} to {}", due.from, due.to), std::move(result)};
  world_.store.submit([entry](Unit& unit) { write_audit(unit, entry); },
                      [log = world_.log](const Status& written) {
                        if (!written.ok())
                          log.warn("a hand-over is not in the audit: {}", written.error().what());
                      });
}

}  // namespace host
