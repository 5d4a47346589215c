// SPDX-License-Identifier: Apache-2.0
#include "plugins/quarantine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fake_loop.hpp"
#include "store/inline_store.hpp"

namespace host {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

class QuarantineTest : public testing::Test {
 protected:
  QuarantineTest() {
    quarantine_.set_handler([this](const std::string& plugin) { changed_.push_back(plugin); });
  }
  void faults(int count, const std::string& sha = "aa") {
    for (int i = 0; i < count; ++i) quarantine_.note_fault("triage", sha, "killed by SIGSEGV");
    loop_.drain();
  }
  QuarantineRecords stored() {
    return store_.run_now([](Unit& unit) { return read_quarantine(unit); });
  }
  bool clear() {
    std::optional<bool> was_there;
    quarantine_.clear("triage", [&](Result<bool> reply) { was_there = reply.value(); });
    loop_.drain();
    return was_there.value();
  }

  FakeLoop loop_;
  InlineStore store_{loop_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  std::vector<std::string> changed_;
  Quarantine quarantine_{store_, loop_, Log::to_memory(lines_)};
};

TEST_F(QuarantineTest, SetsAPluginAsideAfterTooManyFaultsAndSaysSo) {
  faults(4);
  EXPECT_FALSE(quarantine_.active("triage", "aa"));
  faults(1);
  EXPECT_TRUE(quarantine_.active("triage", "aa"));
  EXPECT_THAT(changed_, ElementsAre("triage"));
  const auto record = stored().at("triage");
  EXPECT_EQ(record.sha256, "aa");
  EXPECT_EQ(record.reason, "failed 5 times within 1h, the last time: killed by SIGSEGV");
  EXPECT_EQ(record.since, loop_.clock().wall());
  EXPECT_THAT(*lines_, Contains(HasSubstr("timmy-host plugins reset triage")));
}

TEST_F(QuarantineTest, SetsAPluginAsideAtOnceThatCannotBeMade) {
  quarantine_.refuse("triage", "aa", "no symbol timmy_plugin_v1");
  quarantine_.refuse("triage", "aa", "no symbol timmy_plugin_v1");
  loop_.drain();
  EXPECT_TRUE(quarantine_.active("triage", "aa"));
  EXPECT_FALSE(quarantine_.active("triage", "bb"));
  EXPECT_THAT(changed_, ElementsAre("triage"));
  EXPECT_EQ(stored().at("triage").reason, "can't be made: no symbol timmy_plugin_v1");
}

TEST_F(QuarantineTest, ASetupIsItsBytesConfigAndGrantedPaths) {
  const auto key = setup_key("aa", "{}", {"/a"}, {});
  EXPECT_EQ(key, setup_key("aa", "{}", {"/a"}, {}));
  EXPECT_NE(key, "aa");
  EXPECT_NE(key, setup_key("bb", "{}", {"/a"}, {}));
  EXPECT_NE(key, setup_key("aa", R"({"x":1})", {"/a"}, {}));
  EXPECT_NE(key, setup_key("aa", "{}", {}, {"/a"}));
}

TEST_F(QuarantineTest, FaultsThatAreFarApartDoNotAddUp) {
  for (int i = 0; i < 20; ++i) {
    faults(1);
    loop_.advance(16min);
  }
  EXPECT_FALSE(quarantine_.active("triage", "aa"));
}

TEST_F(QuarantineTest, OtherBytesStartAnew) {
  faults(4, "aa");
  faults(4, "bb");
  EXPECT_TRUE(quarantine_.records().empty());
  faults(1, "bb");
  EXPECT_TRUE(quarantine_.active("triage", "bb"));
  EXPECT_FALSE(quarantine_.active("triage", "cc"));
  EXPECT_FALSE(quarantine_.active("heartbeat", "bb"));
}

TEST_F(QuarantineTest, OutlivesTheHost) {
  faults(5);
  Quarantine next(store_, loop_, Log::to_memory(lines_));
  bool loaded = false;
  next.load([&](Status status) { loaded = status.ok(); });
  EXPECT_FALSE(loaded);
  loop_.drain();
  EXPECT_TRUE(loaded);
  EXPECT_TRUE(next.active("triage", "aa"));
}

TEST_F(QuarantineTest, IsLiftedByCommandAndTheFaultsAreForgotten) {
  EXPECT_FALSE(clear());
  EXPECT_TRUE(changed_.empty());
  faults(5);
  EXPECT_TRUE(clear());
  EXPECT_FALSE(quarantine_.active("triage", "aa"));
  EXPECT_TRUE(stored().empty());
  EXPECT_THAT(changed_, ElementsAre("triage", "triage"));
  faults(4);
  EXPECT_FALSE(quarantine_.active("triage", "aa"));
}

TEST_F(QuarantineTest, LateRepliesFindItsOwnerGone) {
  auto gone = std::make_unique<Quarantine>(store_, loop_, Log::to_memory(lines_));
  gone->clear("triage", [](Result<bool>) { FAIL(); });
  gone.reset();
  loop_.drain();
}

}  // namespace
}  // namespace host
