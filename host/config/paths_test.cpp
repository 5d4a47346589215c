// SPDX-License-Identifier: Apache-2.0
#include "config/paths.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.hpp"

namespace host {
namespace {

using Variables = std::map<std::string, std::string>;

Paths paths(Variables variables) { return Paths::from(Environment(std::move(variables))); }

TEST(Paths, StandInTheHomeFolderByDefault) {
  const Paths found = paths({{"HOME", "/home/op"}});
  EXPECT_EQ(found.hermes_home, "/home/op/.hermes");
  EXPECT_EQ(found.host_yaml(), "/home/op/.timmy/host.yaml");
  EXPECT_EQ(found.database(), "/home/op/.timmy/host.db");
  EXPECT_EQ(found.socket(), "/home/op/.timmy/run/host.sock");
  EXPECT_FALSE(found.credentials);
}

TEST(Paths, FollowTheirVariables) {
  const Paths found =
      paths({{"HOME", "/home/op"}, {"HERMES_HOME", "/h/"}, {"TIMMY_HOME", "/t/x/../y"}});
  EXPECT_EQ(found.hermes_home, "/h");
  EXPECT_EQ(found.timmy_home, "/t/y");
  EXPECT_EQ(found.cookie(), "/t/y/run/cookie");
}

TEST(Paths, FollowSystemdsDirectories) {
  const Paths found = paths({{"HOME", "/home/op"},
                             {"STATE_DIRECTORY", "/var/lib/timmy-host:/var/lib/other"},
                             {"RUNTIME_DIRECTORY", "/run/timmy-host"},
                             {"CONFIGURATION_DIRECTORY", "/etc/timmy-host"},
                             {"CREDENTIALS_DIRECTORY", "/run/credentials/timmy-host.service"}});
  EXPECT_EQ(found.database(), "/var/lib/timmy-host/host.db");
  EXPECT_EQ(found.lock(), "/var/lib/timmy-host/host.lock");
  EXPECT_EQ(found.host_yaml(), "/etc/timmy-host/host.yaml");
  EXPECT_EQ(found.scratch(), "/run/timmy-host/scratch");
  EXPECT_EQ(found.credentials, "/run/credentials/timmy-host.service");
}

TEST(Paths, FindTheSystemServiceForAnOperatorsShell) {
  const Paths found = paths({{"HOME", "/home/op"}, {"TIMMY_SYSTEM", "1"}});
  EXPECT_EQ(found.socket(), "/run/timmy-host/host.sock");
  EXPECT_EQ(found.host_yaml(), "/etc/timmy-host/host.yaml");
  EXPECT_EQ(found.database(), "/var/lib/timmy-host/host.db");
}

TEST(Paths, NeedNoHomeUnderAUnit) {
  EXPECT_EQ(paths({{"STATE_DIRECTORY", "/var/lib/t"}}).hermes_home, "/var/lib/t/hermes");
  EXPECT_THROW((void)paths({}), Error);
  EXPECT_THROW((void)paths({{"HERMES_HOME", "/h"}}), Error);
  EXPECT_THROW((void)paths({{"HOME", ""}}), Error);
}

TEST(Paths, RefuseOnesThatDependOnTheCurrentFolder) {
  try {
    (void)paths({{"HOME", "/home/op"}, {"TIMMY_HOME", "timmy"}});
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::usage);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("TIMMY_HOME"));
  }
}

TEST(ExpandHome, PutsInThisUsersHomeAndNoOther) {
  const Paths found = paths({{"HOME", "/home/op"}});
  EXPECT_EQ(expand_home("~/a/b", found), "/home/op/a/b");
  EXPECT_EQ(expand_home("~", found), "/home/op");
  EXPECT_EQ(expand_home("/a/~b", found), "/a/~b");
  EXPECT_THROW((void)expand_home("~root/x", found), Error);
  EXPECT_THROW((void)expand_home("~/x", paths({{"STATE_DIRECTORY", "/s"}})), Error);
}

TEST(Environment, IsACopyOfTheProcesss) {
  ::setenv("TIMMY_PATHS_TEST", "a=b", 1);
  const Environment environment = Environment::of_process();
  ::unsetenv("TIMMY_PATHS_TEST");
  EXPECT_EQ(environment.get("TIMMY_PATHS_TEST"), "a=b");
  EXPECT_FALSE(environment.get("TIMMY_NOT_SET"));
}

}  // namespace
}  // namespace host
