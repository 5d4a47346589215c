// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "task_test.hpp"

namespace triage {

// Pull request 1 of alice's, which lacks nothing but an approval.
class Reviews : public TaskTest {
 protected:
  Reviews() : TaskTest("review_prs") {
    world_.forge.add_pull("org/app", "Mend it", "mend");
    pull().commits = {{pull().sha, "Mend it"}};
    pull().files = {{"a.cpp"}};
    check("success");
    world_.forge.repo("org/app").permissions = {{"bob", "write"}, {"eve", "read"}};
  }
  timmy::testing::Forge::Pull& pull(std::int64_t number = 1) {
    return world_.forge.pull("org/app", number);
  }
  void check(const std::string& state, const std::string& context = "ci/build") {
    world_.forge.repo("org/app").statuses[pull().sha][context] = {context, state, "", ""};
  }
  timmy::testing::Forge::Review& review(const std::string& user, const std::string& state) {
    auto& made = pull().reviews.emplace_back();
    made.id = 500 + static_cast<std::int64_t>(pull().reviews.size());
    made.user = user, made.state = state, made.sha = pull().sha;
    touched();
    return made;
  }
  // Somebody pushes.
  void push(const std::string& sha) {
    pull().sha = sha;
    for (auto& each : pull().reviews) each.stale = true;
    touched();
    check("success");
  }
  Json round(const Json& payload = Json::object()) {
    const auto outcome = run(config_, payload);
    EXPECT_TRUE(outcome.ok()) << outcome.code << ": " << outcome.message;
    world_.advance(minutes(10));
    return outcome.result;
  }
  [[nodiscard]] std::string said() { return comments().empty() ? "" : comments().back(); }
  void merges(const Json& more = Json::object()) {
    config_["reviews"]["settle"] = "0s";
    config_["reviews"]["merge"] = Json::array({{{"repos", {"org/app"}}, {"when", "when_ready"}}});
    config_["reviews"]["merge"][0].update(more);
  }
  void bans(const Json& in = nullptr) {
    Json ban{{"name", "examplesoft"}, {"pattern", "(?i)examplesoft"}};
    if (!in.is_null()) ban["in"] = in;
    config_["reviews"]["banned"] = Json::array({ban});
  }
  [[nodiscard]] std::vector<std::string> rejections() {
    std::vector<std::string> all;
    for (const auto& each : pull().reviews)
      if (each.user == "timmy") all.push_back(each.state + " " + each.sha.substr(0, 3));
    return all;
  }

  Json config_{{"reviews", Json::object()}};
};

}  // namespace triage
