// SPDX-License-Identifier: Apache-2.0
#include "store/inline_store.hpp"

#include <gtest/gtest.h>

#include "base/fake_loop.hpp"

namespace host {
namespace {

class InlineStoreTest : public testing::Test {
 protected:
  FakeLoop loop_;
  InlineStore store_{loop_};
};

TEST_F(InlineStoreTest, has_the_tables_and_replies_on_the_loop) {
  std::optional<std::int64_t> count;
  store_.run(
      [](Unit& unit) {
        unit.run("INSERT INTO settings VALUES('k', 'v')");
        auto& row = unit.query("SELECT count(*) FROM settings WHERE key='k'");
        row.step();
        return row.integer(0);
      },
      [&](Result<std::int64_t> result) { count = result.value(); });
  EXPECT_EQ(count, std::nullopt);
  loop_.drain();
  EXPECT_EQ(count, 1);
}

TEST_F(InlineStoreTest, runs_an_operation_twice_and_keeps_what_the_second_run_did) {
  int runs = 0;
  store_.run_now([&](Unit& unit) { unit.run("INSERT INTO settings VALUES(?, 'v')", ++runs); });
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(store_.run_now([](Unit& unit) {
    auto& row = unit.query("SELECT group_concat(key) FROM settings WHERE value='v'");
    row.step();
    return row.string(0);
  }),
            "2");
}

TEST_F(InlineStoreTest, undoes_an_operation_that_throws) {
  EXPECT_THROW(store_.run_now([](Unit& unit) {
    unit.run("INSERT INTO settings VALUES('k', 'v')");
    throw Error(Code::conflict, "no");
  }),
               Error);
  EXPECT_FALSE(store_.run_now(
      [](Unit& unit) { return unit.query("SELECT 1 FROM settings WHERE key='k'").step(); }));
}

TEST_F(InlineStoreTest, fails_on_demand) {
  store_.fail_next(Error(Code::io, "disk"), 1);
  std::optional<Code> code;
  store_.submit([](Unit&) {}, [&](Status status) { code = status.error().code(); });
  loop_.drain();
  EXPECT_EQ(code, Code::io);
  EXPECT_NO_THROW(store_.run_now([](Unit&) {}));
}

TEST_F(InlineStoreTest, replies_of_a_store_that_is_gone_are_not_called) {
  bool called = false;
  {
    InlineStore short_lived(loop_);
    short_lived.submit([](Unit&) {}, [&](Status) { called = true; });
  }
  loop_.drain();
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace host
