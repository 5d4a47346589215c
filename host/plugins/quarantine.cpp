// SPDX-License-Identifier: Apache-2.0
#include "plugins/quarantine.hpp"

#include <utility>

#include "plugins/image.hpp"
#include "store/event.hpp"
#include "store/store.hpp"

namespace host {

std::string setup_key(const std::string& sha256, std::string_view config_json,
                      const std::vector<std::filesystem::path>& readable,
                      const std::vector<std::filesystem::path>& writable) {
  std::string text(config_json);
  for (const auto* list : {&readable, &writable}) {
    text += '\n';
    for (const auto& path : *list) text += path.string() + '\0';
  }
  return sha256 + "+" + sha256_of(text);
}

QuarantineRecords read_quarantine(Unit& unit) {
  QuarantineRecords records;
  auto& rows = unit.query("SELECT plugin, sha256, reason, since FROM quarantine");
  while (rows.step()) {
    QuarantineRecord record{.plugin = rows.string(0),
                            .sha256 = rows.string(1),
                            .reason = rows.string(2),
                            .since = rows.time(3)};
    records.emplace(record.plugin, std::move(record));
  }
  return records;
}

void write_quarantine(Unit& unit, const QuarantineRecord& record) {
  unit.run(
      "INSERT INTO quarantine(plugin, sha256, reason, since) VALUES(?, ?, ?, ?) "
      "ON CONFLICT(plugin) DO UPDATE SET sha256=excluded.sha256, reason=excluded.reason, "
      "since=excluded.since",
      record.plugin, record.sha256, record.reason, record.since);
}

bool erase_quarantine(Unit& unit, std::string_view plugin) {
  unit.run("DELETE FROM quarantine WHERE plugin=?", plugin);
  return unit.changes() > 0;
}

Quarantine::Quarantine(Store& store, Loop& loop, Log log, QuarantinePolicy policy)
    : store_(&store), loop_(&loop), log_(std::move(log)), policy_(policy) {}

Quarantine::~Quarantine() = default;

void Quarantine::load(Reply<Done> done) {
  store_->run([](Unit& unit) { return read_quarantine(unit); },
              [this, alive = std::weak_ptr(alive_),
               done = std::move(done)](Result<QuarantineRecords> read) {
                if (alive.expired()) return;
                if (!read) return done(read.error());
                records_ = std::move(read).value();
                done(Done{});
              });
}

void Quarantine::note_fault(const std::string& plugin, const std::string& sha256,
                            const std::string& evidence) {
  if (active(plugin, sha256)) return;
  auto& faults = faults_[plugin];
  if (faults.sha256 != sha256) faults = {.sha256 = sha256, .at = {}};
  const auto now = loop_->clock().monotonic();
  faults.at.push_back(now);
  while (now - faults.at.front() > policy_.window) faults.at.pop_front();
  if (static_cast<int>(faults.at.size()) < policy_.faults) return;
  set_aside(plugin, sha256,
            "failed " + std::to_string(policy_.faults) + " times within " +
                format_duration(policy_.window) + ", the last time: " + evidence);
}

void Quarantine::refuse(const std::string& plugin, const std::string& sha256,
                        const std::string& why) {
  if (!active(plugin, sha256)) set_aside(plugin, sha256, "can't be made: " + why);
}

void Quarantine::set_aside(const std::string& plugin, const std::string& sha256,
                           std::string reason) {
  faults_.erase(plugin);
  QuarantineRecord record{.plugin = plugin,
                          .sha256 = sha256,
                          .reason = std::move(reason),
                          .since = loop_->clock().wall()};
  log_.error(
      "plugin {} is quarantined: it {}; its jobs are held; run: timmy-host plugins reset {}, "
      "or install a mended version",
      plugin, record.reason, plugin);
  records_.insert_or_assign(plugin, record);
  store_->submit(
      [record](Unit& unit) {
        write_quarantine(unit, record);
        record_event(unit, record.since, "plugin_quarantined", record.plugin, record.reason);
      },
      [log = log_, plugin](Status status) {
        if (!status)
          log.error(
              "the quarantine of plugin {} could not be stored and ends with this "
              "host: {}",
              plugin, status.error().what());
      });
  if (handler_) handler_(plugin);
}

bool Quarantine::active(std::string_view plugin, std::string_view sha256) const {
  const auto found = records_.find(plugin);
  return found != records_.end() && found->second.sha256 == sha256;
}

void Quarantine::clear(const std::string& plugin, Reply<bool> done) {
  faults_.erase(plugin);
  store_->run(
      [plugin, now = loop_->clock().wall()](Unit& unit) {
        const bool erased = erase_quarantine(unit, plugin);
        if (erased) record_event(unit, now, "quarantine_lifted", plugin, "by an administrator");
        return erased;
      },
      [this, plugin, alive = std::weak_ptr(alive_), done = std::move(done)](Result<bool> erased) {
        if (alive.expired()) return;
        if (!erased) return done(erased);
        const bool was_there = records_.erase(plugin) > 0 || erased.value();
        if (was_there && handler_) handler_(plugin);
        done(was_there);
      });
}

void Quarantine::set_handler(std::function<void(const std::string& plugin)> handler) {
  handler_ = std::move(handler);
}

}  // namespace host
