// SPDX-License-Identifier: Apache-2.0
//
// Twins of what the dispatcher needs of the outer world, for tests. What they hold outlives a
// dispatcher, as disks, runners and forges outlive a host: crash() is what its end does to them.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/fake_loop.hpp"
#include "dispatch/dispatcher_outside.hpp"
#include "gitea/fake_gitea.hpp"

namespace host::dispatch {

// Work under way that a crash cuts short, or not: what was asked of git may still be done.
class FakeOutside {
 public:
  explicit FakeOutside(Loop& loop) : loop_(&loop) {}
  // Each call takes so long; called anew for each.
  std::function<Duration()> takes = [] { return Duration{}; };
  // Every next call fails with this; several are used up in order.
  std::vector<Error> failures;

  // The host is gone: what was not done is not done any more.
  void crash() { ++life_; }

 protected:
  template <class T, class Work>
  void answer(Reply<T> reply, Work work) {
    auto slot = std::make_shared<Timer>();
    *slot = loop_->after(takes(), [this, slot, life = life_, reply = std::move(reply),
                                   work = std::move(work)]() mutable {
      if (life != life_) return;
      if (!failures.empty()) {
        const auto error = failures.front();
        failures.erase(failures.begin());
        return reply(error);
      }
      reply(attempt([&]() -> T { return work(); }));
    });
    timers_.push_back(std::move(slot));
  }
  Loop* loop_;
  int life_ = 0;
  std::vector<std::shared_ptr<Timer>> timers_;
};

inline void set_branch(FakeGitea& forge, const std::string& repository, const std::string& name,
                       const std::string& sha) {
  auto& branches = forge.repos.at(repository).branches;
  for (auto& branch : branches)
    if (branch.name == name) return void(branch.sha = sha);
  Branch made;
  made.name = name, made.sha = sha;
  branches.push_back(std::move(made));
}
// Empty: there is none.
inline std::string branch_at(FakeGitea& forge, const std::string& repository,
                             const std::string& name) {
  for (const auto& branch : forge.repos.at(repository).branches)
    if (branch.name == name) return branch.sha;
  return {};
}

class FakeWorkspaces final : public Workspaces, public FakeOutside {
 public:
  FakeWorkspaces(Loop& loop, FakeGitea& forge) : FakeOutside(loop), forge_(&forge) {}

  struct Clone {
    std::string base;
    std::string head;  // what its agent committed
    bool dirty = false;
    ItemId item{};  // whose it is
  };
  std::map<std::string, Clone> clones;      // by subject
  std::vector<Clone> set_aside;             // of earlier items, with work
  std::map<std::string, std::string> work;  // what was taken in, by subject
  std::vector<std::string> problems;        // that the next commits have
  std::size_t pushes = 0;                   // that moved a branch
  std::size_t prepared = 0;
  bool sets_up_for_ever = false;  // until it is cancelled
  std::vector<std::pair<ItemId, std::string>> cancelled;
  std::shared_ptr<const Lane> last_lane;  // of the last take_in()

  void prepare(ItemWork order, Reply<Workspace> reply) override {
    if (sets_up_for_ever) return void(setups_[order.item.id] = std::move(reply));
    answer(std::move(reply), [this, item = order.item] {
      ++prepared;
      auto& head = work[item.subject()];
      if (const auto left = clones.find(item.subject());
          left != clones.end() && left->second.item != item.id) {
        if (left->second.dirty || left->second.head != head) set_aside.push_back(left->second);
        clones.erase(left);
      }
      if (!clones.contains(item.subject())) {
        // Only what came in of the item itself is gone on from.
        if (head != item.head) head.clear();
        clones[item.subject()] = {"base-" + item.subject(), head, false, item.id};
      }
      return Workspace{"/clones/" + item.subject(), item.branch, "main",
                       clones[item.subject()].base, head};
    });
  }
  void cancel(ItemId item, const std::string& why) override {
    cancelled.emplace_back(item, why);
    const auto found = setups_.extract(item);
    if (!found) return;
    loop_->post([reply = std::move(found.mapped()), why] { reply(Error(Code::cancelled, why)); });
  }
  [[nodiscard]] std::size_t setting_up() const { return setups_.size(); }
  void take_in(ItemWork order, Reply<ImportedWork> reply) override {
    last_lane = order.lane;
    answer(std::move(reply), [this, item = order.item]() -> ImportedWork {
      const auto found = clones.find(item.subject());
      if (found == clones.end() || found->second.item != item.id || found->second.head.empty())
        return {};
      if (!problems.empty()) return {{}, 1, {}, std::exchange(problems, {})};
      work[item.subject()] = found->second.head;
      return {found->second.head, 1, {"src/a.c"}, {}};
    });
  }
  void seal(ReportOrder order, Reply<std::string> reply) override {
    answer(std::move(reply),
           [item = order.work.item] { return "sealed-" + item.run + "-" + item.head; });
  }
  void push(ItemWork order, Reply<PushedWork> reply) override {
    answer(std::move(reply), [this, item = order.item]() -> PushedWork {
      const auto there = branch_at(*forge_, item.repository, item.branch);
      if (there == item.sealed) return {};
      if (there != item.pushed) return {PushedWork::Kind::moved, "fetch first"};
      ++pushes;
      set_branch(*forge_, item.repository, item.branch, item.sealed);
      return {};
    });
  }
  void let_go(Item item, Reply<Done> reply) override {
    answer(std::move(reply), [this, item] {
      const auto found = clones.find(item.subject());
      if (found == clones.end() || found->second.item != item.id) return Done{};
      if (found->second.dirty || found->second.head != work[item.subject()])
        throw Error(Code::conflict, "there is work in it");
      clones.erase(found);
      return Done{};
    });
  }

  // The host is gone, and so is what it set up.
  void crash() {
    FakeOutside::crash();
    setups_.clear();
  }

 private:
  FakeGitea* forge_;
  std::map<ItemId, Reply<Workspace>> setups_;
};

// Runs that end when a test says so, or by themselves after `takes`.
class FakeRuns final : public AgentRuns, public FakeOutside {
 public:
  FakeRuns(Loop& loop, FakeWorkspaces& workspaces) : FakeOutside(loop), workspaces_(&workspaces) {}

  // What an agent does in its clone, and how it ends.
  std::function<RunFacts(const AttemptOrder&, FakeWorkspaces::Clone&)> agent = fixes;
  bool by_themselves = true;
  std::vector<AttemptOrder> orders;
  std::vector<std::pair<std::string, std::string>> cancelled;  // run and why
  std::optional<Error> refuse;                                 // every start
  std::optional<Error> throws;                                 // every start, when it runs already
  std::optional<WallTime> renews;                              // what it is refused for
  // What a run has used, when it ends: the ledger's to know.
  std::function<void(const std::string& run, std::int64_t tokens)> spends;
  int untold = 0;  // so many ends can't be told, when they are first asked for

  static RunFacts fixes(const AttemptOrder& order, FakeWorkspaces::Clone& clone) {
    clone.head = "work-" + order.run;
    RunFacts facts;
    facts.how = RunEnd::exited;
    facts.reason = "ended with status 0";
    facts.tokens = 100;
    facts.report = "Mended.";
    return facts;
  }

  void start(AttemptOrder order, Reply<RunFacts> ended) override {
    if (refuse) {
      RunFacts facts;
      facts.run = order.run;
      facts.not_begun = *refuse;
      facts.renews = renews;
      loop_->post([ended = std::move(ended), facts] { ended(facts); });
      return;
    }
    orders.push_back(order);
    auto& run = runs_[order.run];
    run.order = order;
    run.ended = std::move(ended);
    if (by_themselves)
      run.timer = loop_->after(takes(), [this, name = order.run] { finish(name); });
    if (throws) throw Error(*throws);
  }
  void cancel(const std::string& name, const std::string& why) override {
    cancelled.emplace_back(name, why);
    const auto found = runs_.find(name);
    if (found == runs_.end() || found->second.over) return;
    RunFacts facts;
    facts.how = RunEnd::cancelled;
    facts.reason = why;
    facts.tokens = 50;
    end(found->second, name, facts);
  }
  void settle(std::string name, Reply<RunFacts> ended) override {
    // One of this host's life: who asks last is told.
    if (const auto found = runs_.find(name); found != runs_.end() && found->second.ended)
      return void(found->second.ended = std::move(ended));
    loop_->post([this, name, ended = std::move(ended)] {
      const auto found = runs_.find(name);
      if (untold > 0) return --untold, ended(Error(Code::unavailable, "the disk is full"));
      RunFacts facts;
      facts.run = name;
      facts.how = RunEnd::interrupted;
      if (found != runs_.end()) {
        if (!found->second.over) found->second.facts.how = RunEnd::interrupted;
        found->second.over = true;
        facts = found->second.facts;
        facts.run = name;
      }
      ended(facts);
    });
  }

  // The run has come to its end.
  void finish(const std::string& name) {
    auto& run = runs_.at(name);
    if (run.over) return;
    end(run, name, agent(run.order, workspaces_->clones[run.order.work.item.subject()]));
  }
  [[nodiscard]] std::vector<std::string> at_work() const {
    std::vector<std::string> names;
    for (const auto& [name, run] : runs_)
      if (!run.over) names.push_back(name);
    return names;
  }
  // The host is gone, and so are its runs.
  void crash() {
    FakeOutside::crash();
    for (auto& [name, run] : runs_) {
      run.timer.cancel();
      run.ended = nullptr;
      if (!run.over) run.facts.how = RunEnd::interrupted;
      run.over = true;
    }
  }

 private:
  struct Run {
    AttemptOrder order;
    Reply<RunFacts> ended;
    RunFacts facts;
    bool over = false;
    Timer timer;
  };
  void end(Run& run, const std::string& name, RunFacts facts) {
    facts.run = name;
    run.over = true;
    run.facts = facts;
    if (spends) spends(name, facts.tokens);
    if (untold > 0 && run.ended) {
      --untold;
      return loop_->post([ended = std::exchange(run.ended, nullptr)] {
        ended(Error(Code::io, "the disk is full"));
      });
    }
    if (run.ended)
      loop_->post([ended = std::exchange(run.ended, nullptr), facts] { ended(facts); });
  }
  FakeWorkspaces* workspaces_;
  std::map<std::string, Run> runs_;
};

class FakeVerifier final : public Verifier, public FakeOutside {
 public:
  using FakeOutside::FakeOutside;
  std::function<bool(const VerifyOrder&)> passes = [](const VerifyOrder&) { return true; };
  std::vector<ItemId> cancelled;
  std::size_t asked = 0;

  void verify(VerifyOrder order, Reply<WorkVerdict> reply) override {
    ++asked;
    answer(std::move(reply), [this, order = std::move(order)] {
      if (passes(order))
        return WorkVerdict{{{.name = "command verify", .summary = "12 tests"}}, {}};
      return WorkVerdict{{{.name = "command verify",
                           .state = Check::State::failed,
                           .summary = "ended with status 1",
                           .evidence = "test_x failed"}},
                         {}};
    });
  }
  void cancel(ItemId item) override { cancelled.push_back(item); }
};

// Opens the pull request at the forge, as the real one does; at once.
class FakeReporter final : public Reporter {
 public:
  FakeReporter(Loop& loop, FakeGitea& forge) : loop_(&loop), forge_(&forge) {}

  std::vector<std::string> told;  // "stopped org/app#1: ..."
  std::vector<ReportOrder> orders;
  bool waits_for_approval = false;
  bool waits_unmarked = false;        // it is approved, and waits for checks
  std::optional<Error> fail_publish;  // every one
  bool holds = false;                 // each is under way until go_on()

  void go_on() {
    holds = false;
    if (const auto held = std::exchange(held_, nullptr)) held();
  }
  void publish(ReportOrder order, Reply<Publication> reply) override {
    if (holds) return void(held_ = [this, order, reply] { publish(order, reply); });
    orders.push_back(order);
    if (fail_publish)
      return loop_->post([reply = std::move(reply), error = *fail_publish] { reply(error); });
    const auto& item = order.work.item;
    const auto repo = parse_repo_name(item.repository);
    if (order.work.playbook->report.kind == ReportKind::comment)
      return forge_->keep_comment(
          repo, item.number, order.facts.report, "item", [reply](Result<Comment> comment) {
            if (!comment.ok()) return reply(comment.error());
            reply(Publication{0, comment.value().html_url, true, "commented"});
          });
    const auto publication = [unmarked = waits_unmarked](const PullRequest& pull, bool waits) {
      return Publication{pull.number,
                         pull.html_url,
                         !waits,
                         waits ? "waits for an approval" : "opened",
                         pull.state == "open",
                         waits && unmarked};
    };
    if (item.pull != 0)
      return forge_->get_pr(
          repo, item.pull,
          [reply, publication, waits = waits_for_approval](Result<PullRequest> pull) {
            if (!pull.ok()) return reply(pull.error());
            reply(publication(pull.value(), waits));
          });
    NewPull wanted{item.branch, item.base_branch, "Mend it", "Closes " + item.subject()};
    forge_->create_pr(repo, wanted,
                      [reply, publication, waits = waits_for_approval](Result<PullRequest> pull) {
                        if (!pull.ok()) return reply(pull.error());
                        reply(publication(pull.value(), waits));
                      });
  }
  void tell(Item item, std::string text, Reply<Done> reply) override {
    told.push_back(item.subject() + ": " + text);
    loop_->post([reply = std::move(reply)] { reply(Done{}); });
  }

 private:
  Loop* loop_;
  FakeGitea* forge_;
  std::function<void()> held_;
};

}  // namespace host::dispatch
