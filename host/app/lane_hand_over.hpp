// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "deadman/hand_over.hpp"
#include "deadman/watchman.hpp"
#include "dispatch/dispatcher.hpp"

namespace host {

class Store;

// What it works with; all outlives it.
struct LaneHandOverWorld {
  Store& store;
  const Clock& clock;
  std::function<std::set<std::string>()> lanes;
  std::function<std::vector<dispatch::Item>()> live;  // items that have not ended
  // Dispatcher::hand_over().
  std::function<void(dispatch::HandOver order, Reply<int> reply)> hand_over;
  Log log;
};

// `dispatch` of deadman.yaml: the work of an agent that is dead goes on in another lane. It is the
// host's own, by what is kept of all looks, whoever took them; so it is done again at each look for
// what has come since, and a host that ends in between loses nothing. Each item that goes has a
// line in the audit, written in the unit of work in which it goes. Loop thread.
class LaneHandOver {
 public:
  explicit LaneHandOver(LaneHandOverWorld world) : world_(std::move(world)) {}

  // After each look, and when lanes may have changed.
  void act(const deadman::Survey& survey, const deadman::Moment& now);

  // What of deadman.yaml can't be done, a line each.
  [[nodiscard]] std::vector<std::string> faults() const;

 private:
  void look_at_lanes(const deadman::Settings& settings);
  void hand_over(const deadman::DueHandOver& due);
  void rehearse(const deadman::DueHandOver& due);

  LaneHandOverWorld world_;
  std::map<std::string, std::string> faults_;               // by watch
  std::map<std::string, std::set<dispatch::ItemId>> told_;  // of dry runs: what would have gone
};

}  // namespace host
