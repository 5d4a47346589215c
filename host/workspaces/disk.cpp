// SPDX-License-Identifier: Apache-2.0
#include "workspaces/disk.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "workspaces/clone_remove.hpp"

namespace host::workspaces {
namespace {

constexpr std::size_t kMostNamed = 5;
constexpr std::string_view kInUse = "in use";

DiskReport::Kept kept(const Clone& clone, std::string reason) {
  const auto& item = clone.record.item;
  return {clone.name(), std::move(reason), fmt::format("{}#{}", item.repository, item.number)};
}

std::string kept_text(const DiskReport& report) {
  std::string text;
  for (std::size_t i = 0; i < report.kept.size() && i < kMostNamed; ++i)
    text += fmt::format("{}{}{}{} ({})", i == 0 ? "" : ", ", report.kept[i].name,
                        report.kept[i].subject.empty() ? "" : " of ", report.kept[i].subject,
                        report.kept[i].reason);
  if (report.kept.size() > kMostNamed)
    text += fmt::format(" and {} more", report.kept.size() - kMostNamed);
  return text;
}

std::string free_text(const std::filesystem::path& folder) {
  std::error_code failed;
  const auto space = std::filesystem::space(folder, failed);
  return failed ? "free space not known" : fmt::format("{} of free space", space.available);
}

}  // namespace

bool DiskRoom::fits(std::size_t clones, std::uint64_t bytes) const {
  std::error_code failed;
  const auto space = std::filesystem::space(clones_->folder(), failed);
  return clones < limits_.clones && bytes < limits_.clone_bytes &&
         (failed || space.available >= limits_.free_bytes);
}

// Why it stays; empty: it is gone. What ails one clone, or its mirror, keeps no other in place.
std::string DiskRoom::remove(const Clone& clone, Keeping keeping) const {
  try {
    const auto held = clones_->hold_unused(clone);
    if (!held) return std::string(kInUse);
    if (keeping == Keeping::work) {
      const auto state = inspect(mirror_of_(clone.record.item), clone);
      if (!state.clean) return state.reason;
    }
    clones_->remove(clone);
    return {};
  } catch (const std::exception& failed) {
    return std::string("it can't be looked at or removed: ") + failed.what();
  }
}

DiskReport DiskRoom::remove_ended(const std::function<bool(const Clone&)>& ended,
                                  const ClonesInUse& in_use) const {
  DiskReport report;
  for (const auto& clone : clones_->list().clones) {
    if (in_use.has(clone) || !ended(clone)) continue;
    const auto keeping = clone.record.disposable ? Keeping::nothing : Keeping::work;
    if (auto reason = remove(clone, keeping); reason.empty())
      report.removed.push_back(clone.name());
    else if (reason != kInUse)
      report.kept.push_back(kept(clone, std::move(reason)));
  }
  return report;
}

DiskReport DiskRoom::make_room(const ClonesInUse& in_use) const {
  const auto list = clones_->list();
  DiskReport report;
  std::size_t count = list.clones.size() + list.unreadable.size();
  std::uint64_t bytes = bytes_in(clones_->folder());
  for (const auto& clone : list.clones) {
    if (fits(count, bytes)) return report;
    const auto reason = in_use.has(clone) ? std::string(kInUse) : remove(clone, Keeping::work);
    if (!reason.empty()) {
      report.kept.push_back(kept(clone, reason));
      continue;
    }
    report.removed.push_back(clone.name());
    --count;
    bytes = bytes_in(clones_->folder());
  }
  if (fits(count, bytes)) return report;
  for (const auto& name : list.unreadable)
    report.kept.push_back({name, "its record can't be read", {}});
  throw Error(Code::unavailable,
              fmt::format("there is no room for another clone: {} clones, {} bytes, {}{}", count,
                          bytes, free_text(clones_->folder()),
                          report.kept.empty() ? "" : "; kept are " + kept_text(report)),
              "Take out of them what is of use and remove them, free some space, or raise the "
              "limits.");
}

}  // namespace host::workspaces
