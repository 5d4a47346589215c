// SPDX-License-Identifier: Apache-2.0
#include "pair_line.hpp"

#include <algorithm>
#include <timmy/time.hpp>

#include "descent.hpp"
#include "json_text.hpp"
#include "judgement.hpp"

namespace provenance {
namespace {

using Role = Message::Role;

std::string_view to_text(Role role) {
  switch (role) {
    case Role::system: return "system";
    case Role::user: return "user";
    case Role::assistant: return "assistant";
    case Role::tool: return "tool";
  }
  return "system";
}

constexpr std::size_t kDigest = 64;

// Always with milliseconds: of whole seconds pyarrow would make timestamps, and other texts of
// these.
std::string time_text(Instant instant) {
  auto text = timmy::format_time(instant);
  if (text.find('.') == std::string::npos) text.insert(text.size() - 1, ".000");
  return text;
}

}  // namespace

std::string_view to_text(Store::Kind kind) {
  switch (kind) {
    case Store::Kind::database: return "database";
    case Store::Kind::snapshot: return "snapshot";
    case Store::Kind::transcript: return "transcript";
    case Store::Kind::export_: return "export";
  }
  return "database";
}

SessionLines::SessionLines(const Session& session, const Turns& turns, const Redactor& redactor,
                           RowKey& key, Sha256& hash)
    : session_(session),
      turns_(turns),
      redactor_(redactor),
      key_(key),
      hash_(hash),
      counts_(redaction_rules().size()) {
  std::size_t bytes = 0;
  for (const auto& entry : turns.entries) bytes += entry.message->content.size() + 128;
  messages_.reserve(bytes + bytes / 8);
  digests_.reserve(turns.entries.size() * kDigest);
  while (head_ < turns.entries.size() && turns.entries[head_].message->role == Role::system)
    ++head_;
  for (const auto& entry : turns.entries) add(entry);
  RedactionCounts of_path(counts_.size());
  if (!redactor.redact(session.store.path, path_, of_path)) path_ = session.store.path;
  chain_.push_back(chain_start(hash_, session.id));
}

void SessionLines::add(const Entry& entry) {
  if (!messages_.empty()) messages_ += ',';
  const auto begin = messages_.size();
  std::fill(counts_.begin(), counts_.end(), 0);
  messages_ += "{\"role\":\"";
  messages_ += to_text(entry.message->role);
  messages_ += "\",\"content\":";
  append_redacted(entry.message->content);
  append_calls(entry);
  messages_ += ',';
  const auto* answers = entry.answers;
  append_redacted_member(messages_, "tool_call_id", answers != nullptr ? answers->id : "", counts_);
  messages_ += ',';
  append_redacted_member(messages_, "name", answers != nullptr ? answers->name : "", counts_);
  messages_ += '}';
  ends_.push_back(messages_.size());
  digests_ += hash_.of(std::string_view(messages_).substr(begin));
  if (std::any_of(counts_.begin(), counts_.end(), [](auto count) { return count != 0; }))
    redacted_.emplace_back(ends_.size() - 1, counts_);
}

void SessionLines::append_redacted(std::string_view text) {
  const bool changed = redactor_.redact(text, scratch_, counts_);
  append_json_string(messages_, changed ? std::string_view(scratch_) : text);
}

// Names and ids are an agent's words, too: a call may be of anything.
void SessionLines::append_redacted_member(std::string& out, std::string_view name,
                                          std::string_view text, RedactionCounts& counts) {
  const bool changed = redactor_.redact(text, scratch_, counts);
  append_member(out, name, changed ? std::string_view(scratch_) : text);
}

void SessionLines::append_calls(const Entry& entry) {
  messages_ += ",\"tool_calls\":[";
  for (const auto* call : entry.calls) {
    if (call != entry.calls.front()) messages_ += ',';
    messages_ += '{';
    append_redacted_member(messages_, "id", call->id, counts_);
    messages_ += ",\"type\":\"function\",\"function\":{";
    append_redacted_member(messages_, "name", call->name, counts_);
    messages_ += ",\"arguments\":";
    append_redacted(call->arguments);
    messages_ += "}}";
  }
  messages_ += ']';
}

std::string_view SessionLines::slice(std::size_t from, std::size_t to) const {
  if (from >= to) return {};
  const auto begin = from == 0 ? 0 : ends_[from - 1] + 1;
  return std::string_view(messages_).substr(begin, ends_[to - 1] - begin);
}

std::string_view SessionLines::digests(std::size_t from, std::size_t to) const {
  return std::string_view(digests_).substr(from * kDigest, (to - std::min(from, to)) * kDigest);
}

// The first entry, after the head, of a context that is not too long; the oldest turns go first.
std::size_t SessionLines::context_from(const Pair& pair, std::int64_t most) const {
  const auto fits = [&](std::size_t from) {
    return static_cast<std::int64_t>(slice(from, pair.prompt).size()) <= most;
  };
  if (fits(head_)) return head_;
  for (std::size_t turn = 0; turn + 1 < pair.turn; ++turn)
    if (fits(turns_.pairs[turn].prompt)) return turns_.pairs[turn].prompt;
  return pair.prompt;
}

void SessionLines::count_redactions(std::size_t from, std::size_t to,
                                    RedactionCounts& counts) const {
  for (const auto& [entry, found] : redacted_)
    if (entry >= from && entry < to)
      for (std::size_t rule = 0; rule < counts.size(); ++rule) counts[rule] += found[rule];
}

bool SessionLines::write(const Pair& pair, const PairFacts& facts, const Filters& filters,
                         PairLine& line) {
  const auto head = std::min(head_, pair.prompt);
  const auto from = std::max(head, context_from(pair, filters.most_context));
  const auto first = slice(0, head);
  const auto rest = slice(from, pair.answer);
  const auto response = slice(pair.answer, pair.end);
  if (static_cast<std::int64_t>(first.size() + rest.size() + response.size()) > filters.most_pair)
    return false;

  const auto prompt = head + pair.answer - from;
  std::string all(digests(0, head));
  all += digests(from, pair.end);
  line.content = content_hash(hash_, prompt, all);
  line.redactions.assign(counts_.size(), 0);
  count_redactions(0, head, line.redactions);
  count_redactions(from, pair.end, line.redactions);

  std::string metadata;
  append_metadata(metadata, pair, facts, head + pair.prompt - from, from - head);
  append_redactions(metadata, line.redactions);
  append_chain(metadata, pair, facts, line.content);
  line.id = pair_id(hash_, line.content, metadata);

  auto& text = line.text;
  text.clear();
  text.reserve(first.size() + rest.size() + response.size() + metadata.size() + 512);
  text += "{\"prompt\":[";
  text += first;
  if (!first.empty() && !rest.empty()) text += ',';
  text += rest;
  text += "],\"response\":[";
  text += response;
  text += "],\"metadata\":{";
  append_member(text, "id", line.id);
  text += ',';
  append_tokens(text);
  text += ',';
  text.append(metadata, 1);  // without its brace
  text += '}';
  return true;
}

void SessionLines::append_tokens(std::string& out) const {
  const Tokens& tokens = session_.tokens;
  out += "\"tokens\":{\"known\":";
  out += tokens.known ? "true" : "false";
  const std::pair<const char*, std::int64_t> counts[] = {{"input", tokens.input},
                                                         {"output", tokens.output},
                                                         {"cache_read", tokens.cache_read},
                                                         {"cache_write", tokens.cache_write},
                                                         {"reasoning", tokens.reasoning}};
  for (const auto& [name, count] : counts) {
    out += ',';
    append_member(out, name, count);
  }
  out += '}';
}

void SessionLines::append_metadata(std::string& out, const Pair& pair, const PairFacts& facts,
                                   std::size_t context, std::size_t left_out) {
  out += '{';
  const auto text = [&](std::string_view name, std::string_view value) {
    append_member(out, name, value);
    out += ',';
  };
  const auto number = [&](std::string_view name, std::size_t value) {
    append_member(out, name, static_cast<std::int64_t>(value));
    out += ',';
  };
  const bool own_time = session_.messages[pair.first_row].at.has_value();
  text("schema", kPairSchema);
  text("session_id", session_.id);
  number("turn", pair.turn);
  text("timestamp", time_text(*time_of(session_, pair)));
  text("timestamp_of", own_time ? "turn" : "session");
  RedactionCounts uncounted(counts_.size());  // those of a pair are of its words
  const auto redacted = [&](std::string_view name, std::string_view value) {
    append_redacted_member(out, name, value, uncounted);
    out += ',';
  };
  redacted("model_provider", session_.provider.empty() ? "unknown" : session_.provider);
  redacted("model_name", session_.model);
  text("consent_level", to_text(facts.decision.consent));
  text("consent_rule", facts.decision.rule);
  text("license", facts.license);
  text("source", session_.source);
  text("descent", to_text(session_.descent));
  out += "\"store\":{";
  append_member(out, "kind", to_text(session_.store.kind));
  out += ',';
  append_member(out, "path", path_);
  out += "},";
  number("context_messages", context);
  number("context_left_out", left_out);
  append_trajectory(out, pair);
}

void SessionLines::append_trajectory(std::string& out, const Pair& pair) {
  RedactionCounts uncounted(counts_.size());  // they were, in the messages
  out += "\"tool_call_trajectory\":[";
  for (const auto& step : pair.steps) {
    if (&step != &pair.steps.front()) out += ',';
    out += '{';
    append_redacted_member(out, "id", step.call->id, uncounted);
    out += ',';
    append_redacted_member(out, "name", step.call->name, uncounted);
    out += ',';
    append_member(out, "outcome", to_text(step.outcome));
    out += ',';
    append_member(out, "result_bytes", static_cast<std::int64_t>(step.result_bytes));
    out += '}';
  }
  out += "],";
}

void append_redactions(std::string& out, const RedactionCounts& counts) {
  out += "\"redactions\":[";
  bool first = true;
  for (std::size_t rule = 0; rule < counts.size(); ++rule) {
    if (counts[rule] == 0) continue;
    if (!first) out += ',';
    first = false;
    out += '{';
    append_member(out, "rule", redaction_rules()[rule].name);
    out += ',';
    append_member(out, "count", static_cast<std::int64_t>(counts[rule]));
    out += '}';
  }
  out += "],";
}

void SessionLines::chain_to(std::size_t row) {
  while (chain_.size() <= row) {
    sealed_.push_back(key_.seal(session_.messages[sealed_.size()].digest));
    chain_.push_back(chain_next(hash_, chain_.back(), sealed_.back()));
  }
}

void SessionLines::append_chain(std::string& out, const Pair& pair, const PairFacts& facts,
                                std::string_view content) {
  chain_to(pair.last_row + 1);
  out += "\"chain\":{\"lineage\":[";
  for (std::size_t kin = 1; kin < facts.lineage.size(); ++kin) {
    if (kin > 1) out += ',';
    append_json_string(out, facts.lineage[kin].id);
  }
  out += "],";
  append_member(out, "before", chain_[pair.first_row]);
  out += ",\"rows\":[";
  for (auto row = pair.first_row; row <= pair.last_row; ++row) {
    if (row != pair.first_row) out += ',';
    out += '{';
    append_member(out, "anchor", session_.messages[row].anchor);
    out += ',';
    append_member(out, "sha256", sealed_[row]);
    out += '}';
  }
  out += "],";
  append_member(out, "after", chain_[pair.last_row + 1]);
  out += ',';
  append_member(out, "content_sha256", content);
  out += "}}";
}

}  // namespace provenance
