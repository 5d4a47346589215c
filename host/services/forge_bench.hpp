// SPDX-License-Identifier: Apache-2.0
//
// What the tests of gitea/1 stand on: a forge in memory with one issue and one pull request, and
// the service at the table.
#pragma once

#include <gmock/gmock.h>

#include "gitea/fake_gitea.hpp"
#include "queue/job_table.hpp"
#include "services/audit.hpp"
#include "services/gitea_service.hpp"
#include "services/test_bench.hpp"

namespace host {

class ForgeBench : public ServiceBench {
 protected:
  ForgeBench() {
    gitea_.add_repo("org/app", {"bug", "docs"});
    gitea_.add_repo("org/secret");
    gitea_.add_issue("org/app", "It crashes");
    table_.add(
        make_gitea_service(gitea_, store_, loop_.clock(), log_,
                           [this](const std::string& target) { written_.push_back(target); }));
  }
  // Pull request 2.
  PullRequest& add_pull() { return gitea_.add_pull("org/app", "Mend it", "mend"); }
  std::shared_ptr<RunContext> reader() { return open({{"gitea.read", {"org/app"}}}); }
  std::shared_ptr<RunContext> writer() {
    return open({{"gitea.write", {"org/app"}}, {"gitea.merge", {"org/app"}}});
  }

  static Json on(std::int64_t number, const Json& more = Json::object()) {
    Json params{{"repo", "org/app"}, {"number", number}};
    params.update(more);
    return params;
  }
  static Json labels_of(const Json& labels) { return on(1, {{"labels", labels}}); }
  Json answer(const RunContext& run, const std::string& method, const Json& params) {
    auto result = call(run, "gitea/1." + method, params);
    EXPECT_TRUE(result.ok()) << method << ": " << result.error().what();
    return result.ok() ? result.value() : Json::object();
  }
  Issue& issue() { return gitea_.repos.at("org/app").issues.at(1); }
  std::vector<Comment>& comments() { return gitea_.repos.at("org/app").comments[1]; }

  // The run's end is stored.
  void end(const RunContext& run) {
    store_.run_now([&](Unit& unit) {
      (void)finish_run(unit, run.run, {.kind = Verdict::Kind::completed}, {}, queue_.now(), 0);
    });
  }
  FakeGitea gitea_{loop_};
  std::vector<std::string> written_;  // what the host was told of
};

// A method with parameters that are as they must be.
struct ForgeMethod {
  std::string name;
  Json params;
  friend std::ostream& operator<<(std::ostream& out, const ForgeMethod& method) {
    return out << method.name;
  }
};

inline Json with(const ForgeMethod& method, const std::string& key, const Json& value) {
  Json params = method.params;
  params[key] = value;
  return params;
}

}  // namespace host
