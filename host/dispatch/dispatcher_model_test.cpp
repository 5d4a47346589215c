// SPDX-License-Identifier: Apache-2.0
//
// Random histories of a dispatcher: it ticks, dies at any moment and comes back, agents do what
// they like, caps refuse them and begin anew or become others, and people close, label, assign,
// merge, push and open pull requests meanwhile. Whatever happens, an issue has one claim and one
// pull request at most, nothing is begun or opened where a person works on it, no item is lost,
// none asks a cap again before that begins anew or is another one, and in the end each is in a
// state that says why.
#include <gmock/gmock.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <random>

#include "dispatch/cap_wait.hpp"
#include "dispatch/dispatcher_fixture.hpp"

namespace host::dispatch {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// More than all lanes have places, and few enough that much happens to each.
constexpr int kIssues = 10;
// With so many tokens a day, each.
std::string four_lanes(int tokens_per_day) {
  const std::vector<std::pair<std::string, int>> places{
      {"code", 2}, {"deep", 1}, {"fast", 3}, {"read", 2}};
  Json lanes;
  for (const auto& [lane, count] : places)
    lanes[lane] = {{"agent", {{"kind", "hermes"}}},
                   {"concurrency", count},
                   {"budget", {{"tokens_per_day", tokens_per_day}}}};
  lanes["code"]["labels"] = Json::array({"lane/code"});
  return to_text(Json{{"lanes", lanes}});
}

// A playbook with a lane of its own; all of them want the same issues.
std::string racing(int priority) {
  return "priority: " + std::to_string(priority) +
         "\nlimits: { attempts: 3, tokens: 10000 }\n"
         "matching: { repositories: [org/*], labels: { any: [bug, agent] } }\n";
}

class World : public DispatcherTest {
 public:
  explicit World(unsigned seed) : random_(seed) {
    settings_.most_interruptions = 1'000;
    auto& labels = forge_.repos.at("org/app").labels;
    labels.push_back({900, "agent", "", "", false});
    rules_ = lanes_rules();
    for (int i = 0; i < kIssues; ++i)
      add_issue(chance(3) ? std::vector<std::string>{"bug", "agent"}
                          : std::vector<std::string>{chance(2) ? "bug" : "agent"});
    // Before there is a host.
    for (std::int64_t number = 1; number <= kIssues; ++number) {
      if (chance(6)) begin_work_of_person(number);
    }
    tick(seconds(1));
    const auto some_time = [this] { return Duration(seconds(1 + pick(200))); };
    workspaces_.takes = [this] { return Duration(seconds(pick(20))); };
    verifier_.takes = some_time;
    runs_.takes = [this, some_time] {
      const auto& item = runs_.orders.back().work.item;
      expect_nobody_on(item.number, item.source == kByOperator, loop_.clock().wall(),
                       "a run of " + item.subject() + " started");
      expect_caps_allow(runs_.orders.back());
      return some_time();
    };
    runs_.agent = [this](const AttemptOrder& order, FakeWorkspaces::Clone& clone) {
      return work(order, clone);
    };
    verifier_.passes = [this](const VerifyOrder&) { return !chance(4); };
  }
  void TestBody() override {}

  // One thing happens.
  void step() {
    switch (pick(23)) {
      case 0:
      case 1: return restart_and_check();
      case 2: return close(any());
      case 3: issue(any()).state = "open"; break;
      case 4: return relabel(any());
      case 5: return assign(any());
      case 6: return open_pull_of_person(any());
      case 14:
      case 15: return open_pull_of_person(any_in_work());
      case 16: return push_of_person(any_in_work());
      case 17: return end_work_of_person();
      case 18: return forestall();
      case 7: return merge_any();
      case 8: return cancel_any();
      case 9: return retry_any();
      case 10: return order(any());
      case 11: forge_.set_available(false); break;
      case 12:
        forge_.set_available(true);
        if (dispatcher_) dispatcher_->forge_is_back();
        break;
      case 13: return hand_over();
      case 19: return change_budget();
      case 20: return change_lanes();
      case 21: return toggle_refusal();
      default: break;
    }
    tick(seconds(pick(120)));
  }

  // What must hold at any moment.
  void check() {
    const auto all = items();
    std::set<std::int64_t> live;
    for (const auto& item : all) {
      if (!item.live()) continue;
      RC_ASSERT(live.insert(item.number).second);
      const auto claim =
          store_.run_now([&](Unit& unit) { return claim_on(unit, item.repository, item.number); });
      RC_ASSERT(claim == item.id);
    }
    RC_ASSERT(all.size() >= known_);
    known_ = all.size();
    // A person who has seen that one is merged may order another.
    std::map<std::int64_t, int> made, open;
    for (const auto& pull : pulls()) {
      if (pull.user != forge_.user.login) continue;
      const auto number = number_of(pull.head.branch);
      ++made[number];
      open[number] += pull.merged ? 0 : 1;
    }
    for (const auto& [number, count] : made)
      RC_ASSERT(count == 1 || (ordered_.contains(number) && open[number] <= 1));
    check_persons();
    for (const auto& item : all) check_cap_wait(item);
    std::map<std::string, int> busy;
    for (const auto& name : runs_.at_work()) {
      const auto id = item_of_run(name).value();
      for (const auto& item : all)
        if (item.id == id) ++busy[item.lane];
    }
    for (const auto& [lane, count] : busy)
      RC_ASSERT(count <= rules_->lanes().find(lane)->concurrency);
  }

  // People leave it alone: what is left comes to its end.
  void settle() {
    forge_.set_available(true);
    verifier_.passes = [](const VerifyOrder&) { return true; };
    runs_.agent = FakeRuns::fixes;
    runs_.refuse.reset();
    // None goes on waiting for what its cap was before.
    ++budget_generation_, ++epoch_;
    // Nothing happens at the forge any more, so little is missed between two looks.
    settings_.poll = minutes(15);
    restart_and_check();
    tick(hours(6));
    check();
    for (const auto& item : items()) {
      RC_ASSERT(!item.live());
      RC_ASSERT(item.ended.has_value());
      RC_ASSERT(item.at.state == ItemState::done || !item.reason.empty());
      if (item.at.state == ItemState::done) RC_ASSERT(item.pull != 0);
      if (item.pull != 0)
        RC_ASSERT(forge_.repos.at("org/app").pulls.at(item.pull).user == forge_.user.login);
      check_intake(item);
    }
    RC_ASSERT(runs_.at_work().empty());
    // Each issue that fits and that nobody else had a hand in was worked on.
    for (std::int64_t number = 1; number <= kIssues; ++number)
      if (!touched_.contains(number))
        RC_ASSERT(std::any_of(items_.begin(), items_.end(),
                              [&](const Item& item) { return item.number == number; }));
  }

  std::vector<Item> items() {
    items_ = DispatcherTest::items();
    return items_;
  }
  using DispatcherTest::start;

 private:
  std::shared_ptr<const DispatchRules> lanes_rules() {
    std::vector<DispatchRules::Entry> entries;
    int priority = 10;
    for (const std::string lane : {"code", "deep", "fast", "read"}) {
      auto text = playbook_text("in-" + lane, racing(priority++));
      text.replace(text.find("lane: code"), 10, "lane: " + lane);
      entries.push_back(
          {std::make_shared<const Playbook>(parse_playbook(text, "in-" + lane + ".yaml")),
           true,
           {}});
    }
    return std::make_shared<DispatchRules>(std::move(entries),
                                           parse_lanes(four_lanes(day_), "lanes"));
  }
  int pick(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }
  bool chance(int of) { return pick(of) == 0; }
  std::int64_t any() {
    const std::int64_t number = 1 + pick(kIssues);
    touched_.insert(number);
    return number;
  }
  // One that has an item, if there is any.
  std::int64_t any_in_work() {
    const auto live = dispatcher_->live();
    if (live.empty()) return any();
    const auto number = live[static_cast<std::size_t>(pick(static_cast<int>(live.size())))].number;
    touched_.insert(number);
    return number;
  }
  void touch(std::int64_t number) {
    issue(number).updated_at = loop_.clock().wall();
    tick(seconds(pick(40)));
  }
  static std::int64_t number_of(const std::string& branch) {
    return std::stoll(branch.substr(branch.rfind('-') + 1));
  }

  RunFacts work(const AttemptOrder& order, FakeWorkspaces::Clone& clone) {
    auto facts = FakeRuns::fixes(order, clone);
    switch (pick(10)) {
      case 0: facts.how = RunEnd::rate_limited; break;
      case 1: facts.how = RunEnd::crashed; break;
      case 2: facts.how = RunEnd::stalled; break;
      case 3: clone.head.clear(); break;
      case 4: clone.dirty = true; break;
      case 5: workspaces_.problems = {"symbolic link out of the tree"}; break;
      case 6: facts.tokens = 6'000; break;
      case 7:
      case 8: return refused(order);
      default: break;
    }
    return facts;
  }

  // What caps a run began under.
  struct Caps {
    int epoch = 0;
    std::string day;  // of its lane, as it ends what cap_wait.hpp notes
  };
  struct Refusal {
    int epoch = 0;  // of its run's beginning
    WallTime renews{};
  };
  RunFacts refused(const AttemptOrder& order) {
    const RunEnd ends[] = {RunEnd::crashed, RunEnd::rate_limited, RunEnd::stalled, RunEnd::budget};
    RunFacts facts;
    facts.how = ends[pick(4)];
    facts.reason = "ended";
    facts.refused = "the cap of 1000 tokens each day has 3 left";
    facts.renews = loop_.clock().wall() + hours(1 + pick(200));
    facts.tokens = 10;
    refusals_[order.work.item.id] = {began_[order.run].epoch, *facts.renews};
    return facts;
  }
  void expect_caps_allow(const AttemptOrder& order) {
    const auto day = order.work.lane->budget.tokens_per_day;
    // One that goes by a lane as it was before may ask again by the new one.
    began_[order.run] = {day == day_ ? epoch_ : -1,
                         "tokens_per_day " + (day ? std::to_string(*day) : "-")};
    const auto found = refusals_.find(order.work.item.id);
    if (found == refusals_.end()) return;
    const auto refusal = found->second;
    refusals_.erase(found);
    if (refusal.epoch != epoch_ || ordered_.contains(order.work.item.number)) return;
    if (loop_.clock().wall() < refusal.renews)
      wrong_.push_back("a run of " + order.work.item.subject() +
                       " asks a cap again that has refused the one before");
  }
  // It waits for what its run went by, whatever has become of that since.
  void check_cap_wait(const Item& item) {
    const auto noted = store_.run_now([&](Unit& unit) { return noted_cap_wait(unit, item); });
    const auto began = began_.find(item.run);
    if (noted.empty() || noted == "not known" || began == began_.end()) return;
    RC_ASSERT(noted.ends_with(began->second.day));
  }
  void change_budget() {
    ++budget_generation_, ++epoch_;
    dispatcher_->budget_changed();
    tick(seconds(pick(40)));
  }
  // While a clone is made, if there is any.
  void change_lanes() {
    const auto prepares = [](const Item& item) {
      return item.at == Position{Gate::track, ItemState::running} && !item.run_open;
    };
    for (int left = 100; left > 0; --left) {
      const auto live = dispatcher_->live();
      if (std::any_of(live.begin(), live.end(), prepares)) break;
      tick(seconds(1));
    }
    day_ = 1000 * (1 + pick(5)), ++epoch_;
    rules_ = lanes_rules();
    dispatcher_->set_rules(rules_);
    tick(seconds(pick(40)));
  }
  void toggle_refusal() {
    if (std::exchange(runs_.refuse, std::nullopt)) return change_budget();
    runs_.refuse = Error(Code::rate_limited, "the lane has used its tokens of the day");
    runs_.renews = loop_.clock().wall() + hours(1 + pick(200));
    tick(seconds(pick(40)));
  }

  void restart_and_check() {
    // The next host does not know what caps the runs of this one went by.
    ++epoch_;
    // At any moment: between what was asked and what is answered, too. What is on its way to the
    // forge by then gets there.
    tick(seconds(pick(3)));
    dispatcher_->look();
    for (int left = pick(40); left > 0 && loop_.run_one();) --left;
    crash();
    loop_.drain();
    check();
    start();
  }
  void close(std::int64_t number) {
    issue(number).state = "closed";
    touch(number);
  }
  void relabel(std::int64_t number) {
    if (chance(2)) {
      issue(number).labels.clear();
    } else {
      issue(number).labels = {{0, "bug", "", "", false}};
    }
    touch(number);
  }
  void assign(std::int64_t number) {
    if (chance(2)) {
      issue(number).assignees = {"ada"};
    } else {
      issue(number).assignees.clear();
    }
    touch(number);
  }

  // What a person does about an issue. They act between two ticks, so at no moment at which a host
  // takes a step.
  struct PersonsWork {
    std::int64_t number = 0;
    std::int64_t pull = 0;  // 0: a branch of the item's name
    WallTime from{};
    std::optional<WallTime> until;
    bool merged = false;  // then it counts for ever, unless a person has ordered the work
  };
  static std::string branch_of(std::int64_t number) {
    return "timmy/issue-" + std::to_string(number);
  }
  void begin_work_of_person(std::int64_t number) {
    touched_.insert(number);
    if (chance(2)) return open_pull_of_person(number);
    push_of_person(number);
  }
  void open_pull_of_person(std::int64_t number) {
    for (const auto& work : persons_)
      if (work.number == number && work.pull != 0 && !work.until) return;
    // From a branch of her own, or from the one that the host has pushed.
    const auto pushed = branch_at(forge_, "org/app", branch_of(number));
    const bool from_ours = !pushed.empty() && chance(2);
    auto& pull = forge_.add_pull("org/app", "Mine",
                                 from_ours ? branch_of(number) : "ada-" + std::to_string(number));
    pull.body = from_ours ? "The host's, but quicker" : "Fixes #" + std::to_string(number);
    if (from_ours) pull.head.sha = pushed;
    pull.user = "ada";
    persons_.push_back({number, pull.number, loop_.clock().wall(), {}, false});
    tick(seconds(pick(40)));
  }
  // She is quicker by seconds: the host's work is being pushed.
  void forestall() {
    for (int left = 300; left > 0; --left) {
      tick(seconds(1));
      for (const auto& item : dispatcher_->live()) {
        if (item.at.gate != Gate::report || item.sealed.empty() || item.pull != 0) continue;
        touched_.insert(item.number);
        return open_pull_of_person(item.number);
      }
    }
  }
  void push_of_person(std::int64_t number) {
    if (branch_at(forge_, "org/app", branch_of(number)).starts_with("adas")) return;
    set_branch(forge_, "org/app", branch_of(number), "adas-" + std::to_string(random_()));
    persons_.push_back({number, 0, loop_.clock().wall(), {}, false});
    tick(seconds(pick(40)));
  }
  void end_work_of_person() {
    auto& repo = forge_.repos.at("org/app");
    for (auto& work : persons_) {
      if (work.until || !chance(2)) continue;
      work.until = loop_.clock().wall();
      if (work.pull != 0) {
        repo.issues.at(work.pull).state = "closed";
        touch(work.pull);
      } else {
        std::erase_if(repo.branches,
                      [&](const Branch& branch) { return branch.name == branch_of(work.number); });
      }
    }
    tick(seconds(pick(40)));
  }
  void merge_any() {
    for (const auto& pull : pulls()) {
      if (pull.merged || !chance(4)) continue;
      touched_.insert(number_of(pull.head.branch));
      forge_.merge_pr(parse_repo_name("org/app"), pull.number, {},
                      [this, number = pull.number](const Result<PullRequest>& merged) {
                        for (auto& work : persons_)
                          if (merged.ok() && work.pull == number)
                            work.until = loop_.clock().wall(), work.merged = true;
                      });
      loop_.drain();
    }
    tick(seconds(pick(40)));
  }
  // A host may have taken its step at the very moment, before the person.
  void expect_nobody_on(std::int64_t number, bool ordered, WallTime at, const std::string& what) {
    for (const auto& work : persons_) {
      if (work.number != number || work.from >= at) continue;
      const bool there = !work.until || at < *work.until;
      if (there || (work.merged && !ordered && *work.until < at))
        wrong_.push_back(what + (work.pull != 0 ? " beside a person's pull request"
                                                : " beside a person's branch"));
    }
  }
  void check_persons() {
    for (const auto& pull : pulls()) {
      if (pull.user != forge_.user.login || !opened_.insert(pull.number).second) continue;
      const auto number = number_of(pull.head.branch);
      expect_nobody_on(number, ordered_.contains(number), pull.created_at.value(),
                       "pull request " + std::to_string(pull.number) + " was opened");
    }
    if (!wrong_.empty()) RC_FAIL(wrong_.front());
  }
  void check_intake(const Item& item) {
    for (const auto& visit : visits(item.id))
      if (visit.gate == Gate::intake && visit.verdict == GateVerdict::passed)
        expect_nobody_on(item.number, ordered_.contains(item.number), visit.ended.value(),
                         item.subject() + " passed intake");
    if (!wrong_.empty()) RC_FAIL(wrong_.front());
  }
  void cancel_any() {
    const auto all = items();
    if (all.empty()) return;
    const auto& item = all[static_cast<std::size_t>(pick(static_cast<int>(all.size())))];
    touched_.insert(item.number);
    dispatcher_->cancel(item.id, "enough", [](const auto&) {});
    tick(seconds(pick(40)));
  }
  void retry_any() {
    const auto all = items();
    if (all.empty()) return;
    const auto& item = all[static_cast<std::size_t>(pick(static_cast<int>(all.size())))];
    ordered_.insert(item.number);
    dispatcher_->retry(item.id, [](const auto&) {});
    tick(seconds(pick(40)));
  }
  void order(std::int64_t number) {
    const std::string lanes[] = {"code", "deep", "fast", "read"};
    ordered_.insert(number);
    dispatcher_->dispatch({"org/app", number, "in-" + lanes[pick(4)], "", std::string(kByOperator)},
                          [](const auto&) {});
    tick(seconds(pick(40)));
  }
  void hand_over() {
    ++epoch_;
    dispatcher_->hand_over({"code", "fast", "its agent is dead"}, [](const auto&) {});
    tick(seconds(pick(40)));
  }

  std::mt19937 random_;
  std::set<std::int64_t> touched_, ordered_;
  std::vector<PersonsWork> persons_;
  std::set<std::int64_t> opened_;   // of the host's pull requests, those that were looked at
  std::vector<std::string> wrong_;  // found where nothing may be thrown
  std::size_t known_ = 0;
  std::vector<Item> items_;
  int day_ = 1000;                     // tokens, of each lane
  int epoch_ = 0;                      // grows with all after which a cap may be asked again
  std::map<std::string, Caps> began_;  // by run
  std::map<ItemId, Refusal> refusals_;
};

RC_GTEST_PROP(DispatcherModel, NoHistoryMakesTwoPullRequestsOrLosesAnItem, ()) {
  const auto seed = *rc::gen::arbitrary<unsigned>();
  const auto steps = *rc::gen::inRange(5, 60);
  World world(seed);
  world.start();
  for (int i = 0; i < steps; ++i) {
    world.step();
    world.check();
  }
  world.settle();
}

}  // namespace
}  // namespace host::dispatch
