// SPDX-License-Identifier: Apache-2.0
//
// The settings of host.yaml as JSON: layers laid over each other, and who set what.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/host_config.hpp"

namespace host {

// One layer after the other into one map. Maps merge by key; anything else, plugins/*/grants and
// trust/keys are replaced as a whole.
class Layers {
 public:
  // `where` gives the place of a leaf by its pointer in the settings.
  template <class Where>
  void lay(const Json& layer, Effective::Origin origin, Where where) {
    std::vector<std::string> leaves;
    merge(settings_, layer, "", leaves);
    for (const std::string& leaf : leaves) set_by_[leaf] = {origin, where(leaf)};
  }

  [[nodiscard]] const Json& settings() const { return settings_; }

  // Every leaf of `filled` (the settings with defaults), in the order of the pointers; what no
  // layer has set is built in.
  [[nodiscard]] std::vector<Effective> explain(const Json& filled) const;

 private:
  struct Source {
    Effective::Origin origin;
    std::string where;
  };
  void merge(Json& into, const Json& from, const std::string& pointer,
             std::vector<std::string>& leaves);
  void replace(Json& into, const Json& from, const std::string& pointer,
               std::vector<std::string>& leaves);

  Json settings_ = Json::object();
  std::map<std::string, Source> set_by_;
};

}  // namespace host
