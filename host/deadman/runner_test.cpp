// SPDX-License-Identifier: Apache-2.0
#include "deadman/runner.hpp"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/test_folder.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

Ending run(const Errand& errand, const Environment& environment = {}) {
  return ProgramRunner(environment).run(errand);
}

TEST(ProgramRunner, TellsHowAProgramEnded) {
  EXPECT_TRUE(run({.arguments = {"/bin/true"}}).ok);
  const auto failed = run({.arguments = {"/bin/ls", "/no/such/file"}});
  EXPECT_FALSE(failed.ok);
  EXPECT_THAT(failed.text, HasSubstr("status 2: "));
  EXPECT_THAT(failed.text, HasSubstr("/no/such/file"));
  EXPECT_THAT(failed.text, Not(HasSubstr("\n")));
  EXPECT_EQ(run({.arguments = {"/bin/sh", "-c", "echo a; echo b"}}).output, "a\nb\n");
}

TEST(ProgramRunner, OneThatIsNotThereIsAFailureAndNoException) {
  const auto missing = run({.arguments = {"/no/such/program"}});
  EXPECT_FALSE(missing.ok);
  EXPECT_THAT(missing.text, HasSubstr("/no/such/program"));
}

TEST(ProgramRunner, EndsWhatTakesTooLong) {
  const auto hung = run({.arguments = {"/bin/sleep", "100"}, .limit = 50ms});
  EXPECT_FALSE(hung.ok);
  EXPECT_EQ(hung.text, "took longer than 50ms");
}

TEST(ProgramRunner, EndsWhatPrintsWithoutEnd) {
  EXPECT_EQ(run({.arguments = {"/usr/bin/yes"}, .limit = 50ms}).text, "took longer than 50ms");
  EXPECT_TRUE(run({.arguments = {"/bin/sh", "-c", "setsid yes & exit 0"}, .limit = 10s}).ok)
      << "nor is what it left behind waited for";
}

TEST(ProgramRunner, DoesNotWaitForWhoInheritedItsOutput) {
  EXPECT_TRUE(run({.arguments = {"/bin/sh", "-c", "setsid sleep 5 & exit 0"}, .limit = 10s}).ok);
}

TEST(ProgramRunner, AFloodOfOutputIsReadAndForgotten) {
  const auto loud =
      run({.arguments = {"/bin/sh", "-c", "yes | head -c 1000000; echo the end; exit 3"}});
  EXPECT_THAT(loud.text, HasSubstr("the end"));
  EXPECT_LT(loud.text.size(), 1100u);
}

TEST(ProgramRunner, GivesTheInput) {
  const TestFolder folder;
  const auto copy = (folder / "copy").string();
  EXPECT_TRUE(run({.arguments = {"/usr/bin/tee", copy}, .input = "{\"a\":1}\n"}).ok);
  EXPECT_EQ(read_file(copy, 100), "{\"a\":1}\n");
}

TEST(ProgramRunner, RunsNothingThatOthersCouldHaveWritten) {
  const TestFolder folder;
  const auto program = (folder / "alert").string();
  const auto ran = folder / "ran";
  write_atomically(program, "#!/bin/sh\ntouch '" + ran.string() + "'\n", 0755);
  EXPECT_TRUE(run({.arguments = {program}}).ok);
  ASSERT_TRUE(std::filesystem::remove(ran));
  ::chmod(program.c_str(), 0775);
  const auto refused = run({.arguments = {program}});
  EXPECT_FALSE(refused.ok);
  EXPECT_THAT(refused.text, HasSubstr("chmod go-w " + program));
  EXPECT_FALSE(run({.arguments = {"/bin/true"}, .programs = {program}}).ok)
      << "what is started in turn counts as well";
  EXPECT_FALSE(std::filesystem::exists(ran));
}

TEST(ProgramRunner, EachLinkOnTheWayToAProgramIsFollowedOnlyWhereNobodyElseCouldHavePutIt) {
  const TestFolder folder;
  const auto open = folder / "open";
  std::filesystem::create_directory(open);
  std::filesystem::create_symlink("/bin/true", open / "program");
  std::filesystem::create_directory_symlink("/bin", open / "bin");
  std::filesystem::create_symlink("open/program", folder / "near");
  const std::vector<std::string> ways{(open / "program").string(), (open / "bin/true").string(),
                                      (folder / "near").string()};
  for (const auto& way : ways) EXPECT_TRUE(run({.arguments = {way}}).ok) << way;
  EXPECT_NO_THROW(check_program((open / "bin/no-such").string()));
  for (const mode_t mode : {0777, 01777}) {
    ::chmod(open.c_str(), mode);
    for (const auto& way : ways) {
      const auto refused = run({.arguments = {way}});
      EXPECT_FALSE(refused.ok) << way;
      EXPECT_THAT(refused.text, HasSubstr("is a symbolic link, and " + open.string()));
      EXPECT_FALSE(run({.arguments = {"/bin/true"}, .programs = {way}}).ok) << way;
    }
    EXPECT_THROW(check_program((open / "bin/no-such").string()), Error);
  }
}

TEST(ProgramRunner, WhatIsNotThereMustNotBePutThereByOthers) {
  const TestFolder folder;
  EXPECT_NO_THROW(check_program((folder / "later").string()));
  ::chmod(folder.path().c_str(), 0777);
  EXPECT_THROW(check_program((folder / "later").string()), Error);
}

TEST(ProgramRunner, PassesOnOnlyWhatFindsTheUsersManager) {
  ::setenv("TIMMY_SECRET_OF_OURS", "x", 1);
  const auto seen = run({.arguments = {"/bin/sh", "-c", "env; exit 1"}},
                        Environment({{"XDG_RUNTIME_DIR", "/run/user/7"},
                                     {"DBUS_SESSION_BUS_ADDRESS", "unix:path=/x"},
                                     {"GITEA_TOKEN", "secret"}}));
  EXPECT_THAT(seen.text, HasSubstr("XDG_RUNTIME_DIR=/run/user/7"));
  EXPECT_THAT(seen.text, HasSubstr("DBUS_SESSION_BUS_ADDRESS=unix:path=/x"));
  EXPECT_THAT(seen.text, Not(HasSubstr("secret")));
  EXPECT_THAT(seen.text, Not(HasSubstr("TIMMY_SECRET_OF_OURS")));
  EXPECT_THAT(run({.arguments = {"/bin/sh", "-c", "env; exit 1"}}).text,
              HasSubstr("XDG_RUNTIME_DIR=/run/user/"))
      << "a cron job has none";
}

}  // namespace
}  // namespace host::deadman
