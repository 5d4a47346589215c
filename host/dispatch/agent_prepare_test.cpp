// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "dispatch/agent_fixture.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AgentFiles : public AgentTest {
 protected:
  AgentFiles() { launch_.scratch = scratch(); }
  [[nodiscard]] static std::string content(const fs::path& path) {
    return read_file(path, 1 << 20);
  }
  [[nodiscard]] static mode_t mode(const fs::path& path) {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }
  AgentLaunch launch_;
};

TEST_F(AgentFiles, AreMadeForTheAgentAlone) {
  launch_.folders = {scratch() / "home"};
  launch_.files = {{scratch() / "home" / "config", "secret"}};
  prepare(launch_);
  EXPECT_EQ(content(scratch() / "home" / "config"), "secret");
  EXPECT_EQ(mode(scratch() / "home"), 0700U);
  EXPECT_EQ(mode(scratch() / "home" / "config"), 0600U);
}

TEST_F(AgentFiles, NeverGoThroughALinkThatStandsThere) {
  write(folder_ / "other", "kept");
  fs::create_symlink(folder_ / "other", scratch() / "config");
  launch_.files = {{scratch() / "config", "secret"}};
  EXPECT_THROW(prepare(launch_), Error);
  EXPECT_EQ(content(folder_ / "other"), "kept");
}

TEST_F(AgentFiles, AreCopiedWithoutWhatLinksLeadTo) {
  write(hermes_home() / "skills" / "a" / "SKILL.md", "how");
  program(hermes_home() / "skills" / "a" / "run");
  write(home() / ".ssh" / "id", "private");
  fs::create_symlink(home() / ".ssh", hermes_home() / "skills" / "ssh");
  ::mkfifo((hermes_home() / "skills" / "pipe").c_str(), 0600);
  launch_.copies = {{hermes_home() / "skills", scratch() / "skills"},
                    {hermes_home() / "none", scratch() / "none"}};
  prepare(launch_);
  EXPECT_EQ(content(scratch() / "skills" / "a" / "SKILL.md"), "how");
  EXPECT_EQ(mode(scratch() / "skills" / "a" / "run") & 0100U, 0100U);
  EXPECT_FALSE(fs::exists(fs::symlink_status(scratch() / "skills" / "ssh")));
  EXPECT_FALSE(fs::exists(fs::symlink_status(scratch() / "skills" / "pipe")));
  EXPECT_FALSE(fs::exists(scratch() / "none"));
}

TEST_F(AgentFiles, AreCopiedFromWhereTheOperatorsOwnLinkLeads) {
  write(folder_ / "dotfiles" / "skills" / "SKILL.md", "how");
  fs::create_symlink(folder_ / "dotfiles" / "skills", hermes_home() / "skills");
  launch_.copies = {{hermes_home() / "skills", scratch() / "skills"}};
  prepare(launch_);
  EXPECT_EQ(content(scratch() / "skills" / "SKILL.md"), "how");
}

TEST_F(AgentFiles, ThatAreTooMuchToCopyAreRefused) {
  const auto big = hermes_home() / "skills" / "model.bin";
  write(big, "");
  fs::resize_file(big, std::uintmax_t{65} << 20);
  launch_.copies = {{hermes_home() / "skills", scratch() / "skills"}};
  try {
    prepare(launch_);
    ADD_FAILURE() << "taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::too_large);
  }
}

TEST_F(AgentFiles, OutliveTheRunWhereTheyAreToBeKept) {
  write(scratch() / "hermes" / "state.db", "rows");
  write(scratch() / "hermes" / "sessions" / "one.json", "{}");
  launch_.kept = {scratch() / "hermes" / "state.db", scratch() / "hermes" / "sessions",
                  scratch() / "hermes" / "none"};
  EXPECT_THAT(keep(launch_.scratch, launch_.kept, folder_ / "kept"), IsEmpty());
  EXPECT_EQ(content(folder_ / "kept" / "state.db"), "rows");
  EXPECT_EQ(content(folder_ / "kept" / "sessions" / "one.json"), "{}");
  EXPECT_EQ(mode(folder_ / "kept"), 0700U);
}

TEST_F(AgentFiles, AreNotKeptThroughAnAgentsLinks) {
  write(home() / "secret.db", "the operator's");
  fs::create_directories(scratch() / "hermes");
  fs::create_symlink(home() / "secret.db", scratch() / "hermes" / "state.db");
  // And one on the way.
  write(home() / "data" / "log", "the operator's");
  fs::create_symlink(home() / "data", scratch() / "elsewhere");
  launch_.kept = {scratch() / "hermes" / "state.db", scratch() / "elsewhere" / "log"};
  EXPECT_THAT(keep(launch_.scratch, launch_.kept, folder_ / "kept"),
              ElementsAre("state.db is a link"));
  EXPECT_TRUE(fs::is_empty(folder_ / "kept"));
}

TEST_F(AgentFiles, OfAnAgentDoNotHangTheHostOrFillItsDisk) {
  fs::create_directories(scratch() / "hermes");
  ::mkfifo((scratch() / "hermes" / "state.db").c_str(), 0600);
  write(scratch() / "hermes" / "big", "");
  fs::resize_file(scratch() / "hermes" / "big", std::uintmax_t{257} << 20);
  launch_.kept = {scratch() / "hermes" / "state.db", scratch() / "hermes" / "big"};
  EXPECT_THAT(keep(launch_.scratch, launch_.kept, folder_ / "kept"),
              ElementsAre("state.db is no file", "big is too large"));
}

}  // namespace
}  // namespace host::dispatch
