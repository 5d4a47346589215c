// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"

namespace host {

class Store;
class Unit;

// Names bytes together with what the plugin is made with: its config, and the paths that it is
// granted. For a plugin that refuses these, and not others.
[[nodiscard]] std::string setup_key(const std::string& sha256, std::string_view config_json,
                                    const std::vector<std::filesystem::path>& readable,
                                    const std::vector<std::filesystem::path>& writable);

// A plugin that is set aside: its bytes, since when, and why. It holds for these bytes only.
struct QuarantineRecord {
  std::string plugin;  // the manifest's id
  std::string sha256;  // of the image that failed, or its setup_key()
  std::string reason;
  WallTime since;
  [[nodiscard]] bool operator==(const QuarantineRecord&) const = default;
};

// By plugin id.
using QuarantineRecords = std::map<std::string, QuarantineRecord, std::less<>>;

// The table, for the store thread. Durable when the unit's transaction is.
[[nodiscard]] QuarantineRecords read_quarantine(Unit& unit);
void write_quarantine(Unit& unit, const QuarantineRecord& record);
// Whether there was one.
bool erase_quarantine(Unit& unit, std::string_view plugin);

struct QuarantinePolicy {
  int faults = 5;                           // so many within
  Duration window = std::chrono::hours(1);  // this long, by CLOCK_MONOTONIC
};

// Counts the faults of each plugin and sets aside the one that has too many. A fault is a worker
// that died, overran its deadline or broke the protocol; an error that a task returns in order is
// none (a forge that is down is not the plugin's fault). Counts live in memory, the verdict is
// stored. Loop thread.
class Quarantine {
 public:
  // None is owned; all outlive it.
  Quarantine(Store& store, Loop& loop, Log log, QuarantinePolicy policy = {});
  ~Quarantine();
  Quarantine(const Quarantine&) = delete;
  Quarantine& operator=(const Quarantine&) = delete;

  // Reads what is stored; once, before the first scan.
  void load(Reply<Done> done);

  // One fault of these bytes; `evidence` is its line in the reason ("killed by SIGSEGV in job 7").
  // The last one that the policy takes sets the plugin aside at once, announces it in the log,
  // stores it and calls the handler. A store that fails is logged; the plugin stays set aside for
  // this host's life.
  void note_fault(const std::string& plugin, const std::string& sha256,
                  const std::string& evidence);

  // These bytes, or this setup_key(), can't be made: sets the plugin aside at once, as the last
  // fault does.
  void refuse(const std::string& plugin, const std::string& sha256, const std::string& why);

  // Whether these bytes of the plugin are set aside.
  [[nodiscard]] bool active(std::string_view plugin, std::string_view sha256) const;
  [[nodiscard]] const QuarantineRecords& records() const { return records_; }

  // Lifts it and forgets the faults. The reply, after it is durable, says whether there was one;
  // the handler is called before it.
  void clear(const std::string& plugin, Reply<bool> done);

  // Called on the loop with the plugin's id when it is set aside or let go: scan again.
  void set_handler(std::function<void(const std::string& plugin)> handler);

 private:
  struct Faults {
    std::string sha256;
    std::deque<MonotonicTime> at;
  };
  void set_aside(const std::string& plugin, const std::string& sha256, std::string reason);

  Store* store_;
  Loop* loop_;
  Log log_;
  QuarantinePolicy policy_;
  QuarantineRecords records_;
  std::map<std::string, Faults> faults_;
  std::function<void(const std::string&)> handler_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace host
