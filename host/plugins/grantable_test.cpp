// SPDX-License-Identifier: Apache-2.0
#include "plugins/grantable.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "base/test_folder.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Grantable : public ::testing::Test {
 protected:
  Grantable() {
    paths_.home = folder_ / "home";
    paths_.timmy_home = folder_ / "home/.timmy";
    paths_.hermes_home = folder_ / "home/.hermes";
    paths_.config = paths_.timmy_home;
    paths_.run = folder_ / "home/.timmy/run";
    config_.gitea.token_files = {folder_ / "keys/gitea"};
    config_.credentials = {{"model", folder_ / "keys/model"}};
    config_.webhooks.secret_files = {folder_ / "keys/hook"};
    for (const char* each : {"home/.timmy/run", "home/.timmy/stamps", "home/.hermes/sessions",
                             "home/.ssh", "srv/notes", "keys"})
      fs::create_directories(folder_ / each);
  }
  // What it was refused for, with the next step; empty when it may be granted.
  std::string refusal(const fs::path& path) {
    try {
      check_grantable(path, forbidden_paths(paths_, config_));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::not_granted);
      return error.what();
    }
    return {};
  }

  TestFolder folder_;
  Paths paths_;
  HostConfig config_;
};

TEST_F(Grantable, AFolderByNameMayBeGrantedAlsoBelowAHome) {
  for (const char* each : {"srv", "srv/notes/", "home/.timmy/stamps", "home/.hermes/sessions",
                           "srv/notes/../notes", "srv/later"})
    EXPECT_EQ(refusal(folder_ / each), "") << each;
}

TEST_F(Grantable, NothingOfTheHostsOwnMayBeGrantedNorWhatLiesInIt) {
  for (const char* each : {"home/.timmy/run",
                           "home/.timmy/run/cookie",
                           "home/.timmy/run/host.sock",
                           "home/.timmy/run/scratch",
                           "home/.timmy/host.db",
                           "home/.timmy/host.db-wal",
                           "home/.timmy/host.db-shm",
                           "home/.timmy/host.db.initialised",
                           "home/.timmy/host.lock",
                           "home/.timmy/host.yaml",
                           "home/.timmy/deadman.yaml",
                           "home/.timmy/deadman",
                           "home/.timmy/deadman/state.json",
                           "home/.hermes/token_budget.json",
                           "home/.hermes/token_usage.jsonl",
                           "home/.timmy/plugins",
                           "home/.timmy/plugins/mine.so",
                           "keys/gitea",
                           "keys/model",
                           "keys/hook"})
    EXPECT_NE(refusal(folder_ / each), "") << each;
}

TEST_F(Grantable, AFolderThatHoldsAnyOfItMayNotBeGranted) {
  for (const char* each : {"", "home", "home/", "home/.timmy", "home/.hermes", "keys", "srv/.."})
    EXPECT_NE(refusal(folder_ / each), "") << each;
  EXPECT_NE(refusal("/"), "");
}

TEST_F(Grantable, ALinkOnTheWayIsRefusedWithThePathItLeadsTo) {
  fs::create_directory_symlink(folder_ / "home/.ssh", folder_ / "srv/notes/today");
  EXPECT_THAT(refusal(folder_ / "srv/notes/today"), HasSubstr((folder_ / "home/.ssh").string()));
  EXPECT_NE(refusal(folder_ / "srv/notes/today/id"), "");
  fs::create_directory_symlink(folder_ / "nowhere", folder_ / "srv/dangling");
  EXPECT_NE(refusal(folder_ / "srv/dangling"), "");
}

TEST_F(Grantable, APathThatIsNoneIsRefused) {
  EXPECT_THAT(refusal("notes"), HasSubstr("absolute"));
  EXPECT_THAT(refusal("~/notes"), HasSubstr("absolute"));
  EXPECT_THAT(refusal(folder_ / "srv/*"), HasSubstr("Name the folder"));
}

}  // namespace
}  // namespace host
