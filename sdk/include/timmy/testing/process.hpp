// SPDX-License-Identifier: Apache-2.0
//
// process/1 in memory. Part of timmy/testing.hpp, and what holds for all of that holds here. Since
// SDK 1.1.
#pragma once

#include <timmy/failure.hpp>
#include <timmy/job.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace timmy::testing {

// What a host's deadman watches. It judges nothing: a test says how each watch stands, and sees
// which were looked at. Change and look at any member between runs.
class Deadman {
 public:
  struct Look {
    std::string name;
    Json sign;  // null where none was handed in
  };

  bool configured = true;  // there is a deadman.yaml
  std::string host = "allegro";
  bool dry_run = false;
  std::map<std::string, Json> watches;  // by name, as docs/services.md has them
  std::vector<Look> looks;

  // A watch that is alive.
  Json& add(const std::string& name, const std::string& kind = "stamp") {
    return watches[name] = {{"name", name},
                            {"kind", kind},
                            {"watched", kind},
                            {"state", "alive"},
                            {"text", ""},
                            {"deadman_active", false},
                            {"handed_off", false},
                            {"tries", 0},
                            {"max_retries", 3},
                            {"restarts", true},
                            {"withheld", ""},
                            {"state_id", "s"},
                            {"history", Json::array()}};
  }
  // One of the work of `user` at the forge.
  Json& add_work(const std::string& name, const std::vector<std::string>& repositories,
                 const std::string& user) {
    Json& watch = add(name, "work");
    watch["work"] = {{"repositories", repositories}, {"user", user}};
    return watch;
  }
  // Something happened to it: a record of its history, and of the next look at it.
  void happens(const std::string& name, const std::string& event, const std::string& text) {
    const Json record{
        {"number", ++last_}, {"at", "2026-01-05T12:00:00Z"}, {"event", event}, {"text", text}};
    watches.at(name)["history"].push_back(record);
    fresh_[name].push_back(record);
  }

  // Answers a method of process/1. Throws what a caller in a plugin would see.
  [[nodiscard]] Json answer(std::string_view method, const Json& params) {
    if (!configured) throw Permanent("not_found", "there is no deadman.yaml");
    if (method == "watches") {
      Json all = Json::array();
      for (const auto& [name, watch] : watches) all.push_back(watch);
      return {{"host", host}, {"dry_run", dry_run}, {"watches", all}};
    }
    if (method != "look")
      throw Permanent("usage", "process/1 has no method \"" + std::string(method) + "\"");
    const std::string name = params.at("name");
    const auto found = watches.find(name);
    if (found == watches.end())
      throw Permanent("not_found", "deadman.yaml has no watch \"" + name + "\"");
    const Json sign = params.value("sign", Json());
    if (sign.is_null() == (found->second.at("kind") == "work"))
      throw Permanent("usage", "a sign is for a watch of work, and for no other");
    looks.push_back({name, sign});
    Json answer = found->second;
    answer["records"] = fresh_[name];
    fresh_.erase(name);
    return answer;
  }

 private:
  std::int64_t last_ = 0;
  std::map<std::string, std::vector<Json>> fresh_;
};

}  // namespace timmy::testing
