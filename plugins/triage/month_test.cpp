// SPDX-License-Identifier: Apache-2.0
//
// A month at work: four repositories, a thousand issues and pull requests, at which people and
// bots do what comes to their minds, with a round of triage every hour, and a forge of whose
// answers some are lost. What must hold: a person's word stands, triage takes off nothing that no
// rule says, and once everybody rests nothing is left to do.
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
const std::vector<std::string> kLabels{"bug",  "p1",  "p2",         "wish",     "asked",
                                       "docs", "old", "kind/crash", "kind/wish"};
const std::vector<std::string> kExclusive{"kind/crash", "kind/wish"};
const std::vector<std::string> kPeople{"alice", "ada", "bob", "carol"};
// What some rule takes off.
const std::set<std::string> kTakenOff{"asked", "p1", "p2", "wish"};
const std::vector<const char*> kWrites{"add_labels", "remove_label", "add_assignees",
                                       "keep_comment", "set_issue_state"};

Json rules() {
  return Desk::config(
      {Desk::rule("crashes", {{"text", "(?i)crash"}, {"kind", "any"}},
                  {{"add_labels", {"bug", "kind/crash"}}, {"priority", "p1"}, {"assign", {"ada"}}}),
       Desk::rule("wishes", {{"title", "(?i)please"}}, {{"add_labels", {"wish", "kind/wish"}}}),
       Desk::rule("builds on another", {{"labels", {"wish"}}, {"without_labels", {"docs"}}},
                  {{"add_labels", {"docs"}}, {"assign_round_robin", {"bob", "carol"}}}),
       Desk::rule("of carol", {{"author", {"carol"}}}, {{"priority", "p2"}}),
       Desk::rule("says nothing", {{"body", "^$"}, {"without_labels", {"bug"}}},
                  {{"add_labels", {"asked"}}, {"comment", "What happened, {author}?"}}),
       Desk::rule("said it", {{"body", "described"}, {"labels", {"asked"}}},
                  {{"remove_labels", {"asked"}}, {"comment", "Thank you, {author}."}}),
       Desk::rule("no wish", {{"title", "^Typo"}}, {{"remove_labels", {"wish"}}}),
       Desk::rule("manual", {{"files", {"docs/*"}}},
                  {{"add_labels", {"docs"}}, {"comment", "{assignees}: a look, please."}}),
       Desk::rule("grows old", {{"older_than", "10d"}, {"labels", {"asked"}}},
                  {{"add_labels", {"old"}}, {"close", true}})},
      {"org/*"});
}

using Names = std::vector<std::string>;

Names missing(const Names& in, const Names& all) {
  Names names;
  for (const auto& each : all)
    if (std::find(in.begin(), in.end(), each) == in.end()) names.push_back(each);
  return names;
}

Names our_comments(const Issue& issue) {
  Names markers;
  for (const auto& comment : issue.comments)
    if (!comment.marker.empty()) markers.push_back(comment.marker);
  return markers;
}

// What triage must leave alone: what a person undid of its doing, until a
// person does it again.
class Undone {
 public:
  // What a run did to an issue.
  void note_run(const std::string& name, const Issue& before, const Issue& after) {
    for (const auto& label : missing(before.labels, after.labels)) did(name, "label " + label);
    for (const auto& label : missing(after.labels, before.labels)) {
      if (!kTakenOff.contains(label)) fight(name, "no rule takes off " + label);
      did(name, "off " + label);
    }
    for (const auto& login : missing(before.assignees, after.assignees))
      did(name, "login " + login);
    for (const auto& login : missing(after.assignees, before.assignees))
      fight(name, "took it from " + login);
    const auto comments = our_comments(after);
    for (const auto& marker : missing(our_comments(before), comments))
      did(name, "comment " + marker);
    if (std::set(comments.begin(), comments.end()).size() != comments.size())
      fight(name, "said a thing twice");
    if (before.state == "open" && after.state == "closed") did(name, "close");
  }
  // What a person did.
  void note_person(const std::string& name, const Issue& before, const Issue& after) {
    for (const auto& label : missing(after.labels, before.labels)) {
      undid(name, "label " + label);
      allowed(name, "off " + label);
    }
    for (const auto& label : missing(before.labels, after.labels)) {
      allowed(name, "label " + label);
      undid(name, "off " + label);
    }
    for (const auto& login : missing(after.assignees, before.assignees))
      undid(name, "login " + login);
    for (const auto& login : missing(before.assignees, after.assignees))
      allowed(name, "login " + login);
    for (const auto& marker : missing(our_comments(after), our_comments(before)))
      undid(name, "comment " + marker);
    if (before.state != after.state)
      after.state == "open" ? undid(name, "close") : allowed(name, "close");
  }
  // How often a person undid what triage had done, by the first word of it.
  [[nodiscard]] int undone(const std::string& kind) const {
    const auto found = undone_.find(kind);
    return found == undone_.end() ? 0 : found->second;
  }
  [[nodiscard]] int fights() const { return fights_; }
  [[nodiscard]] const std::string& first_fight() const { return first_fight_; }

 private:
  void fight(const std::string& name, const std::string& what) {
    if (fights_++ == 0) first_fight_ = name + ": " + what;
  }
  void did(const std::string& name, const std::string& what) {
    ours_.insert({name, what});
    if (off_.contains({name, what})) fight(name, what);
  }
  void undid(const std::string& name, const std::string& what) {
    if (!ours_.contains({name, what})) return;
    off_.insert({name, what});
    ++undone_[what.substr(0, what.find(' '))];
  }
  void allowed(const std::string& name, const std::string& what) { off_.erase({name, what}); }

  std::set<std::pair<std::string, std::string>> ours_, off_;
  std::map<std::string, int> undone_;
  int fights_ = 0;
  std::string first_fight_;
};

class Month : public Desk {
 public:
  explicit Month(unsigned seed) : random_(seed) {
    for (int i = 0; i < kRepos; ++i) {
      const auto name = "org/repo" + std::to_string(i);
      world_.forge.add_repo(name, {kLabels.begin(), kLabels.end()});
      world_.forge.repo(name).exclusive = {kExclusive.begin(), kExclusive.end()};
      world_.forge.repo(name).assignable = {"timmy", "alice", "ada", "bob", "carol"};
      names_.push_back(name);
    }
    config_ = rules();
    config_["repos"] = {"org/repo*"};
    lose_answers();
  }

  // An hour: people and bots, then a round.
  void pass() {
    world_.advance(std::chrono::hours(1));
    for (int i = pick(7); i > 0 && made_ < kIssues; --i) make_issue();
    for (int i = pick(11); i > 0; --i) act();
    round();
  }
  // How much triage wrote to the forge. A run that says that it may pass is made again, as by the
  // host.
  int round(const Json& payload = Json::object()) {
    const int writes = world_.forge.writes;
    lately_.clear();
    for (int attempt = 1; attempt <= 5; ++attempt) {
      const auto outcome = run(config_, payload);
      note_run();
      if (outcome.ok()) break;
      EXPECT_EQ(outcome.status, TIMMY_RETRYABLE) << outcome.message;
      EXPECT_LT(attempt, 5) << outcome.message;
      world_.advance(std::chrono::seconds(10));
    }
    return world_.forge.writes - writes;
  }
  void rest(std::chrono::minutes time) {
    world_.advance(time);
    for (const char* method : kWrites) world_.succeed(std::string("gitea/1.") + method);
  }

  [[nodiscard]] int made() const { return made_; }
  [[nodiscard]] int lost() const { return lost_; }
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

  // Of some writes that are done nobody is told.
  void lose_answers() {
    for (const char* method : kWrites)
      world_.on(std::string("gitea/1.") + method, [this, method](const Json& params) {
        auto answer = world_.forge.answer(method, params);
        if (pick(20) != 0) return answer;
        ++lost_;
        throw timmy::Retryable("unavailable", "the connection was reset");
      });
  }

  void note_run() {
    for (const auto& repo : names_)
      for (const auto& issue : world_.forge.repo(repo).issues)
        if (issue.updated_at == world_.now()) {
          auto& before = known_.at(name_of(repo, issue));
          undone_.note_run(name_of(repo, issue), before, issue);
          lately_.emplace_back(repo, before);
          before = issue;
        }
  }

  void make_issue() {
    const std::vector<std::string> titles{"It crashed", "Please add a dark theme", "A question",
                                          "Typo in the manual", "Please stop the crash"};
    const auto& repo = one_of(names_);
    const bool is_pull = pick(5) == 0;
    const auto number = is_pull ? world_.forge.add_pull(repo, one_of(titles), "branch")
                                : world_.forge.add_issue(repo, one_of(titles));
    if (is_pull)
      world_.forge.pull(repo, number).files = {{pick(2) == 0 ? "docs/a.md" : "src/a.cpp"}};
    auto& issue = world_.forge.issue(repo, number);
    issue.body = pick(3) == 0 ? "" : "Here is how.";
    issue.user = one_of(kPeople);
    known_[name_of(repo, issue)] = issue;
    ++made_;
  }

  void act() {
    if (!lately_.empty() && pick(5) == 0) return take_back();
    const auto& repo = one_of(names_);
    auto& issues = world_.forge.repo(repo).issues;
    if (!issues.empty())
      act_on(repo, issues[static_cast<std::size_t>(pick(static_cast<int>(issues.size())))]);
  }
  // Somebody looks at what the last round did, and wants it as it was.
  void take_back() {
    const auto& [repo, before] = one_of(lately_);
    auto& issue = world_.forge.issue(repo, before.number);
    const Issue now = issue;
    issue.labels = before.labels;
    issue.assignees = before.assignees;
    issue.comments = before.comments;
    issue.state = before.state;
    acted(repo, now, issue);
  }
  void acted(const std::string& repo, const Issue& before, Issue& issue) {
    issue.updated_at = world_.now();
    undone_.note_person(name_of(repo, issue), before, issue);
    known_[name_of(repo, issue)] = issue;
  }

  // Somebody does something to an issue, a bot as well as a person.
  void act_on(const std::string& repo, Issue& issue) {
    const Issue before = issue;
    switch (pick(8)) {
      case 0: toggle_label(issue, one_of(kLabels)); break;
      case 1:
        if (!issue.labels.empty()) toggle_label(issue, std::string(one_of(issue.labels)));
        break;
      case 2: toggle(issue.assignees, one_of(kPeople)); break;
      case 3: issue.state = issue.state == "open" ? "closed" : "open"; break;
      case 4: issue.title += pick(2) == 0 ? ", a crash" : ", please"; break;
      case 5: world_.forge.add_comment(repo, issue.number, "Any news?", one_of(kPeople)); break;
      case 6:
        std::erase_if(issue.comments, [](const auto& comment) { return !comment.marker.empty(); });
        break;
      default: issue.body = pick(2) == 0 ? "" : "It is described here now."; break;
    }
    acted(repo, before, issue);
  }
  static void toggle(Names& list, const std::string& what) {
    if (std::erase(list, what) == 0) list.push_back(what);
  }
  // Also for a person an exclusive one takes the other's place.
  static void toggle_label(Issue& issue, const std::string& label) {
    const auto has = [](const Names& all, const std::string& each) {
      return std::find(all.begin(), all.end(), each) != all.end();
    };
    if (has(kExclusive, label) && !has(issue.labels, label))
      std::erase_if(issue.labels, [&](const auto& each) { return has(kExclusive, each); });
    toggle(issue.labels, label);
  }

  std::mt19937 random_;
  Names names_;
  std::map<std::string, Issue> known_;  // as of the last round or act
  // What the last round changed: in which repository, and the issue as it was before.
  std::vector<std::pair<std::string, Issue>> lately_;
  Json config_;
  Undone undone_;
  int made_ = 0, lost_ = 0;
};

class MonthTest : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Seeds, MonthTest, testing::Values(1U));

TEST_P(MonthTest, TriageConvergesAndFightsNobody) {
  Month month(GetParam());
  for (int round = 0; round < kRounds; ++round) month.pass();
  EXPECT_GT(month.made(), kIssues * 9 / 10);
  EXPECT_GT(month.lost(), 50);
  for (const char* kind : {"label", "off", "login", "comment", "close"})
    EXPECT_GT(month.undone().undone(kind), 5) << kind << ": the month had nothing to see";
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
