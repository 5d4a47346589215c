// SPDX-License-Identifier: Apache-2.0
#include "services/playbooks_service.hpp"

#include <gmock/gmock.h>

#include "services/test_bench.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FakePlaybookDesk final : public PlaybookDesk {
 public:
  explicit FakePlaybookDesk(Loop& loop) : loop_(loop) {}
  void dispatch(Order order, Reply<Json> reply) override {
    orders.push_back(order);
    loop_.post([this, order, reply] {
      if (refuse) return reply(*refuse);
      reply(item(order.playbook));
    });
  }
  void preview(Order order, Reply<Json> reply) override {
    loop_.post([reply, why = reasons] { reply(Json{{"taken", why.empty()}, {"reasons", why}}); });
    previews.push_back(order);
  }
  void status(std::int64_t number, Reply<Json> reply) override {
    loop_.post([number, reply] {
      if (number != 7) return reply(Error(Code::not_found, "there is no item"));
      reply(item("bug-fixer"));
    });
  }
  static Json item(const std::string& playbook) {
    return {{"item", 7}, {"playbook", playbook}, {"state", "waiting"}};
  }

  std::optional<Error> refuse;
  std::vector<std::string> reasons;
  std::vector<Order> orders, previews;

 private:
  Loop& loop_;
};

class PlaybooksServiceTest : public ServiceBench {
 protected:
  PlaybooksServiceTest() { table_.add(make_playbooks_service(desk_, store_, loop_.clock())); }
  std::vector<std::string> audited() {
    return rows(
        "SELECT who || ': ' || target || ': ' || result FROM audit "
        "WHERE what = 'playbooks/1.dispatch' ORDER BY id");
  }

  FakePlaybookDesk desk_{loop_};
  const Json order_{{"name", "bug-fixer"}, {"repository", "org/app"}, {"issue", 12}};
};

TEST_F(PlaybooksServiceTest, OnlyAPlaybookThatIsGrantedIsDispatched) {
  EXPECT_THAT(call(*open({{"playbooks.dispatch", {"triage"}}}), "playbooks/1.dispatch", order_)
                  .error()
                  .what(),
              HasSubstr("playbooks.dispatch: [\"bug-fixer\"]"));
  EXPECT_THAT(desk_.orders, IsEmpty());
  const auto run = open({{"playbooks.dispatch", {"bug-fixer"}}});
  EXPECT_EQ(call(*run, "playbooks/1.dispatch", order_).value()["item"], 7);
  ASSERT_THAT(desk_.orders, SizeIs(1));
  EXPECT_EQ(desk_.orders[0].source, "plugin triage");
  EXPECT_EQ(desk_.orders[0].repository, "org/app");
  EXPECT_EQ(desk_.orders[0].number, 12);
}

TEST_F(PlaybooksServiceTest, EachDispatchIsAuditedWhateverComesOfIt) {
  const auto run = open({{"playbooks.dispatch", {"*"}}});
  ASSERT_TRUE(call(*run, "playbooks/1.dispatch", order_).ok());
  desk_.refuse = Error(Code::conflict, "item 3 works on org/app#12 already");
  EXPECT_EQ(call(*run, "playbooks/1.dispatch", order_).error().code(), Code::conflict);
  EXPECT_THAT(audited(),
              ElementsAre(HasSubstr("org/app#12 by bug-fixer: ok"), HasSubstr("item 3 works")));
}

TEST_F(PlaybooksServiceTest, InADryRunNothingIsTaken) {
  const auto run = open({{"playbooks.dispatch", {"*"}}});
  run->writes.dry_run = true;
  const auto would = call(*run, "playbooks/1.dispatch", order_).value();
  EXPECT_TRUE(would["item"].is_null());
  EXPECT_EQ(would["state"], "waiting");
  desk_.reasons = {"closed"};
  EXPECT_EQ(call(*run, "playbooks/1.dispatch", order_).value()["state"], "declined");
  EXPECT_THAT(desk_.orders, IsEmpty());
  EXPECT_THAT(audited(), IsEmpty());
}

TEST_F(PlaybooksServiceTest, ItemsOfOtherPlaybooksAreNotTold) {
  EXPECT_EQ(call(*open({}), "playbooks/1.status", {{"item", 7}}).error().code(), Code::not_granted);
  EXPECT_EQ(call(*open({{"playbooks.dispatch", {"triage"}}}), "playbooks/1.status", {{"item", 7}})
                .error()
                .code(),
            Code::not_granted);
  const auto run = open({{"playbooks.dispatch", {"bug-fixer"}}});
  EXPECT_EQ(call(*run, "playbooks/1.status", {{"item", 7}}).value()["state"], "waiting");
  EXPECT_EQ(call(*run, "playbooks/1.status", {{"item", 8}}).error().code(), Code::not_found);
}

TEST_F(PlaybooksServiceTest, AnUnknownMethodOrAMissingNumberIsRefused) {
  const auto run = open({{"playbooks.dispatch", {"*"}}});
  EXPECT_EQ(call(*run, "playbooks/1.run", {}).error().code(), Code::usage);
  EXPECT_EQ(
      call(*run, "playbooks/1.dispatch", {{"name", "x"}, {"repository", "org/app"}}).error().code(),
      Code::usage);
}

}  // namespace
}  // namespace host
