// SPDX-License-Identifier: Apache-2.0
//
// process/1: what the operator has the deadman watch (deadman.yaml), and looks at it. What holds
// for all of timmy/services.hpp holds here. Since SDK 1.1.
#pragma once

#include <timmy/caller.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace timmy {

// What was seen of a watch's work.
struct Sign {
  std::string kind;  // "there", "missing", "untrusted"
  std::string mark;

  // `mark` is another one with each sign of life; at most 500 bytes, only ever compared.
  [[nodiscard]] static Sign there(std::string mark) { return {"there", std::move(mark)}; }
  // There is none, and perhaps never was.
  [[nodiscard]] static Sign missing() { return {"missing", ""}; }
  // It can't be seen, or not be believed: that is told, and nobody is dead by it.
  [[nodiscard]] static Sign untrusted(std::string why) { return {"untrusted", std::move(why)}; }
};

// What happened to what is watched.
struct WatchRecord {
  std::int64_t number = 0;  // grows within one Watch::state_id
  std::string at;           // RFC 3339
  std::string event;        // "died", "restarting", "restarted", "handed_off", "healthy", ...
  std::string text;

  [[nodiscard]] static WatchRecord from(const Json& json) {
    return {json.at("number"), json.value("at", ""), json.value("event", ""),
            json.value("text", "")};
  }
};

// A watch, and how it stands.
struct Watch {
  std::string name;
  std::string kind;         // "stamp", "host", "task", "work"
  std::string watched;      // for people
  std::string state;        // "unseen", "waiting", "alive", "silent", "restarted", "recovering",
                            // "unwatchable", "unlooked"
  std::string text;         // what a person should know; may be empty
  bool active = false;      // its flag, deadman_active, is up: it is dead, or not yet proven well
  bool handed_off = false;  // nothing more is done until a person clears it
  int tries = 0;            // restarts since it was last well
  int max_retries = 0;      // as many as there may be
  bool restarts = false;    // deadman.yaml says how it is restarted
  std::string withheld;     // why that is not this plugin's to have; may be empty
  std::string state_id;     // of what is kept; another one begins its numbers anew
  std::vector<WatchRecord> history;       // its last ten, oldest first
  std::vector<WatchRecord> records;       // made by this look
  std::vector<std::string> repositories;  // of work: where
  std::string user;                       // and whose
  std::string untold_since;  // RFC 3339: `alert` of deadman.yaml has failed since; may be empty

  [[nodiscard]] static Watch from(const Json& json) {
    Watch watch;
    watch.name = json.at("name").get<std::string>();
    watch.kind = json.value("kind", "");
    watch.watched = json.value("watched", "");
    watch.state = json.value("state", "");
    watch.text = json.value("text", "");
    watch.active = json.value("deadman_active", false);
    watch.handed_off = json.value("handed_off", false);
    watch.tries = json.value("tries", 0);
    watch.max_retries = json.value("max_retries", 0);
    watch.restarts = json.value("restarts", false);
    watch.withheld = json.value("withheld", "");
    watch.state_id = json.value("state_id", "");
    for (const auto& each : json.value("history", Json::array()))
      watch.history.push_back(WatchRecord::from(each));
    for (const auto& each : json.value("records", Json::array()))
      watch.records.push_back(WatchRecord::from(each));
    const Json work = json.value("work", Json::object());
    watch.repositories = work.value("repositories", std::vector<std::string>());
    watch.user = work.value("user", "");
    if (const auto since = json.value("untold_since", Json()); since.is_string())
      watch.untold_since = since.get<std::string>();
    return watch;
  }
};

struct Watches {
  std::string host;      // this machine's, by host.yaml
  bool dry_run = false;  // everything is judged and recorded, and nothing is done
  std::vector<Watch> all;
};

// Needs process.watch for the name of a watch, and process.restart besides for a look to restart
// what is dead. Others are left out, and not looked at.
class Process {
 public:
  explicit Process(Caller caller) : caller_(caller) {}

  // Looks at nothing. Permanent "not_found" without a deadman.yaml.
  [[nodiscard]] Watches watches() const {
    const Json answer = caller_.call("process/1.watches", Json::object());
    Watches watches{answer.value("host", ""), answer.value("dry_run", false), {}};
    for (const auto& each : answer.at("watches")) watches.all.push_back(Watch::from(each));
    return watches;
  }

  // The host looks at a stamp or a task, restarts what is dead where it may, and records it. A
  // watch of the host itself is only told. May take a minute. Retryable "unavailable" while
  // `timmy-host deadman --once` is at work: then it has been looked at just now.
  Watch look(const std::string& name) const {
    return Watch::from(caller_.call("process/1.look", {{"name", name}}));
  }
  // The same for work, of which the plugin has seen this.
  Watch look(const std::string& name, const Sign& sign) const {
    return Watch::from(caller_.call(
        "process/1.look", {{"name", name}, {"sign", {{"kind", sign.kind}, {"mark", sign.mark}}}}));
  }

 private:
  Caller caller_;
};

}  // namespace timmy
