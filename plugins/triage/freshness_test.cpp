// SPDX-License-Identifier: Apache-2.0
//
// That nothing is written by an old snapshot. The clock of the harness stands still during a run,
// so this gives an applier a clock of its own.
#include "applier.hpp"
#include "triage_fixture.hpp"

namespace triage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using timmy::Json;

// A plugin that looks at one issue, by what was read of it `age` ago.
class Late {
 public:
  explicit Late(const Json& config)
      : age_(config.at("age").get<int>()), rules_(config.at("rules"), config.at("priorities")) {}

  Json run(const timmy::Job&, timmy::Context& ctx) {
    const auto read = Snapshot::of("org/app", ctx.gitea().get_issue("org/app", 1), ctx.now());
    ctx.call("test/1.meanwhile", Json::object());
    CapWatch watch(ctx, "gitea_issue_triage", "");
    Applier applier(ctx, rules_, watch, [&] { return ctx.now() + std::chrono::seconds(age_); });
    return applier.look(read, "1").change;
  }

 private:
  int age_;
  Rules rules_;
};

constexpr timmy::Task<Late> kTasks[] = {{}};
constexpr timmy_plugin kLate = timmy::detail::table<Late, kTasks>();

class Freshness : public TriageTest {
 protected:
  Freshness() {
    world_.forge.add_issue("org/app", "It crashes");
    world_.on("test/1.meanwhile", [this](const Json&) {
      at(1).title = "It is fine";
      return Json::object();
    });
  }
  Outcome look(int age) {
    Json with = config({rule("r", {{"title", "crash"}}, {{"add_labels", {"bug"}}})});
    with["age"] = age;
    timmy::testing::Plugin plugin(world_, kLate, with);
    return plugin.run("look");
  }
};

TEST_F(Freshness, WithinHalfAMinuteASnapshotIsGoodEnough) {
  ASSERT_TRUE(look(30).ok());
  EXPECT_THAT(labels(1), ElementsAre("bug"));
  EXPECT_THAT(requests(), ElementsAre("get_issue", "add_labels"));
}

TEST_F(Freshness, AfterThatItIsReadAgainAndDecidedAnew) {
  ASSERT_TRUE(look(31).ok());
  EXPECT_THAT(labels(1), IsEmpty());
  EXPECT_THAT(requests(), ElementsAre("get_issue", "get_issue"));
}

TEST_F(Freshness, WhereNothingIsToBeWrittenNothingIsReadAgain) {
  at(1).labels = {"bug"};
  ASSERT_TRUE(look(31).ok());
  EXPECT_THAT(requests(), ElementsAre("get_issue"));
}

}  // namespace
}  // namespace triage
