// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the daily tasks and of review_prs stand on: a world with one repository, and
// the plugin configured as the host would, defaults filled in.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <timmy/testing.hpp>
#include <vector>

namespace triage {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using timmy::Json;
using timmy::testing::Outcome;
using timmy::testing::World;

// The config with the manifest's defaults.
inline Json configured(const Json& config) {
  return timmy::testing::with_defaults(timmy::testing::read_manifest(MANIFEST)["config_schema"],
                                       config);
}

class TaskTest : public testing::Test {
 protected:
  explicit TaskTest(std::string task) : task_(std::move(task)) {
    world_.forge.add_repo("org/app", {"in progress", "pinned"});
  }

  // One job of its own.
  Outcome run(const Json& config, const Json& payload = Json::object()) {
    return run_task(task_, config, payload);
  }
  Outcome run_task(const std::string& task, const Json& config,
                   const Json& payload = Json::object()) {
    Json all = config;
    if (!all.contains("repos")) all["repos"] = {"org/app"};
    timmy::testing::Plugin plugin(world_, timmy_plugin_v1, configured(all));
    world_.calls.clear();
    world_.asked.clear();
    timmy::testing::JobOptions options;
    options.key = "job " + std::to_string(++jobs_);
    return plugin.run(task, payload, options);
  }
  // One a day, now and for so many days; the last one's result.
  Json run_daily(const Json& config, int count) {
    Json last;
    for (int day = 0; day <= count; ++day) {
      if (day > 0) world_.advance(days(1));
      const auto outcome = run(config);
      EXPECT_TRUE(outcome.ok()) << outcome.code << ": " << outcome.message;
      last = outcome.result;
    }
    return last;
  }

  timmy::testing::Forge::Issue& issue(std::int64_t number = 1,
                                      const std::string& repo = "org/app") {
    return world_.forge.issue(repo, number);
  }
  // As when somebody changes a label, the title or the state.
  timmy::testing::Forge::Issue& touched(std::int64_t number = 1) {
    issue(number).updated_at = world_.now();
    return issue(number);
  }
  // What is kept, but for which number a repository has.
  [[nodiscard]] std::map<std::string, Json> kept() const {
    auto all = world_.state;
    std::erase_if(all, [](const auto& entry) { return entry.first.starts_with("id/"); });
    return {all.begin(), all.end()};
  }
  [[nodiscard]] std::vector<std::string> comments(std::int64_t number = 1) {
    std::vector<std::string> all;
    for (const auto& comment : issue(number).comments) all.push_back(comment.body);
    return all;
  }

  // Only so many writes, as the host's cap would have it, until lift_cap().
  void cap_writes(int most) {
    for (const char* method : kWrites)
      world_.on(std::string("gitea/1.") + method, [this, method, most](const Json& params) {
        if (capped_++ >= most)
          throw timmy::Permanent("too_large", "this run has made " + std::to_string(most) +
                                                  " writes, its cap (limits.mutations)");
        return world_.forge.answer(method, params);
      });
    capped_ = 0;
  }
  void lift_cap() {
    for (const char* method : kWrites) world_.succeed(std::string("gitea/1.") + method);
  }

  // No write is sent, and answered as the host does in a dry run.
  void rehearse() {
    for (const char* method : kWrites)
      world_.on(std::string("gitea/1.") + method, [this, method](const Json& params) {
        ++rehearsed_;
        return rehearsal(method, params);
      });
  }

  World world_;
  std::string task_;
  int jobs_ = 0, capped_ = 0, rehearsed_ = 0;

 private:
  static constexpr const char* kWrites[] = {
      "add_labels",      "remove_label",   "create_label", "keep_comment", "remove_assignees",
      "set_issue_state", "create_comment", "set_status",   "merge_pr",     "create_review"};

  Json rehearsal(const std::string& method, const Json& params) {
    Json answer{{"dry_run", true}};
    if (method == "keep_comment" || method == "create_review")
      answer.update({{"id", 0}, {"state", "REQUEST_CHANGES"}, {"body", params.at("body")}});
    else if (method == "merge_pr")
      answer.update(world_.forge.answer("get_pr", params));
    else if (method == "set_status")
      answer.update({{"context", params.at("context")}, {"state", params.at("state")}});
    else if (method == "add_labels")
      answer["labels"] = params.at("labels");
    else if (params.contains("number"))
      answer.update(world_.forge.answer("get_issue", params));
    return answer;
  }
};

}  // namespace triage
