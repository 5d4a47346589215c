// SPDX-License-Identifier: Apache-2.0
//
// What this host relies on in a Gitea, black box. Runs against the forge always, and against a real
// one when the environment names it (peer.hpp). Where supported versions differ, every one's answer
// is accepted; forge_test.cpp pins the forge to Gitea 1.26.
#pragma once

#include <string>
#include <vector>

#include "forge/peer.hpp"

namespace host::forge {

class Contract : public PeerTest {
 protected:
  int page_cap() { return get("/settings/api").json().at("max_response_items"); }

  static std::vector<std::string> names(const Json& labels) {
    std::vector<std::string> all;
    for (const auto& label : labels) all.push_back(label.at("name"));
    return all;
  }
  static std::vector<std::int64_t> numbers(const Json& issues) {
    std::vector<std::int64_t> all;
    for (const auto& issue : issues) all.push_back(issue.at("number"));
    return all;
  }
};

// "forge" or "gitea", in a test's name.
inline std::string peer_name(const ::testing::TestParamInfo<const char*>& instance) {
  return instance.param;
}

}  // namespace host::forge
