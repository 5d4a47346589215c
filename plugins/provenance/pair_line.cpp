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
constexpr std::size_t kRoomOfMetadata = 1 << 20;
constexpr std::size_t kRoom = 64 << 10;  // so that what is forgotten is worth it

// The bytes that are in a message at least.
std::size_t least_of(const Entry& entry) {
  std::size_t bytes = entry.message->content.size();
  for (const auto* call : entry.calls) bytes += call->arguments.size();
  return bytes;
}

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
                           RowKey& key, Sha256& hash, const Filters& filters)
    : session_(session),
      turns_(turns),
      redactor_(redactor),
      key_(key),
      hash_(hash),
      most_context_(static_cast<std::size_t>(filters.most_context)),
      most_pair_(static_cast<std::size_t>(filters.most_pair)),
      most_session_(static_cast<std::size_t>(filters.most_session)),
      counts_(redaction_rules().size()) {
  std::size_t bytes = 0;
  for (const auto& entry : turns.entries) bytes += entry.message->content.size() + 128;
  messages_.reserve(std::min(bytes + bytes / 8, most_context_ + most_pair_));
  ends_.reserve(turns.entries.size());
  digests_.reserve(turns.entries.size() * kDigest);
  while (head_ < turns.entries.size() && turns.entries[head_].message->role == Role::system)
    ++head_;
  RedactionCounts of_path(counts_.size());
  if (!redactor.redact(session.store.path, path_, of_path)) path_ = session.store.path;
  chain_ = chain_start(hash_, session.id);
}

// False: it is longer than any pair may be.
bool SessionLines::make_head() {
  if (ends_.size() > head_) return true;
  while (ends_.size() < head_ && size_of(0, ends_.size()) <= most_pair_) add();
  if (size_of(0, ends_.size()) > most_pair_) return false;
  if (head_text_.empty() && head_ > 0) {
    head_text_.swap(messages_);
    gone_ = ends_.back();
  }
  return true;
}

// False: the pair is too long, which may be known before all of it is made.
bool SessionLines::make_up_to(const Pair& pair) {
  if (!make_head()) return false;
  forget_far();
  while (ends_.size() < pair.prompt) {
    add();
    forget_far();
  }
  const auto from = context_from(pair);
  const auto before = size_of(0, head_) + size_of(from, pair.prompt);
  while (ends_.size() < pair.end && before + size_of(pair.prompt, ends_.size()) <= most_pair_ + 1)
    add();
  return ends_.size() >= pair.end &&
         size_of(0, head_) + size_of(from, pair.answer) + size_of(pair.answer, pair.end) <=
             most_pair_;
}

void SessionLines::add() {
  const Entry& entry = turns_.entries[ends_.size()];
  const auto begin = begin_of(ends_.size());
  if (!ends_.empty()) messages_ += ',';
  // One that is in no pair is neither redacted nor written: either may make it much longer.
  if (const auto least = least_of(entry); least > most_pair_) {
    gone_ = begin + least;
    messages_.clear();
    ends_.push_back(gone_);
    digests_.append(kDigest, '0');
    return;
  }
  std::fill(counts_.begin(), counts_.end(), 0);
  append_message(entry);
  ends_.push_back(gone_ + messages_.size());
  digests_ += hash_.of(std::string_view(messages_).substr(begin - gone_));
  for (std::size_t rule = 0; rule < counts_.size(); ++rule)
    if (counts_[rule] != 0) redacted_.push_back({ends_.size() - 1, rule, counts_[rule]});
}

// What is so far back that it is in no context of what is still to come.
void SessionLines::forget_far() {
  const auto far = std::min(most_context_, most_pair_);
  if (messages_.size() <= 2 * far + kRoom) return;
  const auto cut = messages_.size() - far;
  messages_.erase(0, cut);
  gone_ += cut;
}

void SessionLines::append_message(const Entry& entry) {
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

std::size_t SessionLines::begin_of(std::size_t entry) const {
  return entry == 0 ? 0 : ends_[entry - 1] + 1;
}

std::size_t SessionLines::size_of(std::size_t from, std::size_t to) const {
  return from >= to ? 0 : ends_[to - 1] - begin_of(from);
}

// Of entries behind the head that are not forgotten.
std::string_view SessionLines::slice(std::size_t from, std::size_t to) const {
  if (from >= to) return {};
  return std::string_view(messages_).substr(begin_of(from) - gone_, size_of(from, to));
}

std::string_view SessionLines::digests(std::size_t from, std::size_t to) const {
  return std::string_view(digests_).substr(from * kDigest, (to - std::min(from, to)) * kDigest);
}

// The first entry, after the head, of a context that is not too long; the oldest turns go first,
// and for good.
std::size_t SessionLines::context_from(const Pair& pair) {
  const auto fits = [&](std::size_t from) { return size_of(from, pair.prompt) <= most_context_; };
  if (fits(head_)) return head_;
  for (; oldest_ + 1 < pair.turn; ++oldest_)
    if (fits(turns_.pairs[oldest_].prompt)) return turns_.pairs[oldest_].prompt;
  return pair.prompt;
}

void SessionLines::count_redactions(std::size_t from, std::size_t to,
                                    RedactionCounts& counts) const {
  for (const auto& found : redacted_)
    if (found.entry >= from && found.entry < to) counts[found.rule] += found.count;
}

std::string_view SessionLines::write(const Pair& pair, const PairFacts& facts, PairLine& line) {
  if (written_ > most_session_) return "long_session";
  if (!make_up_to(pair)) return "long_pair";
  const auto from = context_from(pair);
  const std::string_view first = head_text_;
  const auto rest = slice(from, pair.answer);
  const auto response = slice(pair.answer, pair.end);
  const auto prompt = head_ + pair.answer - from;
  std::string all(digests(0, head_));
  all += digests(from, pair.end);
  line.content = content_hash(hash_, prompt, all);
  line.redactions.assign(counts_.size(), 0);
  count_redactions(0, head_, line.redactions);
  count_redactions(from, pair.end, line.redactions);

  const auto most_metadata = 4 * most_pair_ + kRoomOfMetadata;
  if (least_of_metadata(pair, facts) > most_metadata) return "long_pair";
  std::string metadata;
  append_metadata(metadata, pair, facts, head_ + pair.prompt - from, from - head_);
  append_redactions(metadata, line.redactions);
  append_chain(metadata, pair, facts, line.content);
  if (metadata.size() > most_metadata) return "long_pair";
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
  written_ += text.size();
  return "";
}

// Without what JSON makes of it. Of rows that have words there are fewer than a pair has bytes:
// this is of those without, and of names.
std::size_t SessionLines::least_of_metadata(const Pair& pair, const PairFacts& facts) const {
  std::size_t bytes = session_.id.size() + session_.provider.size() + session_.model.size() +
                      session_.source.size() + path_.size();
  for (const auto& kin : facts.lineage) bytes += kin.id.size();
  return bytes + (pair.last_row + 1 - pair.first_row) * 2 * kDigest;
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
  for (auto at = sealed_.size() / kDigest; at < row; ++at) {
    sealed_ += key_.seal(session_.messages[at].digest);
    chain_ += chain_next(hash_, chain(at), sealed(at));
  }
}

std::string_view SessionLines::chain(std::size_t row) const {
  return std::string_view(chain_).substr(row * kDigest, kDigest);
}

std::string_view SessionLines::sealed(std::size_t row) const {
  return std::string_view(sealed_).substr(row * kDigest, kDigest);
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
  append_member(out, "before", chain(pair.first_row));
  out += ",\"rows\":[";
  for (auto row = pair.first_row; row <= pair.last_row; ++row) {
    if (row != pair.first_row) out += ',';
    out += '{';
    append_member(out, "anchor", session_.messages[row].anchor);
    out += ',';
    append_member(out, "sha256", sealed(row));
    out += '}';
  }
  out += "],";
  append_member(out, "after", chain(pair.last_row + 1));
  out += ',';
  append_member(out, "content_sha256", content);
  out += "}}";
}

}  // namespace provenance
