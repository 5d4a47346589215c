// SPDX-License-Identifier: Apache-2.0
#include "pair.hpp"

#include <algorithm>
#include <unordered_map>

namespace provenance {
namespace {

using Role = Message::Role;

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

// Which row answers which call.
class Results {
 public:
  explicit Results(const Session& session)
      : rows_(session.messages), of_(rows_.size()), joined_(rows_.size()) {
    for (std::size_t row = 0; row < rows_.size(); ++row) {
      if (rows_[row].role == Role::assistant) open(row);
      if (rows_[row].role == Role::tool) join(row);
    }
  }

  [[nodiscard]] bool joined(std::size_t row) const { return joined_[row]; }
  // The row that answers a call of `row`; kNone: nothing does.
  [[nodiscard]] std::size_t of(std::size_t row, std::size_t call) const { return of_[row][call]; }

 private:
  struct Call {
    std::size_t row, call;
  };

  void open(std::size_t row) {
    of_[row].assign(rows_[row].calls.size(), kNone);
    if (rows_[row].calls.empty()) return;
    latest_ = row;
    next_ = 0;
    for (std::size_t call = 0; call < of_[row].size(); ++call)
      open_[rows_[row].calls[call].id].push_back({row, call});
  }

  // By its id the latest such call that is open: providers that count give one id to many. Without
  // an id the next one of the latest calls.
  void join(std::size_t row) {
    const auto& id = rows_[row].call_id;
    if (id.empty()) return join_next(row);
    const auto found = open_.find(id);
    if (found == open_.end() || found->second.empty()) return;
    const auto [of, call] = found->second.back();
    found->second.pop_back();
    of_[of][call] = row;
    joined_[row] = true;
  }

  void join_next(std::size_t row) {
    if (latest_ == kNone) return;
    while (next_ < of_[latest_].size() && of_[latest_][next_] != kNone) ++next_;
    if (next_ == of_[latest_].size()) return;
    auto& calls = open_[rows_[latest_].calls[next_].id];
    std::erase_if(calls, [&](const Call& it) { return it.row == latest_ && it.call == next_; });
    of_[latest_][next_] = row;
    joined_[row] = true;
  }

  const std::vector<Message>& rows_;
  std::vector<std::vector<std::size_t>> of_;
  std::vector<bool> joined_;
  std::unordered_map<std::string_view, std::vector<Call>> open_;
  std::size_t latest_ = kNone, next_ = 0;
};

class Reader {
 public:
  explicit Reader(const Session& session) : session_(session), results_(session) {}

  Turns read() {
    for (std::size_t row = 0; row < session_.messages.size(); ++row) take(row);
    close();
    if (session_.live && !turns_.pairs.empty()) turns_.pairs.back().flaw = Flaw::live;
    return std::move(turns_);
  }

 private:
  void take(std::size_t row) {
    const Message& message = session_.messages[row];
    if (message.partial) partial_ = std::min(partial_, row);
    switch (message.role) {
      case Role::system: turns_.entries.push_back({&message, {}, nullptr}); break;
      case Role::user: take_user(message, row); break;
      case Role::assistant: take_assistant(message, row); break;
      case Role::tool:
        if (!results_.joined(row)) spoil(Flaw::orphan_result, row);
        break;
    }
  }

  // Several in a row are one turn.
  void take_user(const Message& message, std::size_t row) {
    if (open_ && answered_) close();
    if (!open_) {
      turns_.pairs.push_back({.turn = turns_.pairs.size() + 1,
                              .prompt = turns_.entries.size(),
                              .first_row = row,
                              .last_row = row});
      open_ = true;
      answered_ = false;
    }
    turns_.entries.push_back({&message, {}, nullptr});
    reach(row);
  }

  void take_assistant(const Message& message, std::size_t row) {
    Entry entry{&message, {}, nullptr};
    std::vector<Entry> results;
    for (std::size_t call = 0; call < message.calls.size(); ++call) {
      const auto result = results_.of(row, call);
      note(message.calls[call], result);
      if (result == kNone) {
        spoil(Flaw::missing_result, row);
        continue;
      }
      entry.calls.push_back(&message.calls[call]);
      results.push_back({&session_.messages[result], {}, &message.calls[call]});
      reach(result);
    }
    if (message.content.empty() && entry.calls.empty()) return;
    begin_answer();
    reach(row);
    turns_.entries.push_back(std::move(entry));
    for (auto& result : results) turns_.entries.push_back(std::move(result));
    answer_end_ = turns_.entries.size();
  }

  void note(const ToolCall& call, std::size_t result) {
    if (!open_) return;
    Step step{&call, Outcome::missing, 0};
    if (result != kNone) {
      step.outcome = outcome_of(session_.messages[result].content);
      step.result_bytes = session_.messages[result].content.size();
    }
    turns_.pairs.back().steps.push_back(step);
  }

  void begin_answer() {
    if (!open_ || answered_) return;
    answered_ = true;
    turns_.pairs.back().answer = turns_.entries.size();
  }

  void reach(std::size_t row) {
    if (open_) turns_.pairs.back().last_row = std::max(turns_.pairs.back().last_row, row);
  }

  void spoil(Flaw flaw, std::size_t row) {
    if (!open_) return;
    reach(row);
    if (turns_.pairs.back().flaw == Flaw::none) turns_.pairs.back().flaw = flaw;
  }

  // System rows behind the answer are the next turn's context.
  void close() {
    if (!open_) return;
    Pair& pair = turns_.pairs.back();
    open_ = false;
    if (!answered_) {
      pair.answer = pair.end = turns_.entries.size();
      if (pair.flaw == Flaw::none) pair.flaw = Flaw::no_answer;
    } else {
      pair.end = answer_end_;
    }
    if (pair.flaw != Flaw::none) return;
    if (!asks(pair)) pair.flaw = Flaw::empty_prompt;
    const Entry& last = turns_.entries[pair.end - 1];
    if (last.message->role != Role::assistant || last.message->content.empty())
      pair.flaw = Flaw::unfinished;
    if (pair.flaw == Flaw::none && partial_ <= pair.last_row) pair.flaw = Flaw::not_text;
  }

  [[nodiscard]] bool asks(const Pair& pair) const {
    return std::any_of(turns_.entries.begin() + static_cast<std::ptrdiff_t>(pair.prompt),
                       turns_.entries.begin() + static_cast<std::ptrdiff_t>(pair.answer),
                       [](const Entry& it) {
                         return it.message->role == Role::user && !it.message->content.empty();
                       });
  }

  const Session& session_;
  Results results_;
  Turns turns_;
  bool open_ = false;      // a turn has begun
  bool answered_ = false;  // and somebody answered
  std::size_t answer_end_ = 0;
  std::size_t partial_ = kNone;  // the first row of which only the text is there
};

// What follows `"name":` where that stands as a member, not inside a string.
std::string_view member(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(name); at != std::string_view::npos;
       at = text.find(name, at + 1)) {
    auto before = text.substr(0, at);
    while (before.ends_with(' ') || before.ends_with('\n')) before.remove_suffix(1);
    if (!before.ends_with('{') && !before.ends_with(',')) continue;
    auto rest = text.substr(at + name.size());
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    return rest;
  }
  return {};
}

}  // namespace

std::string_view to_text(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok: return "ok";
    case Outcome::error: return "error";
    case Outcome::unavailable: return "unavailable";
    case Outcome::missing: return "missing";
  }
  return "missing";
}

std::string_view to_text(Flaw flaw) {
  switch (flaw) {
    case Flaw::none: return "";
    case Flaw::live: return "live";
    case Flaw::empty_prompt: return "empty_prompt";
    case Flaw::no_answer: return "no_answer";
    case Flaw::unfinished: return "unfinished";
    case Flaw::missing_result: return "missing_result";
    case Flaw::orphan_result: return "orphan_result";
    case Flaw::not_text: return "not_text";
  }
  return "";
}

Outcome outcome_of(std::string_view result) {
  if (result.starts_with("[Result unavailable") || result.starts_with("[Tool execution cancelled"))
    return Outcome::unavailable;
  if (!result.starts_with('{')) return Outcome::ok;
  const auto error = member(result, "\"error\":");
  if (!error.empty() && !error.starts_with("null") && !error.starts_with("\"\"") &&
      !error.starts_with("false"))
    return Outcome::error;
  const auto exit_code = member(result, "\"exit_code\":");
  const bool zero = exit_code.starts_with('0') || exit_code.starts_with("null");
  return exit_code.empty() || zero ? Outcome::ok : Outcome::error;
}

Turns pairs_of(const Session& session) {
  auto turns = Reader(session).read();
  auto latest = session.started;
  std::size_t row = 0;
  for (auto& pair : turns.pairs) {
    for (; row <= pair.last_row; ++row) latest = std::max(latest, session.messages[row].at);
    pair.latest = latest;
  }
  return turns;
}

}  // namespace provenance
