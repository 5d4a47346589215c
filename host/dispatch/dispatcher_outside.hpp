// SPDX-License-Identifier: Apache-2.0
//
// What the dispatcher needs of the outer world besides the forge (gitea/gitea.hpp). Loop thread; a
// Reply comes on the loop, exactly once, never from inside the call. Each call may be made again
// after a crash, and then finds what is there. dispatcher_fakes.hpp has the twins.
//
// An Error that is transient() makes the item wait at no cost; any other fails it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "dispatch/item.hpp"
#include "dispatch/lanes.hpp"
#include "dispatch/playbook.hpp"
#include "dispatch/verify.hpp"
#include "gitea/types.hpp"

namespace host::dispatch {

// What a step of an item is about. A value of its own, that may go to another thread.
struct ItemWork {
  Item item;
  std::shared_ptr<const Playbook> playbook;
  std::shared_ptr<const Lane> lane;
  AgentSettings agent;            // the playbook's over the lane's
  Issue issue;                    // as it was just read
  std::vector<Comment> comments;  // likewise, oldest first; only for a run
};

struct Workspace {
  std::filesystem::path tree;  // the clone, where the agent works
  std::string branch;
  std::string base_branch;
  std::string base;  // a commit
  std::string head;  // a commit: of work that was kept from before; empty: none
};

// What was taken out of a clone.
struct ImportedWork {
  std::string head;  // a commit; empty: the agent committed nothing
  std::size_t commits = 0;
  std::vector<std::string> changed;   // paths
  std::vector<std::string> problems;  // not empty: nothing came in. Fit for the agent to read
};

struct PushedWork {
  enum class Kind {
    pushed,   // the forge's branch is Item::sealed, now or by an earlier try
    moved,    // somebody else put something there
    refused,  // the forge says no
  };
  Kind kind = Kind::pushed;
  std::string text;  // what the forge says
};

struct ReportOrder;

// Clones, mirrors, pushes: workspaces/.
class Workspaces {
 public:
  virtual ~Workspaces() = default;
  // The item's clone, made now (and set up, as the playbook says), or found as it was left. One
  // that an earlier item of the issue has left is kept under another name if it holds work.
  virtual void prepare(ItemWork work, Reply<Workspace> reply) = 0;
  // Has the prepare() of an item end soon, with an Error, and all that it runs: git, and the
  // commands of its setup, which the next one begins anew. Fine if there is none.
  virtual void cancel(ItemId item, const std::string& why) = 0;
  // Takes in what is committed in the clone. Nothing of the item's may be running. An item without
  // a clone has nothing.
  virtual void take_in(ItemWork work, Reply<ImportedWork> reply) = 0;
  // The host's own commit on top of Item::head, whose message says what was verified. The reply is
  // its name.
  virtual void seal(ReportOrder order, Reply<std::string> reply) = 0;
  // Makes Item::sealed the forge's Item::branch, which must be as Item::pushed says, or there
  // already.
  virtual void push(ItemWork work, Reply<PushedWork> reply) = 0;
  // The item has ended: its clone may go, if there is nothing in it that was not taken in. It stays
  // where the next prepare() of the item, as after a retry, comes before that is looked at.
  virtual void let_go(Item item, Reply<Done> reply) = 0;
};

// How an attempt ended. Of all but the first the host knows more than the agent could say.
enum class RunEnd {
  exited,        // by itself, whatever its status says
  rate_limited,  // exit 75, or the model's server asked for a pause: no failure
  not_usable,    // by itself: it can't work as it is set up, and trying again changes nothing
  crashed,       // a signal that was not the host's
  deadline,      // limits.wall
  stalled,       // limits.stall
  budget,        // limits.tokens or a cap: it was refused tokens, and did not end by itself
  limit,         // memory, processes or disk
  cancelled,     // by AgentRuns::cancel()
  interrupted,   // the host or the machine ended
  not_started,   // it never ran: nothing was done, nothing spent
};
[[nodiscard]] std::string_view name(RunEnd end) noexcept;

struct RunFacts {
  std::string run;  // its name
  RunEnd how = RunEnd::not_started;
  int status = 0;      // of an exited one
  std::string reason;  // "ended with status 1", "no output for 5m"; for people
  std::int64_t tokens = 0;
  std::string refused;  // why it got no tokens when it last asked for some; empty: it got them
  // When a new run may get what this one was refused, if waiting helps.
  std::optional<WallTime> renews;
  // Of one that was not started: why. {rate_limited}: later it may be, see `renews`. Not kept.
  std::optional<Error> not_begun;
  std::string report;  // what the agent wrote into its report file, bounded; never believed
  Json evidence = Json::object();  // bounded; what else is known: times, peaks, session
};

struct AttemptOrder {
  ItemWork work;
  std::string run;  // run_name()
  int attempt = 1;  // for the prompt
  Workspace workspace;
  std::string feedback;          // what the gates said of the attempt before
  std::int64_t tokens_left = 0;  // of limits.tokens
};

// Agents at work: runs/.
class AgentRuns {
 public:
  virtual ~AgentRuns() = default;
  // Starts an attempt; the reply is its end, when no process of it is left: `not_begun` where
  // nothing ran. An Error: it may have run, and what became of it can't be told now; settle() is
  // asked until it can. A run of that name that is there already is not started a second time, but
  // followed.
  virtual void start(AttemptOrder order, Reply<RunFacts> ended) = 0;
  // Has it ended soon. Fine if it has, or is not known.
  virtual void cancel(const std::string& run, const std::string& why) = 0;
  // Of a run that an earlier host started: its end, when no process of it is left. What that host
  // did not see to its end, or did not live to start, is interrupted. Also of a run of this host,
  // for whose end there was an Error. An Error as start().
  virtual void settle(std::string run, Reply<RunFacts> ended) = 0;
};

struct VerifyOrder {
  ItemWork work;   // with base and head
  RunFacts facts;  // of the last attempt; its report is only quoted
};

// The playbook's gates, run by the host. A function of facts and settings.
class Verifier {
 public:
  virtual ~Verifier() = default;
  // Nothing of it runs any more when the reply comes. An Error: there is no verdict.
  virtual void verify(VerifyOrder order, Reply<WorkVerdict> reply) = 0;
  // The same as AgentRuns::cancel(), of the verification of an item.
  virtual void cancel(ItemId item) = 0;
};

struct ReportOrder {
  ItemWork work;  // pushed, unless the report is a comment
  RunFacts facts;
  WorkVerdict verdict;
};

struct Publication {
  std::int64_t pull = 0;  // 0: a comment
  std::string url;
  bool finished = true;  // false: there is more to do later (a merge, when it is approved)
  std::string reason;    // what was done, or what it waits for
  bool open = false;     // it is a pull request, and open: people may yet approve it
  // It waits for what leaves no mark on it at the forge: checks, rules of the forge's own.
  bool unmarked = false;
};

// The pull request, comment and labels. Every write may be made again, and finds what is there.
class Reporter {
 public:
  virtual ~Reporter() = default;
  // With Item::pull set its quality gate is judged, by what the forge has now; the issue, comments
  // and lane need not be there.
  virtual void publish(ReportOrder order, Reply<Publication> reply) = 0;
  // A comment on the item, one for each item and kept up to date: why it was stopped or failed.
  virtual void tell(Item item, std::string text, Reply<Done> reply) = 0;
};

}  // namespace host::dispatch
