// SPDX-License-Identifier: Apache-2.0
#include "services/service_table.hpp"

#include <gmock/gmock.h>

#include "services/state_service.hpp"
#include "services/test_bench.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ServiceTableTest : public ServiceBench {
 protected:
  ServiceTableTest() { table_.add(make_state_service(store_, loop_.clock())); }
};

TEST_F(ServiceTableTest, ARunThatIsOverIsRefusedAndCounted) {
  const auto run = open({});
  EXPECT_TRUE(call(*run, "state/1.list").ok());
  (void)table_.close(run->run);
  EXPECT_EQ(call(*run, "state/1.list").error().code(), Code::stale);
  EXPECT_EQ(table_.stale_calls(), 1u);
  EXPECT_EQ(table_.close(run->run), nullptr);
}

TEST_F(ServiceTableTest, ACallThatTheDatabaseRefusesAsStaleIsCountedToo) {
  const auto run = open({});
  queue_.give_back({run->run}, {});
  loop_.drain();
  EXPECT_EQ(call(*run, "state/1.put_now", {{"key", "a"}, {"value", 1}}).error().code(),
            Code::stale);
  EXPECT_EQ(table_.stale_calls(), 1u);
}

TEST_F(ServiceTableTest, AMethodThatIsNotThereIsRefusedWithWhatIs) {
  const auto run = open({});
  EXPECT_THAT(call(*run, "state/2.get").error().what(), HasSubstr("It has state/1"));
  EXPECT_THAT(call(*run, "state/1.drop").error().what(), HasSubstr("put_now"));
  for (const char* method : {"", ".", "state/1", "state/1.", ".get"})
    EXPECT_EQ(call(*run, method).error().code(), Code::usage) << method;
}

TEST_F(ServiceTableTest, ParametersMustBeAnObjectOfBoundedDepth) {
  const auto run = open({});
  EXPECT_EQ(call(*run, "state/1.list", Json::array()).error().code(), Code::usage);
  Json deep = Json::object();
  for (int level = 0; level < 100; ++level) deep = Json{{"a", deep}};
  EXPECT_EQ(call(*run, "state/1.list", deep).error().code(), Code::invalid);
}

// Denies whatever "value" it is asked for.
class Denier final : public Service {
 public:
  std::string_view id() const override { return "deny/1"; }
  void call(const std::shared_ptr<RunContext>& run, std::string_view, const Json& params,
            Reply<Json> reply) override {
    require_grant(*run, "http", params.at("value").get<std::string>());
    reply(Json::object());
  }
};

class DenialTest : public ServiceTableTest {
 protected:
  DenialTest() { table_.add(std::make_unique<Denier>()); }
  void ask(const RunContext& run, const std::string& value) {
    EXPECT_EQ(call(run, "deny/1.ask", {{"value", value}}).error().code(), Code::not_granted);
  }
};

TEST_F(DenialTest, EachIsInTheLogOnceWithTheLineToAdd) {
  const auto run = open({});
  for (int again = 0; again < 3; ++again) ask(*run, "a.example:443");
  const auto another = open({});
  ask(*another, "a.example:443");
  EXPECT_THAT(*lines_,
              ElementsAre("warn plugin \"triage\" is not granted http for \"a.example:443\"; To "
                          "allow it, add under plugins.triage.grants in host.yaml: http: "
                          "[\"a.example:443\"]"));
  ask(*run, "b.example:443");
  EXPECT_EQ(lines_->size(), 2u);
}

TEST_F(DenialTest, AreSaidAgainOnceThePluginsGrantsChanged) {
  const auto run = open({});
  ask(*run, "a.example:443");
  table_.forget_denials("other");
  ask(*run, "a.example:443");
  EXPECT_EQ(lines_->size(), 1u);
  table_.forget_denials("triage");
  ask(*run, "a.example:443");
  EXPECT_EQ(lines_->size(), 2u);
}

TEST_F(DenialTest, OfOnePluginSoManyAreShownAndThenOneLineSaysThatMoreAreNot) {
  const auto run = open({});
  for (int each = 0; each < 200; ++each) ask(*run, std::to_string(each) + ".example:443");
  ASSERT_EQ(lines_->size(), 101u);
  EXPECT_THAT(lines_->back(), HasSubstr("triage was denied 100 different things: no more"));
  auto other = std::make_shared<RunContext>(*run);
  other->run = running_job();
  other->plugin = "other";
  table_.open(other);
  table_.begin(other->run);
  ask(*other, "a.example:443");
  EXPECT_THAT(lines_->back(), HasSubstr("plugin \"other\" is not granted"));
}

TEST_F(ServiceTableTest, PluginsLinesCarryTheirJob) {
  table_.log({JobId(7), RunLease(1)}, "triage", Level::warn, "odd issue");
  table_.log({}, "triage", Level::info, "created");
  EXPECT_THAT(*lines_, ElementsAre("warn triage: job 7: odd issue", "info triage: created"));
}

}  // namespace
}  // namespace host
