// SPDX-License-Identifier: Apache-2.0
//
// An agent that attacks the host by git. Each row plants something in its clone, as only somebody
// hostile would; then the host does all that it does with a clone, the push with the token
// included. Whatever comes of it: no program of the agent's runs outside the cage, the token is
// nowhere to be seen, and the forge gets only what may be in it.
#include <algorithm>
#include <cctype>

#include "workspaces/clone_state.hpp"
#include "workspaces/disk.hpp"
#include "workspaces/git_leaks.hpp"
#include "workspaces/import_attacks.hpp"
#include "workspaces/push.hpp"

namespace host::workspaces {
namespace {

using ::testing::HasSubstr;

std::vector<Attack> all_attacks() {
  std::vector<Attack> all;
  for (auto part : {attacks_by_configuration(), attacks_by_tree(), attacks_by_size(),
                    attacks_by_history(), attacks_by_bundle()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

class AttackTest : public ForgeTest {
 protected:
  void SetUp() override {
    ForgeTest::SetUp();
    if (IsSkipped()) return;
    server_->set_look([this](const ServerRequest&) -> std::optional<ServerResponse> {
      const auto shown = descendants_shown();
      seen_ += shown.text;
      return std::nullopt;
    });
    fetch();
  }

  // All that the host does with a clone. "taken", or why not.
  std::string work_through(const Clone& clone, const Attack& attack) {
    const auto state = inspect(*mirror_, clone);
    said_ += state.reason;
    try {
      if (!attack.own_bundle && !bundle(clone)) return "no commits";
      forget_the_cage();
      const auto result = take_in(clone, attack.rules);
      for (const auto& problem : result.problems)
        said_ += problem.path + ": " + problem.text + "\n";
      if (!result.problems.empty()) return said_;
      const auto pushed = push_head(result.head);
      EXPECT_EQ(pushed.kind, PushResult::Kind::pushed) << pushed.text;
      EXPECT_EQ(at_forge(branch_of(item())), result.head);
      return "taken";
    } catch (const Error& error) {
      said_ += error.what();
      return error.what();
    }
  }
  // In the cage the agent's programs may run as they like.
  void forget_the_cage() { fs::remove(ran()); }

  void end_with_it(const Clone& clone) {
    said_ += inspect(*mirror_, clone).reason;
    const DiskRoom room(*clones_, [this](const WorkItem&) { return *mirror_; }, {.clones = 1});
    try {
      (void)room.make_room({.names = {}, .at = WallTime::max()});
    } catch (const Error& error) {
      said_ += error.what();
    }
  }

  std::string seen_;  // in /proc while git spoke with the forge
  std::string said_;  // to people and to the agent
};

class ImportAttack : public AttackTest, public ::testing::WithParamInterface<Attack> {};

TEST_P(ImportAttack, RunsNothingAndLeaksNothing) {
  Ground ground{make_clone(), canary(), forge_repo()};
  const auto mirror_before = plain_git(mirror_->git_dir(), {"config", "--list"});
  GetParam().plant(ground);
  forget_the_cage();
  const auto outcome = work_through(ground.clone, GetParam());
  end_with_it(ground.clone);
  server_->stop();

  const std::string_view expected = GetParam().outcome;
  if (expected == "!taken")
    EXPECT_NE(outcome, "taken");
  else
    EXPECT_THAT(outcome, HasSubstr(std::string(expected)));
  EXPECT_EQ(what_ran(), "");
  EXPECT_EQ(at_forge(branch_of(item())).has_value(), outcome == "taken");
  EXPECT_FALSE(holds_token(seen_ + said_ + outcome));
  EXPECT_FALSE(holds_token(all_bytes_below(folder_ / "host")));
  EXPECT_TRUE(fs::is_empty(mirror_->quarantines()));
  EXPECT_EQ(plain_git(mirror_->git_dir(), {"config", "--list"}), mirror_before);
  EXPECT_FALSE(fs::exists(mirror_->git_dir() / "objects" / "info" / "alternates"));
  EXPECT_NO_THROW(plain_git(mirror_->git_dir(), {"fsck", "--strict", "--connectivity-only"}));
}

INSTANTIATE_TEST_SUITE_P(All, ImportAttack, ::testing::ValuesIn(all_attacks()),
                         [](const auto& row) {
                           std::string name = row.param.name;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
                           return std::to_string(row.index) + "_" + name;
                         });

// Cut or spoilt anywhere it is refused, and the next import is none the worse.
TEST_F(AttackTest, ATornOrSpoiltBundleIsRefused) {
  const auto clone = make_clone();
  put(clone.tree() / "fix", "some text that is worth packing, and some more\n");
  const auto head = agent_commits(clone);
  ASSERT_TRUE(bundle(clone));
  const auto whole = read_file(clone.bundle(), 1 << 20);
  const auto refused = [&](const std::string& bytes) {
    put(clone.bundle(), bytes);
    try {
      return !take_in(clone).problems.empty();
    } catch (const Error&) {
      return true;
    }
  };
  for (std::size_t i = 0; i < 16; ++i)
    EXPECT_TRUE(refused(whole.substr(0, whole.size() * i / 16))) << i;
  EXPECT_TRUE(refused(whole.substr(0, whole.size() - 1)));
  const auto pack = whole.find("\n\nPACK") + 2;
  for (std::size_t at = pack; at < whole.size(); at += (whole.size() - pack) / 16 + 1) {
    auto spoilt = whole;
    spoilt[at] = static_cast<char>(spoilt[at] ^ 0x55);
    EXPECT_TRUE(refused(spoilt)) << at;
  }
  EXPECT_EQ(mirror_->work_head(branch_of(item())), std::nullopt);
  EXPECT_TRUE(fs::is_empty(mirror_->quarantines()));
  put(clone.bundle(), whole);
  EXPECT_EQ(take_in(clone).head, head);
}

}  // namespace
}  // namespace host::workspaces
