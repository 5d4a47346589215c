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

TEST_F(ServiceTableTest, PluginsLinesCarryTheirJob) {
  table_.log({JobId(7), RunLease(1)}, "triage", Level::warn, "odd issue");
  table_.log({}, "triage", Level::info, "created");
  EXPECT_THAT(*lines_, ElementsAre("warn triage: job 7: odd issue", "info triage: created"));
}

}  // namespace
}  // namespace host
