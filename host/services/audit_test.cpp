// SPDX-License-Identifier: Apache-2.0
#include "services/audit.hpp"

#include <gmock/gmock.h>

#include "services/test_bench.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AuditTest : public ServiceBench {
 protected:
  void write(int count, const std::string& who, const std::string& target) {
    store_.run_now([&](Unit& unit) {
      for (int n = 0; n < count; ++n)
        write_audit(unit, {loop_.clock().wall(), who, "gitea/1.add_labels", target, "ok"});
    });
  }
  AuditPage list(const AuditFilter& filter = {}, std::optional<std::int64_t> before = {},
                 int limit = 50) {
    return store_.run_now([&](Unit& unit) { return list_audit(unit, filter, before, limit); });
  }
  static std::vector<std::int64_t> ids(const AuditPage& page) {
    std::vector<std::int64_t> all;
    for (const auto& row : page.rows) all.push_back(row.id);
    return all;
  }
};

TEST_F(AuditTest, IsListedNewestFirstPageByPage) {
  write(5, "plugin triage, job 7", "org/app#1");
  const auto first = list({}, {}, 2);
  EXPECT_THAT(ids(first), ElementsAre(5, 4));
  EXPECT_EQ(first.next, 4);
  EXPECT_EQ(first.rows[0].entry.who, "plugin triage, job 7");
  EXPECT_EQ(first.rows[0].entry.at, loop_.clock().wall());
  const auto last = list({}, 3, 50);
  EXPECT_THAT(ids(last), ElementsAre(2, 1));
  EXPECT_EQ(last.next, std::nullopt);
}

TEST_F(AuditTest, AFilterMatchesAnyPartAsItStands) {
  write(1, "plugin triage, job 7", "org/app#1");
  write(1, "plugin triage, job 8", "org/app#12");
  write(1, "uid 0, pid 9", "");
  EXPECT_THAT(ids(list({.who = "triage", .target = ""})), ElementsAre(2, 1));
  EXPECT_THAT(ids(list({.who = "job 8", .target = "org/app#1"})), ElementsAre(2));
  EXPECT_THAT(ids(list({.who = "", .target = "org/app#12"})), ElementsAre(2));
  EXPECT_THAT(ids(list({.who = "TRIAGE", .target = ""})), IsEmpty());
  EXPECT_THAT(ids(list({.who = "%", .target = ""})), IsEmpty()) << "it is no pattern";
}

TEST_F(AuditTest, LooksAtSoManyLinesForOnePageAndSaysWhereToGoOn) {
  write(1, "plugin rare, job 1", "org/app#1");
  write(10'005, "plugin triage, job 7", "org/app#1");
  const auto first = list({.who = "rare", .target = ""});
  EXPECT_THAT(ids(first), IsEmpty());
  ASSERT_EQ(first.next, 7);
  EXPECT_THAT(ids(list({.who = "rare", .target = ""}, first.next)), ElementsAre(1));
}

}  // namespace
}  // namespace host
