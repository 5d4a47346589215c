// SPDX-License-Identifier: Apache-2.0
//
// The typed services, against the world in memory: what they send, what they read, how they fail.
#include "any_task.hpp"

std::function<timmy::Json(const timmy::Job&, timmy::Context&)> the_task;

namespace {

struct AnyTask {
  timmy::Json run(const timmy::Job& job, timmy::Context& ctx) { return the_task(job, ctx); }
};

}  // namespace

TIMMY_PLUGIN(AnyTask)

namespace {

using testing::ElementsAre;
using timmy::Json;
using timmy::testing::Outcome;

class Services : public AnyTaskTest {};

TEST_F(Services, GiteaListsIssuesNewestFirstByStateAndTime) {
  world_.forge.add_repo("org/app", {"bug"});
  world_.forge.add_issue("org/app", "old");
  world_.advance(std::chrono::hours(1));
  world_.forge.add_issue("org/app", "new", "text", {"bug"});
  world_.forge.add_issue("org/app", "closed");
  world_.forge.issue("org/app", 3).state = "closed";
  const Outcome outcome = run([&](timmy::Context& ctx) {
    const auto all = ctx.gitea().list_issues("org/app");
    EXPECT_EQ(all.size(), 2u);
    EXPECT_EQ(all.at(0).title, "new");
    EXPECT_THAT(all.at(0).labels, ElementsAre("bug"));
    EXPECT_EQ(all.at(0).updated_at, world_.now());
    const auto recent =
        ctx.gitea().list_issues("org/app", {.since = world_.now() - std::chrono::minutes(1)});
    EXPECT_EQ(recent.size(), 1u);
    EXPECT_EQ(ctx.gitea().list_issues("org/app", {.state = "all"}).size(), 3u);
    return Json();
  });
  EXPECT_TRUE(outcome.ok()) << outcome.message;
}

TEST_F(Services, GiteaAddsLabelsOnceAndTellsWhatIsThere) {
  world_.forge.add_repo("org/app", {"bug", "ui"});
  world_.forge.add_issue("org/app", "a", "", {"ui"});
  const Outcome outcome = run([](timmy::Context& ctx) {
    ctx.gitea().add_labels("org/app", 1, {"bug"});
    return Json{{"now", ctx.gitea().add_labels("org/app", 1, {"bug"})}};
  });
  EXPECT_EQ(outcome.result, (Json{{"now", {"ui", "bug"}}}));
  EXPECT_THAT(world_.forge.issue("org/app", 1).labels, ElementsAre("ui", "bug"));
}

TEST_F(Services, AServiceErrorThatIsNotCaughtEndsTheRunAsTheHostSaid) {
  world_.fail("gitea/1.whoami",
              timmy::Retryable("rate_limited", "slow down", timmy::Milliseconds(1500)));
  const auto whoami = [](timmy::Context& ctx) {
    return Json{{"login", ctx.gitea().whoami().login}};
  };
  const Outcome limited = run(whoami);
  EXPECT_EQ(limited.status, TIMMY_RETRYABLE);
  EXPECT_EQ(limited.code, "rate_limited");
  EXPECT_EQ(limited.message, "gitea/1.whoami: slow down");
  EXPECT_EQ(limited.delay, timmy::Milliseconds(1500));
  world_.succeed("gitea/1.whoami");
  EXPECT_EQ(run(whoami).result.at("login"), "timmy");
}

TEST_F(Services, StateIsReadBackWithinTheRunAndKeptOnlyIfItCompletes) {
  const auto write = [](timmy::Context& ctx) {
    ctx.state().put("a", {{"n", 1}});
    EXPECT_EQ(ctx.state().get("a"), (Json{{"n", 1}}));
    EXPECT_THAT(ctx.state().list(), ElementsAre("a"));
  };
  run([&](timmy::Context& ctx) -> Json {
    write(ctx);
    ctx.state().put_now("b", 2);
    throw timmy::Permanent("no", "no");
  });
  EXPECT_EQ(world_.state, (std::map<std::string, Json>{{"b", 2}}));
  run([&](timmy::Context& ctx) { return ctx.state().put("b", nullptr), write(ctx), Json(); });
  EXPECT_EQ(world_.state, (std::map<std::string, Json>{{"a", {{"n", 1}}}}));
}

TEST_F(Services, AListOfStateEndsAfterAThousandKeys) {
  for (int i = 0; i < 1001; ++i) world_.state["k" + std::to_string(i)] = i;
  const auto count = [](timmy::Context& ctx) { return Json(ctx.state().list("k").size()); };
  EXPECT_EQ(run(count).result.at("value"), 1000);
}

TEST_F(Services, AbsentStateIsNothing) {
  const auto get = [](timmy::Context& ctx) { return Json(ctx.state().get("a").has_value()); };
  EXPECT_EQ(run(get).result.at("value"), false);
}

TEST_F(Services, FollowersComeOnlyWithTheCompletion) {
  run([](timmy::Context& ctx) -> Json {
    ctx.jobs().follow({.task = "later"});
    ctx.jobs().enqueue({.task = "anyway"});
    throw timmy::Permanent("no", "no");
  });
  ASSERT_EQ(world_.jobs.size(), 1u);
  EXPECT_EQ(world_.jobs[0].at("task"), "anyway");
  run([](timmy::Context& ctx) {
    ctx.jobs().follow({.task = "later",
                       .payload = {{"x", 1}},
                       .priority = 1,
                       .delay = timmy::Milliseconds(5),
                       .unique_key = "k"});
    return Json();
  });
  EXPECT_EQ(world_.jobs.at(1), (Json{{"task", "later"},
                                     {"payload", {{"x", 1}}},
                                     {"priority", 1},
                                     {"delay_ms", 5},
                                     {"unique_key", "k"}}));
}

TEST_F(Services, AFollowerMayBeForAFailureOrForAnyEnd) {
  const auto follow = [](timmy::Context& ctx) {
    ctx.jobs().follow({.task = "celebrate"});
    ctx.jobs().follow({.task = "report"}, timmy::FollowOn::failure);
    ctx.jobs().follow({.task = "clean_up", .concurrency_key = "app"}, timmy::FollowOn::always);
  };
  run([&](timmy::Context& ctx) -> Json {
    follow(ctx);
    throw timmy::Retryable("later", "later");
  });
  EXPECT_TRUE(world_.jobs.empty()) << "it will be tried again";
  run([&](timmy::Context& ctx) -> Json {
    follow(ctx);
    throw timmy::Permanent("no", "no");
  });
  ASSERT_EQ(world_.jobs.size(), 2u);
  EXPECT_EQ(world_.jobs[0].at("task"), "report");
  EXPECT_EQ(world_.jobs[1].at("concurrency_key"), "app");
}

TEST_F(Services, AJobWithAKeyThatWaitsIsADuplicate) {
  const auto once = [](timmy::Context& ctx) {
    const auto first = ctx.jobs().enqueue({.task = "later", .unique_key = "k"});
    const auto second = ctx.jobs().enqueue({.task = "later", .unique_key = "k"});
    const auto other = ctx.jobs().enqueue({.task = "other", .unique_key = "k"});
    EXPECT_FALSE(first.duplicate || other.duplicate);
    EXPECT_TRUE(second.duplicate);
    EXPECT_EQ(first.id, second.id);
    ctx.jobs().follow({.task = "later", .unique_key = "k"});
    return Json();
  };
  EXPECT_TRUE(run(once).ok());
  EXPECT_EQ(world_.jobs.size(), 2u);
}

TEST_F(Services, WhatATestsOwnAnswerThrowsIsTheServicesFailure) {
  const auto ask = [](timmy::Context& ctx) { return ctx.call("some/1.thing", Json::object()); };
  world_.on("some/1.thing", [](const Json&) -> Json { throw std::runtime_error("oops"); });
  const auto outcome = run(ask);
  EXPECT_EQ(outcome.code, "internal");
  EXPECT_EQ(outcome.status, TIMMY_RETRYABLE);
  world_.on("some/1.thing", [](const Json&) -> Json { throw 7; });
  EXPECT_EQ(run(ask).code, "internal");
}

TEST_F(Services, HttpNamesACredentialAndNeverSeesIt) {
  world_.reply("POST", "http://127.0.0.1:1/v1", {.status = 200, .body = "{\"ok\": true}"});
  const Outcome outcome = run([](timmy::Context& ctx) {
    return ctx.http()
        .request(
            {.method = "POST", .url = "http://127.0.0.1:1/v1", .body = "{}", .credential = "model"})
        .json();
  });
  EXPECT_EQ(outcome.result, (Json{{"ok", true}}));
  EXPECT_EQ(world_.requests.at(0).at("credential"), "model");
}

TEST_F(Services, AReplyThatIsNoJsonIsBad) {
  world_.reply("GET", "http://h/", {.status = 200, .body = "<html>"});
  EXPECT_EQ(run([](timmy::Context& ctx) { return ctx.http().get("http://h/").json(); }).code,
            "bad_reply");
}

TEST_F(Services, ACallOfACancelledRunThrowsCancelled) {
  world_.cancel_at_call(2);
  const Outcome outcome = run([](timmy::Context& ctx) {
    ctx.jobs().progress(10, "on the way");
    ctx.jobs().progress(20, "never seen");
    return Json();
  });
  EXPECT_EQ(outcome.status, TIMMY_CANCELLED);
  EXPECT_EQ(world_.calls.size(), 2u);
}

TEST_F(Services, ACancelAtACallGoesWithItsRun) {
  const auto report = [&] {
    return run([](timmy::Context& ctx) {
      ctx.jobs().progress(10, "on the way");
      return Json();
    });
  };
  world_.cancel_at_call(3);
  EXPECT_TRUE(report().ok());
  EXPECT_TRUE(report().ok());
  EXPECT_TRUE(report().ok()) << "cancelled by what was meant for another run";
}

TEST_F(Services, TheWorldKeepsWhatEachCallAskedFor) {
  run([](timmy::Context& ctx) {
    (void)ctx.state().get("seen");
    ctx.jobs().progress(10, "on the way");
    return Json();
  });
  ASSERT_EQ(world_.asked.size(), world_.calls.size());
  EXPECT_EQ(world_.asked.at(0).method, "state/1.get");
  EXPECT_EQ(world_.asked.at(0).params, (Json{{"key", "seen"}}));
  EXPECT_EQ(world_.asked.at(1).params.at("percent"), 10);
}

TEST_F(Services, TheClockStandsWhereTheTestPutIt) {
  world_.set_now(timmy::parse_time("2030-01-01T00:00:00Z").value());
  EXPECT_EQ(run([](timmy::Context& ctx) {
              return Json{{"now", timmy::format_time(ctx.now())}};
            }).result,
            (Json{{"now", "2030-01-01T00:00:00Z"}}));
}

TEST_F(Services, StateHasTheHostsLimits) {
  const auto code = [&](const std::string& key, const Json& value) {
    return run([&](timmy::Context& ctx) { return ctx.state().put_now(key, value), Json(); }).code;
  };
  EXPECT_EQ(code(std::string(256, 'k'), std::string(64 * 1024 - 2, 'v')), "");
  EXPECT_EQ(code(std::string(257, 'k'), 1), "too_large");
  EXPECT_EQ(code("k", std::string(64 * 1024 - 1, 'v')), "too_large");
}

TEST_F(Services, AResultThatIsNoObjectIsWrapped) {
  EXPECT_EQ(run([](timmy::Context&) { return Json(7); }).result, (Json{{"value", 7}}));
}

TEST_F(Services, AServiceWithoutATypedFormIsCalledByName) {
  world_.on("clock/1.skew", [](const Json& params) { return Json{{"was", params.at("x")}}; });
  EXPECT_EQ(run([](timmy::Context& ctx) {
              return ctx.call("clock/1.skew", {{"x", 3}});
            }).result.at("was"),
            3);
}

TEST_F(Services, WhatThisHostDoesNotHaveIsUnsupportedAndWhatAServiceDoesNotHaveIsUsage) {
  const auto code = [&](const char* method) {
    const Outcome outcome =
        run([&](timmy::Context& ctx) { return ctx.call(method, Json::object()); });
    EXPECT_EQ(outcome.status, TIMMY_PERMANENT) << method;
    return outcome.code;
  };
  EXPECT_EQ(code("later/1.hello"), "unsupported");
  EXPECT_EQ(code("state/2.get"), "unsupported") << "another revision is another service";
  EXPECT_EQ(code("state/1.later"), "usage");
  EXPECT_EQ(code("jobs/1.later"), "usage");
}

class Remaining : public Services {
 protected:
  // In milliseconds, null where the context has none.
  Json told() {
    return run([](timmy::Context& ctx) {
             const auto left = ctx.remaining();
             return Json{{"ms", left ? Json(left->count()) : Json()}};
           })
        .result.value("ms", Json("nothing"));
  }
};

TEST_F(Remaining, IsWhatTheWorldSays) {
  world_.remaining = std::chrono::seconds(5);
  EXPECT_EQ(told(), 5000);
}

TEST_F(Remaining, IsZeroOnceTheRunIsCancelled) {
  world_.cancel();
  EXPECT_EQ(told(), 0);
}

TEST_F(Remaining, IsNotThereOnAHostFromBeforeIt) {
  world_.remaining = std::nullopt;
  EXPECT_EQ(told(), Json());
}

}  // namespace
