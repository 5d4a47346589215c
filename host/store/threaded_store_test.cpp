// SPDX-License-Identifier: Apache-2.0
#include "store/threaded_store.hpp"

#include <gmock/gmock.h>

#include <future>
#include <thread>

#include "base/fake_loop.hpp"
#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "store/migrations.hpp"
#include "store/open.hpp"

namespace host {
namespace {

class ThreadedStoreTest : public testing::Test {
 protected:
  void open(StoreOptions options = {}) {
    options.path = folder_ / "host.db";
    store_ = std::make_unique<ThreadedStore>(options, loop_, log_,
                                             [this](const Error& error) { fatal_ = error.code(); });
  }

  // Runs the loop until `until`; the store thread posts to it.
  void wait(const std::function<bool()>& until) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!until() && std::chrono::steady_clock::now() < end) {
      loop_.drain();
      std::this_thread::yield();
    }
    ASSERT_TRUE(until());
  }

  static void add_event(Unit& unit, std::string_view subject) {
    unit.run("INSERT INTO events(at, kind, subject, detail) VALUES(1, 'test', ?, '')", subject);
  }
  std::int64_t events() {
    return store_->run_now([](Unit& unit) {
      auto& row = unit.query("SELECT count(*) FROM events");
      row.step();
      return row.integer(0);
    });
  }
  // Holds the store thread until the returned promise is set.
  std::promise<void> hold() {
    std::promise<void> release;
    std::promise<void> entered;
    store_->submit(
        [&entered, gate = release.get_future().share()](Unit&) {
          entered.set_value();
          gate.wait();
        },
        {});
    entered.get_future().wait();
    return release;
  }

  TestFolder folder_;
  FakeLoop loop_;
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  Log log_ = Log::to_memory(lines_);
  std::optional<Code> fatal_;
  std::unique_ptr<ThreadedStore> store_;
};

TEST_F(ThreadedStoreTest, what_was_answered_is_there_after_reopening) {
  open();
  bool done = false;
  store_->submit([](Unit& unit) { add_event(unit, "a"); },
                 [&](Status status) { done = status.ok(); });
  EXPECT_FALSE(done) << "answered from inside the call";
  wait([&] { return done; });
  store_.reset();
  open();
  EXPECT_EQ(events(), 1);
}

TEST_F(ThreadedStoreTest, who_brings_a_door_is_answered_there_whatever_the_answer) {
  open({.capacity = 3});  // that which holds the thread among them
  FakeLoop others;
  const auto door = std::make_shared<LoopDoor>(others);
  std::vector<std::string> answers;
  const auto ask = [&](const char* name, bool works) {
    store_->run(
        [works](Unit& unit) {
          add_event(unit, "a");
          if (!works) throw Error(Code::conflict, "no");
        },
        [&answers, name](const Status& status) {
          answers.push_back(std::string(name) + (status ? " done" : " refused"));
        },
        door);
  };
  auto release = hold();
  // Of another thread, as whoever has a loop of its own.
  std::thread([&] { ask("first", true), ask("second", false), ask("third", true); }).join();
  release.set_value();
  wait([&] { return others.drain(), answers.size() == 3; });
  EXPECT_THAT(answers,
              testing::UnorderedElementsAre("first done", "second refused", "third refused"));
  EXPECT_EQ(events(), 1);
  ask("late", true);
  door->close();
  EXPECT_EQ(events(), 2) << "is stored all the same";
  others.drain();
  loop_.drain();
  EXPECT_EQ(answers.size(), 3u);
}

TEST_F(ThreadedStoreTest, what_nobody_waits_for_shares_the_commit_of_what_comes_next) {
  open({.patience = std::chrono::hours(1)});
  const auto before = store_->stats().commits;
  std::vector<std::string> answers;
  const auto ask = [&](const char* name, bool patient) {
    store_->run([](Unit& unit) { add_event(unit, "a"); },
                [&answers, name](const Status& status) {
                  if (status) answers.push_back(name);
                },
                nullptr, patient);
  };
  ask("patient", true);
  ask("another", true);
  ask("urgent", false);
  wait([&] { return answers.size() == 3; });
  EXPECT_THAT(answers, testing::ElementsAre("patient", "another", "urgent"));
  EXPECT_EQ(store_->stats().commits, before + 1);
  ask("last", true);
  store_.reset();
  open();
  EXPECT_EQ(events(), 4) << "a store that ends waits for nobody";
}

TEST_F(ThreadedStoreTest, what_nobody_waits_for_does_not_wait_for_ever) {
  open({.patience = std::chrono::milliseconds(1)});
  bool answered = false;
  store_->run([](Unit& unit) { add_event(unit, "a"); },
              [&](const Status& status) { answered = status.ok(); }, nullptr, true);
  wait([&] { return answered; });
}

TEST_F(ThreadedStoreTest, a_reader_sees_it_when_it_is_answered) {
  open();
  bool seen = false;
  store_->submit([](Unit& unit) { add_event(unit, "a"); },
                 [&](Status) {
                   Connection reader(folder_ / "host.db", Connection::Mode::reader);
                   seen = reader.integer("SELECT count(*) FROM events") == 1;
                 });
  wait([&] { return seen; });
}

TEST_F(ThreadedStoreTest, operations_that_came_meanwhile_share_a_commit_and_keep_their_order) {
  open();
  const auto commits = store_->stats().commits;
  auto release = hold();
  std::vector<int> order;
  for (int i = 0; i < 50; ++i) {
    store_->submit([i](Unit& unit) { add_event(unit, std::to_string(i)); },
                   [&order, i](Status) { order.push_back(i); });
  }
  release.set_value();
  wait([&] { return order.size() == 50; });
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_LE(store_->stats().commits - commits, 2u);
  EXPECT_GE(store_->stats().largest_group, 49u);
}

TEST_F(ThreadedStoreTest, a_group_is_cut_at_its_limit) {
  open({.group_limit = 10});
  auto release = hold();
  int done = 0;
  for (int i = 0; i < 35; ++i) {
    store_->submit([](Unit& unit) { add_event(unit, "x"); }, [&](Status) { ++done; });
  }
  release.set_value();
  wait([&] { return done == 35; });
  EXPECT_LE(store_->stats().largest_group, 10u);
  EXPECT_EQ(events(), 35);
}

TEST_F(ThreadedStoreTest, an_operation_that_fails_is_answered_with_its_error_the_others_stand) {
  open();
  auto release = hold();
  std::vector<std::string> answers;
  const auto note = [&](Status status) {
    answers.push_back(status ? "ok" : status.error().message());
  };
  store_->submit([](Unit& unit) { add_event(unit, "a"); }, note);
  store_->submit(
      [](Unit& unit) {
        add_event(unit, "b");
        throw Error(Code::conflict, "too late");
      },
      note);
  store_->submit([](Unit& unit) { add_event(unit, "c"); }, note);
  release.set_value();
  wait([&] { return answers.size() == 3; });
  EXPECT_THAT(answers, testing::ElementsAre("ok", "too late", "ok"));
  EXPECT_EQ(events(), 2);
  EXPECT_EQ(store_->stats().failures, 1u);
}

TEST_F(ThreadedStoreTest, a_full_queue_refuses_and_says_so) {
  open({.capacity = 3});
  auto release = hold();
  std::optional<Code> code;
  for (int i = 0; i < 2; ++i) store_->submit([](Unit& unit) { add_event(unit, "x"); }, {});
  store_->submit([](Unit& unit) { add_event(unit, "x"); },
                 [&](Status status) { code = status.error().code(); });
  wait([&] { return code.has_value(); });
  EXPECT_EQ(code, Code::rate_limited);
  EXPECT_EQ(store_->stats().refused, 1u);
  release.set_value();
  wait([&] { return store_->stats().waiting == 0; });
  EXPECT_EQ(events(), 2);
}

TEST_F(ThreadedStoreTest, closing_carries_out_what_was_asked_and_calls_nobody) {
  open();
  bool called = false;
  {
    auto release = hold();
    store_->submit([](Unit& unit) { add_event(unit, "late"); }, [&](Status) { called = true; });
    release.set_value();
  }
  store_.reset();
  loop_.drain();
  EXPECT_FALSE(called);
  open();
  EXPECT_EQ(events(), 1);
}

TEST_F(ThreadedStoreTest, closing_leaves_a_clean_stop_and_an_empty_wal) {
  open();
  store_->run_now([](Unit& unit) { add_event(unit, "a"); });
  store_.reset();
  EXPECT_FALSE(std::filesystem::exists(folder_ / "host.db-wal") &&
               std::filesystem::file_size(folder_ / "host.db-wal") > 0);
  EXPECT_FALSE(open_database({folder_ / "host.db", false, 0, {}}).unclean);
}

TEST_F(ThreadedStoreTest, run_hands_over_what_the_work_returned) {
  open();
  std::optional<std::string> text;
  store_->run([](Unit&) { return std::string("hello"); },
              [&](Result<std::string> result) { text = result.value(); });
  wait([&] { return text.has_value(); });
  EXPECT_EQ(text, "hello");
}

TEST_F(ThreadedStoreTest, a_large_file_is_checked_in_the_background_after_an_unclean_stop) {
  static_cast<void>(open_database({folder_ / "host.db", false, 0, {}}));
  open({.check_in_background = 1});
  bool checked = false;
  store_->when_checked([&] { checked = true; });
  wait([&] { return checked; });
  EXPECT_FALSE(store_->stats().checking);
  EXPECT_EQ(fatal_, std::nullopt);
}

TEST_F(ThreadedStoreTest, damage_that_the_background_check_finds_ends_the_host) {
  const auto path = folder_ / "host.db";
  {
    auto opened = open_database({path, false, 0, {}});
    opened.connection.execute("BEGIN");
    for (int i = 0; i < 400; ++i) {
      opened.connection.execute(
          "INSERT INTO events VALUES(NULL, 1, 'k', 's', hex(randomblob(300)))");
    }
    opened.connection.execute("COMMIT");
    opened.connection.checkpoint(true);  // but no clean stop
  }
  auto bytes = read_file(path, 1u << 30);
  bytes.replace(bytes.size() - 2 * 4096, 4096, std::string(4096, '\x5a'));
  write_atomically(path, bytes);
  open({.check_in_background = 1});
  bool checked = false;
  store_->when_checked([&] { checked = true; });
  wait([&] { return fatal_.has_value(); });
  EXPECT_EQ(fatal_, Code::corrupt);
  EXPECT_FALSE(checked);
}

}  // namespace
}  // namespace host
