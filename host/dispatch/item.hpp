// SPDX-License-Identifier: Apache-2.0
//
// A work item: an issue or pull request that a playbook took, on its way through six gates. Plain
// values and the rules by which they change; what is kept of them is item_store.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/json.hpp"

namespace host::dispatch {

// A row of `items`. Ascending, never reused.
using ItemId = Id<struct ItemTag>;

// In their order.
enum class Gate {
  intake,  // nobody else works on it: the claim, pull requests, the branch, assignees
  triage,  // the playbook takes it as it is now
  route,   // its lane, and the agent there
  track,   // the agent works, and its commits come in
  verify,  // the host's own checks
  report,  // push, pull request or comment, labels
};

enum class ItemState {
  waiting,  // for its turn at the gate, from `due` on
  running,  // a step of the gate is under way, in the host `instance`
  // It has ended:
  done,      // reported
  declined,  // not taken after all: somebody else works on it, or the playbook does not fit
  failed,    // no attempt is left, or it can't be done
  stopped,   // by a person: on the forge, or by cancel. The work is kept
};

// What happens to an item. See after().
enum class Move {
  begin,      // a step of the gate begins
  wait,       // for later, at the same gate; costs nothing
  interrupt,  // the host ended, or is about to; costs nothing
  pass,       // on to the next gate; from the last: done
  send_back,  // to the agent again, with what the gates said
  decline,
  fail,
  stop,
  reopen,  // from the first gate on, with all attempts
};

// How a visit to a gate ended.
enum class GateVerdict {
  open,  // it has not
  passed,
  sent_back,
  interrupted,
  declined,
  failed,
  stopped,
};

[[nodiscard]] std::string_view name(Gate gate) noexcept;
[[nodiscard]] std::string_view name(ItemState state) noexcept;
[[nodiscard]] std::string_view name(Move move) noexcept;
[[nodiscard]] std::string_view name(GateVerdict verdict) noexcept;
// By name. Throw Error{invalid} naming the text and what there is.
[[nodiscard]] Gate parse_gate(std::string_view text);
[[nodiscard]] ItemState parse_item_state(std::string_view text);
[[nodiscard]] GateVerdict parse_gate_verdict(std::string_view text);

[[nodiscard]] constexpr bool has_ended(ItemState state) noexcept {
  return state != ItemState::waiting && state != ItemState::running;
}

struct Position {
  Gate gate = Gate::intake;
  ItemState state = ItemState::waiting;
  auto operator<=>(const Position&) const = default;
};

// Where a move leads from there; nothing: it is forbidden there.
[[nodiscard]] std::optional<Position> after(Position from, Move move) noexcept;
// What it makes of the visit to the gate that it is made from; nothing: the visit goes on.
[[nodiscard]] std::optional<GateVerdict> verdict_of(Move move) noexcept;

// Item::source of what a person ordered.
inline constexpr std::string_view kByOperator = "operator";

struct Item {
  ItemId id;
  std::int64_t revision = 0;  // grows with every change; a step that was overtaken is refused
  std::string repository;     // "owner/name", as the forge has it
  // The forge's, the same whatever its name; 0: it does not say. Once there is a clone it stays as
  // it is: mirror and clone are named by it.
  std::int64_t repository_id = 0;
  std::int64_t number = 0;
  bool is_pull = false;
  std::string title;      // when it was last read
  std::string playbook;   // by name
  std::string source;     // "matching", kByOperator, "plugin triage", "deadman"
  bool matched = true;    // it fitted the playbook when it was taken: it must go on fitting
  std::string lane;       // from route on
  std::string own_login;  // of the host's user, when it was taken
  std::vector<std::string> assignees;  // when it was taken

  Position at;
  std::string reason;         // why it waits, or how it ended; for people
  std::int64_t instance = 0;  // of the host that runs its step; 0: none does
  WallTime due{};             // not before
  std::string stop;           // why a person wants it stopped; empty: nobody does. ask_stop()

  std::string run;        // of the attempt under way, or the last; see run_name()
  bool run_open = false;  // it was started, and what became of it is not dealt with yet
  int runs = 0;           // started, whatever became of them
  int attempts = 0;       // of these, those that count; see Playbook::limits
  int interruptions = 0;  // by ends of a host while a step was under way, and by lost runs
  int rate_limits = 0;    // pauses: runs that ended since a server or a cap made them wait
  // That all its runs have taken, by the ledger at the last write of the row; a write sets it.
  std::int64_t tokens = 0;
  std::string feedback;  // what the gates said of the last attempt, for the next; bounded

  std::string branch;       // for its commits, at the host and at the forge; from track on
  std::string base_branch;  // likewise
  std::string base;         // a commit: where its work begins; empty: no clone yet
  std::string head;         // a commit: what came in; empty: nothing did
  std::string sealed;       // a commit: the host's own on top of `head`, to be pushed; empty: none
  std::string pushed;       // a commit: what the host made of the branch at the forge; empty: none
  std::int64_t pull = 0;    // number of the pull request that it opened; 0: none

  WallTime created{};
  WallTime updated{};
  std::optional<WallTime> ended;
  // Has ended, and the issue stopped fitting the playbook since: when it fits again, that is new.
  bool rearmed = false;

  [[nodiscard]] bool live() const noexcept { return !has_ended(at.state); }
  // An agent of the lane is to work on it, or is at work.
  [[nodiscard]] bool waits_for_agent_of(std::string_view name) const noexcept {
    return live() && at.gate <= Gate::track && lane == name;
  }
  // "org/app#12".
  [[nodiscard]] std::string subject() const;
};

// "d12.": what the names of all runs of the item begin with, and of no other's.
[[nodiscard]] std::string run_prefix(ItemId item);
// "d12.3": item and number of the run, in letters that fit a file's name; not as a job's run.
[[nodiscard]] std::string run_name(ItemId item, int run);
// The item of such a name; nothing: it is none.
[[nodiscard]] std::optional<ItemId> item_of_run(std::string_view run);

// A visit of an item to a gate.
struct GateVisit {
  std::int64_t id = 0;  // ascending
  Gate gate = Gate::intake;
  GateVerdict verdict = GateVerdict::open;
  std::string reason;              // for people
  Json evidence = Json::object();  // what was looked at; see bounded_evidence()
  WallTime began{};
  std::optional<WallTime> ended;
};

inline constexpr std::size_t kReasonBytes = 2'000;
inline constexpr std::size_t kFeedbackBytes = std::size_t{16} << 10;
inline constexpr std::size_t kEvidenceBytes = std::size_t{64} << 10;  // as text

// What later gates go by: facts of a run, and a verdict.
inline constexpr const char* kRunEvidence = "run";
inline constexpr const char* kVerdictEvidence = "verdict";

// As it may be kept: an object of at most kEvidenceBytes. What is more is cut, its longest texts
// and lists first, and "cut": true says so. What later gates go by stays whole, but for what a
// verdict's checks show; where even that does not fit, the object there has "cut": true, and is not
// to be gone by (whole_evidence()).
[[nodiscard]] Json bounded_evidence(Json evidence);
// That object of a visit's evidence; nothing: there is none. Throws Error{too_large} where it is
// not whole.
[[nodiscard]] std::optional<Json> whole_evidence(const GateVisit& visit, const char* key);

// For --json and the admin API.
[[nodiscard]] Json to_json(const Item& item);
[[nodiscard]] Json to_json(const GateVisit& visit);

}  // namespace host::dispatch
