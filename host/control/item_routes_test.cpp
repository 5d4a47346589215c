// SPDX-License-Identifier: Apache-2.0
#include "control/item_routes.hpp"

#include <gmock/gmock.h>

#include "dispatch/dispatcher_fixture.hpp"

namespace host {
namespace {

using testing::HasSubstr;

class ItemRoutes : public dispatch::DispatcherTest {
 protected:
  static ServerRequest request(const std::string& method, std::vector<std::string> segments,
                               std::map<std::string, std::string> query = {}) {
    ServerRequest made;
    made.method = method;
    made.segments = std::move(segments);
    for (const auto& each : made.segments) made.path += "/" + each;
    for (const auto& [key, value] : query) made.query.emplace(key, value);
    return made;
  }
  ItemSources sources() {
    return {dispatcher_.get(), &store_,
            [](const std::string& run, std::uint64_t offset, Duration, const Reply<Json>& reply) {
              reply(Json{{"text", run + " from " + std::to_string(offset)},
                         {"next", offset + 1},
                         {"ended", true}});
            },
            nullptr};
  }
  Result<Json> get(std::vector<std::string> segments,
                   std::map<std::string, std::string> query = {}) {
    return answer_of<Json>([&](Reply<Json> reply) {
      read_items(sources(), request("GET", std::move(segments), std::move(query)),
                 std::move(reply));
    });
  }
  Result<Json> post(std::vector<std::string> segments, const Json& body = Json::object()) {
    return answer_of<Json>([&](Reply<Json> reply) {
      change_items(sources(), request("POST", std::move(segments)), body, std::move(reply));
    });
  }
};

TEST_F(ItemRoutes, ListAndShowItemsWithTheirGates) {
  add_issue();
  start();
  const auto list = get({"v1", "items"}).value();
  ASSERT_EQ(list["items"].size(), 1U);
  EXPECT_EQ(list["items"][0]["state"], "done");
  EXPECT_TRUE(get({"v1", "items"}, {{"live", "1"}}).value()["items"].empty());
  const auto id = to_text(list["items"][0]["id"]);
  const auto shown = get({"v1", "items", id}).value();
  EXPECT_EQ(shown["gates"].size(), 6U);
  EXPECT_EQ(shown["gates"][5]["evidence"]["pull"], shown["pull"]);
  EXPECT_EQ(get({"v1", "items", "77"}).error().code(), Code::not_found);
}

TEST_F(ItemRoutes, AnItemIsOrderedCancelledAndRetried) {
  runs_.by_themselves = false;
  add_issue({});
  start();
  const Json order{{"repository", "org/app"}, {"number", 1}, {"playbook", "fixer"}};
  Json dry = order;
  dry["dry_run"] = true;
  EXPECT_EQ(post({"v1", "items"}, dry).value()["taken"], true);
  EXPECT_TRUE(items().empty());
  const auto taken = post({"v1", "items"}, order).value();
  EXPECT_EQ(taken["source"], "operator");
  EXPECT_EQ(post({"v1", "items"}, order).error().code(), Code::conflict);
  const auto id = to_text(taken["id"]);
  ASSERT_TRUE(post({"v1", "items", id, "cancel"}, {{"why", "by hand"}}).ok());
  EXPECT_EQ(get({"v1", "items", id}).value()["state"], "stopped");
  EXPECT_EQ(post({"v1", "items", id, "cancel"}).error().code(), Code::conflict);
  EXPECT_EQ(post({"v1", "items", id, "retry"}).value()["state"], "waiting");
}

TEST_F(ItemRoutes, ALogIsThatOfTheItemsOwnRuns) {
  add_issue();
  start();
  EXPECT_EQ(get({"v1", "items", "1", "log"}, {{"offset", "5"}}).value()["text"], "d1.1 from 5");
  EXPECT_EQ(get({"v1", "items", "1", "log"}, {{"run", "d2.1"}}).error().code(), Code::not_found);
}

}  // namespace
}  // namespace host
