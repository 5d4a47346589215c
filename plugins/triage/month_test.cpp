// SPDX-License-Identifier: Apache-2.0
//
// A month at work: seven repositories and two thousand issues, at which people
// and bots do what comes to their minds, with a round of triage every half
// hour. What must hold: a person's word stands, and once everybody rests
// nothing is left to do.
#include <map>
#include <random>
#include <set>
#include <utility>

#include "triage_fixture.hpp"

namespace triage {
namespace {

using timmy::Json;
using Issue = timmy::testing::ForgeWorld::Issue;

constexpr int kRepos = 7;
constexpr int kIssues = 2000;
constexpr int kRounds = 30 * 24;
const std::vector<std::string> kLabels{"bug", "p1", "p2", "wish", "asked", "docs", "old"};
const std::vector<std::string> kPeople{"alice", "ada", "bob", "carol"};

Json rules() {
  return Desk::config(
      {Desk::rule("crashes", {{"text", "(?i)crash"}},
                  {{"add_labels", {"bug"}}, {"priority", "p1"}, {"assign", {"ada"}}}),
       Desk::rule("wishes", {{"title", "(?i)please"}}, {{"add_labels", {"wish"}}}),
       Desk::rule("builds on another", {{"labels", {"wish"}}, {"without_labels", {"docs"}}},
                  {{"add_labels", {"docs"}}, {"assign_round_robin", {"bob", "carol"}}}),
       Desk::rule("of carol", {{"author", {"carol"}}}, {{"priority", "p2"}}),
       Desk::rule("says nothing", {{"body", "^$"}, {"without_labels", {"bug"}}},
                  {{"add_labels", {"asked"}}, {"comment", "What happened, {author}?"}}),
       Desk::rule("grows old", {{"older_than", "10d"}, {"labels", {"asked"}}},
                  {{"add_labels", {"old"}}, {"close", true}})},
      {"org/*"});
}

// What triage must leave alone: what a person undid of its doing, until a
// person does it again.
class Undone {
 public:
  // What a run did to an issue.
  void note_run(const std::string& name, const Issue& before, const Issue& after) {
    for (const auto& label : added(before.labels, after.labels)) did(name, "label " + label);
    for (const auto& login : added(before.assignees, after.assignees)) did(name, "login " + login);
    if (before.state == "open" && after.state == "closed") did(name, "close");
  }
  // What a person did.
  void note_person(const std::string& name, const Issue& before, const Issue& after) {
    undid(name, "label ", before.labels, after.labels);
    undid(name, "login ", before.assignees, after.assignees);
    if (before.state == after.state) return;
    change(name, "close", after.state == "open");
  }
  [[nodiscard]] int undone() const { return undone_; }
  [[nodiscard]] int fights() const { return fights_; }
  [[nodiscard]] const std::string& first_fight() const { return first_fight_; }

 private:
  using Names = std::vector<std::string>;

  static Names added(const Names& before, const Names& after) {
    Names all;
    for (const auto& each : after)
      if (std::find(before.begin(), before.end(), each) == before.end()) all.push_back(each);
    return all;
  }
  void did(const std::string& name, const std::string& what) {
    ours_.insert({name, what});
    if (!off_.contains({name, what})) return;
    if (fights_++ == 0) first_fight_ = name + ": " + what;
  }
  void undid(const std::string& name, const std::string& kind, const Names& before,
             const Names& after) {
    for (const auto& each : added(after, before)) change(name, kind + each, true);
    for (const auto& each : added(before, after)) change(name, kind + each, false);
  }
  void change(const std::string& name, const std::string& what, bool undone) {
    if (!undone) {
      off_.erase({name, what});
    } else if (ours_.contains({name, what})) {
      off_.insert({name, what});
      ++undone_;
    }
  }

  std::set<std::pair<std::string, std::string>> ours_, off_;
  int undone_ = 0, fights_ = 0;
  std::string first_fight_;
};

class Month : public Desk {
 public:
  explicit Month(unsigned seed) : random_(seed) {
    for (int i = 0; i < kRepos; ++i) {
      const auto name = "org/repo" + std::to_string(i);
      world_.forge.add_repo(name, {kLabels.begin(), kLabels.end()});
      world_.forge.repo(name).assignable = {"timmy", "alice", "ada", "bob", "carol"};
      names_.push_back(name);
    }
    config_ = rules();
    config_["repos"] = {"org/repo*"};
  }

  // An hour: people and bots, then a round.
  void pass() {
    world_.advance(std::chrono::hours(1));
    for (int i = pick(7); i > 0 && made_ < kIssues; --i) make_issue();
    for (int i = pick(11); i > 0; --i) act();
    round();
  }
  // How much triage wrote to the forge.
  int round(const Json& payload = Json::object()) {
    const int writes = world_.forge.writes;
    const auto outcome = run(config_, payload);
    EXPECT_TRUE(outcome.ok()) << outcome.message;
    for (const auto& repo : names_)
      for (const auto& issue : world_.forge.repo(repo).issues)
        if (issue.updated_at == world_.now()) {
          auto& before = known_.at(name_of(repo, issue));
          undone_.note_run(name_of(repo, issue), before, issue);
          before = issue;
        }
    return world_.forge.writes - writes;
  }
  void rest(std::chrono::minutes time) { world_.advance(time); }

  [[nodiscard]] int made() const { return made_; }
  [[nodiscard]] const Undone& undone() const { return undone_; }

 private:
  int pick(int below) { return std::uniform_int_distribution(0, below - 1)(random_); }
  template <class List>
  const auto& one_of(const List& list) {
    return list[static_cast<std::size_t>(pick(static_cast<int>(list.size())))];
  }

  static std::string name_of(const std::string& repo, const Issue& issue) {
    return repo + "#" + std::to_string(issue.number);
  }

  void make_issue() {
    const std::vector<std::string> titles{"It crashed", "Please add a dark theme", "A question",
                                          "Typo in the manual", "Please stop the crash"};
    const auto& repo = one_of(names_);
    const auto number =
        world_.forge.add_issue(repo, one_of(titles), pick(3) == 0 ? "" : "Here is how.");
    auto& issue = world_.forge.issue(repo, number);
    issue.user = one_of(kPeople);
    known_[name_of(repo, issue)] = issue;
    ++made_;
  }

  // Somebody does something to an issue, a bot as well as a person.
  void act() {
    const auto& repo = one_of(names_);
    auto& issues = world_.forge.repo(repo).issues;
    if (issues.empty()) return;
    auto& issue = issues[static_cast<std::size_t>(pick(static_cast<int>(issues.size())))];
    const Issue before = issue;
    switch (pick(7)) {
      case 0: toggle(issue.labels, one_of(kLabels)); break;
      case 1:
        if (!issue.labels.empty()) toggle(issue.labels, std::string(one_of(issue.labels)));
        break;
      case 2: toggle(issue.assignees, one_of(kPeople)); break;
      case 3: issue.state = issue.state == "open" ? "closed" : "open"; break;
      case 4: issue.title += pick(2) == 0 ? ", a crash" : ", please"; break;
      case 5: world_.forge.add_comment(repo, issue.number, "Any news?", one_of(kPeople)); break;
      default: issue.body = pick(2) == 0 ? "" : "It is described here now."; break;
    }
    issue.updated_at = world_.now();
    undone_.note_person(name_of(repo, issue), before, issue);
    known_[name_of(repo, issue)] = issue;
  }
  static void toggle(std::vector<std::string>& list, const std::string& what) {
    if (std::erase(list, what) == 0) list.push_back(what);
  }

  std::mt19937 random_;
  std::vector<std::string> names_;
  std::map<std::string, Issue> known_;  // as of the last round or act
  Json config_;
  Undone undone_;
  int made_ = 0;
};

class MonthTest : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Seeds, MonthTest, testing::Values(1U));

TEST_P(MonthTest, TriageConvergesAndFightsNobody) {
  Month month(GetParam());
  for (int round = 0; round < kRounds; ++round) month.pass();
  EXPECT_GT(month.made(), kIssues * 9 / 10);
  EXPECT_GT(month.undone().undone(), 100) << "the month had nothing to see";
  EXPECT_EQ(month.undone().fights(), 0) << month.undone().first_fight();

  // Everybody rests. A rule may build on another, and that on a third.
  int rounds = 0;
  for (; rounds < 5; ++rounds) {
    month.rest(std::chrono::minutes(5));
    if (month.round() == 0) break;
  }
  EXPECT_LT(rounds, 5) << "it did not converge";
  month.rest(std::chrono::minutes(5));
  EXPECT_EQ(month.round({{"full", true}}), 0) << "a second look at everything wrote something";
  EXPECT_EQ(month.undone().fights(), 0) << month.undone().first_fight();
}

}  // namespace
}  // namespace triage
