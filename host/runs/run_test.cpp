// SPDX-License-Identifier: Apache-2.0
#include "runs/run.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"

namespace host::runs {
namespace {

using testing::HasSubstr;

RunSpec good() {
  RunSpec spec;
  spec.id = "org.app-7.1";
  spec.arguments = {"hermes", "chat"};
  spec.folder = "/w/clone";
  spec.writable = {"/w/clone", "/w/scratch"};
  spec.scratch = "/w/scratch";
  spec.readable = {"/opt/hermes"};
  spec.environment = base_environment(spec.scratch);
  spec.meter = SocketAddress{"127.0.0.1", 8481};
  return spec;
}

template <class Spoil>
std::string refusal(Spoil spoil) {
  auto spec = good();
  spoil(spec);
  try {
    check(spec);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid);
    return error.message();
  }
  return "taken";
}

TEST(Run, IsTakenWhenItIsWhole) { EXPECT_NO_THROW(check(good())); }

TEST(Run, IsRefusedForAnIdThatIsNoName) {
  for (const char* id : {"", ".", "..", ".hidden", "a/b", "a b", "\n"})
    EXPECT_THAT(refusal([&](RunSpec& spec) { spec.id = id; }), HasSubstr("the id")) << id;
  EXPECT_THAT(refusal([](RunSpec& spec) { spec.id.assign(65, 'a'); }), HasSubstr("the id"));
}

TEST(Run, IsRefusedForWhatNoProgramCouldBeGiven) {
  EXPECT_THAT(refusal([](RunSpec& spec) { spec.arguments.clear(); }), HasSubstr("no program"));
  EXPECT_THAT(refusal([](RunSpec& spec) { spec.arguments.emplace_back("a\0b", 3); }),
              HasSubstr("NUL"));
  EXPECT_THAT(refusal([](RunSpec& spec) { spec.arguments.emplace_back("\xff"); }),
              HasSubstr("UTF-8"));
  EXPECT_THAT(refusal([](RunSpec& spec) { spec.environment["A=B"] = "x"; }), HasSubstr("A=B"));
  EXPECT_THAT(refusal([](RunSpec& spec) { spec.arguments.emplace_back(1 << 20, 'x'); }),
              HasSubstr("at most"));
}

TEST(Run, IsRefusedForPathsThatAreNone) {
  for (const char* path : {"clone", "/w/../etc", "/w/clone/", "/", "/w/./clone"})
    EXPECT_THAT(refusal([&](RunSpec& spec) { spec.writable[0] = path; }),
                HasSubstr("writable folder"))
        << path;
  EXPECT_THAT(refusal([](RunSpec& spec) { spec.folder = "/w"; }), HasSubstr("in no writable"));
  EXPECT_THAT(refusal([](RunSpec& spec) { spec.folder = "/w/clone2"; }),
              HasSubstr("in no writable"));
  EXPECT_THAT(refusal([](RunSpec& spec) { spec.scratch = "/w"; }), HasSubstr("scratch"));
}

TEST(Run, MayReachNothingButNoMeterElsewhere) {
  EXPECT_EQ(refusal([](RunSpec& spec) { spec.meter.reset(); }), "taken");
  EXPECT_THAT(refusal([](RunSpec& spec) {
                spec.meter = SocketAddress{"10.0.0.1", 80};
              }),
              HasSubstr("loopback"));
  EXPECT_EQ(refusal([](RunSpec& spec) { spec.meter.reset(), spec.network = Network::open; }),
            "taken");
}

TEST(Run, IsTheSameAfterJson) {
  const auto spec = good();
  const auto again = run_spec_from(parse_json(to_text(to_json(spec)), "a run"));
  EXPECT_EQ(to_json(again), to_json(spec));
  EXPECT_EQ(again.meter, spec.meter);
  EXPECT_EQ(again.limits.wall, spec.limits.wall);
}

TEST(Run, ThatEndedIsTheSameAfterJson) {
  RunEnding ending;
  ending.kind = RunEnding::Kind::memory;
  ending.number = 9;
  ending.killed = true;
  ending.evidence = "too much";
  ending.usage = {.cpu = Duration(5), .wall = Duration(6), .peak_memory = 7, .peak_processes = 8};
  ending.in_force.landlock = {true, "ABI 2"};
  ending.in_force.notes = {"a note"};
  EXPECT_EQ(run_ending_from(parse_json(to_text(to_json(ending)), "an ending")), ending);
}

TEST(Run, OfNoFormIsAnErrorAndNothingElse) {
  for (const char* text : {"{}", "[]", "7", R"({"kind":"exited"})", R"({"kind":7})"}) {
    EXPECT_THROW((void)run_ending_from(Json::parse(text)), Error) << text;
    EXPECT_THROW((void)run_spec_from(Json::parse(text)), Error) << text;
    EXPECT_THROW((void)in_force_from(Json::parse(text)), Error) << text;
  }
}

TEST(Run, CouldBeOutlivedOnlyWithoutBothPidNamespaceAndCgroup) {
  InForce in_force;
  EXPECT_TRUE(in_force.may_outlive());
  in_force.cgroup.in_force = true;
  EXPECT_FALSE(in_force.may_outlive());
  in_force = {};
  in_force.pid_namespace.in_force = true;
  EXPECT_FALSE(in_force.may_outlive());
}

}  // namespace
}  // namespace host::runs
