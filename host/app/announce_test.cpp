// SPDX-License-Identifier: Apache-2.0
#include "app/announce.hpp"

#include <gmock/gmock.h>

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

PluginEntry entry(const std::string& id, PluginState state, const std::string& reason = {}) {
  PluginEntry entry;
  entry.id = id;
  entry.path = "/plugins/" + id + ".so";
  entry.state = state;
  entry.reason = reason;
  entry.manifest.emplace();
  entry.manifest->version = "1.0.0";
  return entry;
}

std::vector<std::string> lines(const std::vector<PluginEntry>& before,
                               const std::vector<PluginEntry>& now) {
  std::vector<std::string> all;
  for (const auto& one : announcements(before, now))
    all.push_back(std::string(name(one.level)) + " " + one.text);
  return all;
}

TEST(Announcements, TellWhatIsNewAndWhatChangedAndNothingTwice) {
  const auto ready = entry("a", PluginState::ready);
  auto refused = entry("b", PluginState::refused, "is empty");
  refused.fix = "Build it again.";
  EXPECT_THAT(lines({}, {ready, refused}),
              ElementsAre("info a 1.0.0 from /plugins/a.so runs",
                          "warn b (/plugins/b.so): refused: is empty; Build it again."));
  EXPECT_THAT(lines({ready, refused}, {ready, refused}), IsEmpty());
  EXPECT_THAT(lines({ready, refused}, {ready, entry("b", PluginState::ready)}),
              ElementsAre("info b 1.0.0 from /plugins/b.so runs"));
}

TEST(Announcements, TellThatAPluginsFileIsGone) {
  EXPECT_THAT(lines({entry("a", PluginState::ready)}, {}),
              ElementsAre("info a: /plugins/a.so is gone"));
}

TEST(Announcements, TellWhoseAPluginIsAndThatItIsAnothersNow) {
  auto first = entry("a", PluginState::ready), then = first;
  first.signed_by = "alice";
  then.signed_by = "bob";
  then.sha256 = "00ff";
  EXPECT_THAT(lines({}, {first}),
              ElementsAre("info a 1.0.0 from /plugins/a.so runs, signed by alice"));
  EXPECT_THAT(lines({first}, {then}),
              ElementsAre("info a 1.0.0 from /plugins/a.so runs, sha256 00ff, signed by bob"));
}

TEST(Announcements, TellOfADryRunWhenItBeginsAndOfItsEnd) {
  const auto earnest = entry("a", PluginState::ready);
  auto dry = earnest;
  dry.writes.dry_run = true;
  dry.notes = {"dry run: not sent"};
  EXPECT_THAT(lines({earnest}, {dry}),
              ElementsAre("info a 1.0.0 from /plugins/a.so runs", "warn a: dry run: not sent"));
  EXPECT_THAT(lines({dry}, {dry}), IsEmpty());
  EXPECT_THAT(lines({dry}, {earnest}), ElementsAre("info a 1.0.0 from /plugins/a.so runs"));
}

TEST(Announcements, PluginsThatNoFolderHasAreNotTakenForEachOther) {
  auto one = entry("one", PluginState::missing, "no folder has it");
  auto two = entry("two", PluginState::missing, "no folder has it");
  one.path = two.path = "";
  EXPECT_THAT(lines({one, two}, {one, two}), IsEmpty());
  EXPECT_THAT(lines({one, two}, {one}), IsEmpty()) << "host.yaml names it no more";
}

}  // namespace
}  // namespace host
