// SPDX-License-Identifier: Apache-2.0
#include "standing.hpp"

#include <timmy/failure.hpp>

#include "fixture.hpp"

namespace provenance {
namespace {

class StandingTest : public FolderTest {
 protected:
  void add(const std::string& id) {
    stores_.put(simple(id, "What of " + id + "?", "Of " + id + "."));
    (void)ingest();
  }
};

// A run takes what went out of the index once its manifest is there: an index that is opened then
// is no longer that of the manifest before.
TEST_F(StandingTest, ARunThatPublishesBetweenManifestAndIndexIsSeenWhole) {
  add("a");
  add("b");
  int looks = 0;
  const auto now = Standing::of(out(), [&] {
    if (++looks > 1) return;
    allow({rule("own", "internal", {{"source", "cli"}}), rule("back", "none", {{"session", "b"}})});
    (void)ingest();
  });
  EXPECT_EQ(looks, 2);
  EXPECT_EQ(now.manifest.generation, manifest().generation);
  EXPECT_EQ(now.manifest.pairs(), 1);
  ASSERT_NE(now.index, nullptr);
  EXPECT_EQ(now.index->totals().pairs, now.manifest.pairs());
}

TEST_F(StandingTest, ALookIsEnoughWhereNothingChanges) {
  add("a");
  int looks = 0;
  const auto now = Standing::of(out(), [&] { ++looks; });
  EXPECT_EQ(looks, 1);
  EXPECT_EQ(now.manifest.pairs(), 1);
}

TEST_F(StandingTest, OneThatIsAnotherAtEachLookIsBusy) {
  add("a");
  int looks = 0;
  EXPECT_THROW((void)Standing::of(out(), [&] { add(std::to_string(++looks)); }), timmy::Retryable);
  EXPECT_EQ(looks, 20);
}

}  // namespace
}  // namespace provenance
