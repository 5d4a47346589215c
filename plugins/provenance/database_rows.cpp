// SPDX-License-Identifier: Apache-2.0
#include "database_rows.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

#include "clean_text.hpp"
#include "descent.hpp"

namespace provenance {
namespace {

// In the order in which they are hashed; those before kHashedEnd make the row's digest.
constexpr std::array kSession{"id", "source", "user_id", "model", "billing_provider",
                              "billing_base_url", "parent_session_id", "started_at", "ended_at",
                              "end_reason", "input_tokens", "output_tokens", "cache_read_tokens",
                              "cache_write_tokens", "reasoning_tokens",
                              // not hashed
                              "model_config", "last_activity_at", "rewind_count", "chat_type"};
enum : int {
  kId,
  kSource,
  kUser,
  kModel,
  kProvider,
  kBaseUrl,
  kParent,
  kStarted,
  kEnded,
  kEndReason,
  kInput,
  kOutput,
  kCacheRead,
  kCacheWrite,
  kReasoning,
  kHashedEnd,
  kModelConfig = kHashedEnd,
  kLastActivity,
  kRewinds,
  kChat,
  kRowid
};

constexpr std::array kMessage{"id", "session_id", "role", "content", "tool_call_id", "tool_calls",
                              "tool_name", "timestamp", "finish_reason",
                              // not hashed
                              "active", "compacted", "_compressed_summary", "observed"};
enum : int {
  kMessageId,
  kMessageSession,
  kRole,
  kContent,
  kCallId,
  kCalls,
  kToolName,
  kAt,
  kFinish,
  kMessageHashedEnd,
  kActive = kMessageHashedEnd,
  kCompacted,
  kSummary,
  kObserved
};

bool is_rowid(const std::string& column) { return sqlite3_stricmp(column.c_str(), "rowid") == 0; }

std::string anchor_of(std::int64_t id) { return "messages:" + std::to_string(id); }

}  // namespace

DatabaseRows::DatabaseRows(DatabaseFile& file, std::string path, const Caps& caps, std::string run)
    : file_(file), path_(std::move(path)), caps_(caps), run_(std::move(run)) {
  session_columns_ = columns_of("sessions");
  message_columns_ = columns_of("messages");
  for (const auto* columns : {&session_columns_, &message_columns_})
    if (std::any_of(columns->begin(), columns->end(), is_rowid))
      throw Unreadable(path_ +
                       " is no store of Hermes: it has a column named rowid, which hides by "
                       "what rows are told apart");
  for (const auto& [table, columns, needed] :
       {std::tuple{"sessions", &session_columns_, "id"},
        std::tuple{"messages", &message_columns_, "session_id"}}) {
    if (columns->contains(needed)) continue;
    throw Unreadable(path_ + " is no store of Hermes: it has no table " + table +
                     " with a column " + needed);
  }
  std::string list;
  for (const auto* column : kSession)
    list += (session_columns_.contains(column) ? "\"" + std::string(column) + "\"" : "NULL") + ", ";
  const std::string from = "SELECT " + list + "rowid FROM main.sessions ";
  after_ = file_.prepare(from + "WHERE rowid > ?1 AND rowid <= ?2 ORDER BY rowid LIMIT 1");
  of_ = file_.prepare(from + "WHERE id = ?1");
  const bool timed = message_columns_.contains("timestamp");
  counts_ =
      file_.prepare("SELECT count(*), max(id), " + std::string(timed ? "max(timestamp)" : "NULL") +
                    " FROM main.messages WHERE session_id = ?1");
  if (session_columns_.contains("end_reason"))
    parent_ = file_.prepare("SELECT end_reason FROM main.sessions WHERE id = ?1");
  messages_ = file_.prepare(message_list(true) + "WHERE session_id = ?1");
  message_ = file_.prepare(message_list(true) + "WHERE id = ?1 AND session_id = ?2");
  bare_message_ = file_.prepare(message_list(false) + "WHERE id = ?1 AND session_id = ?2");
  ids_ = file_.prepare("SELECT id FROM main.messages WHERE session_id = ?1");
  // A blob comes after every text, so that one would come for ever.
  list_ = file_.prepare(
      "SELECT id FROM main.sessions WHERE id > ?1 AND typeof(id) = 'text' "
      "ORDER BY id LIMIT 1000");
  last_ = file_.prepare("SELECT max(rowid) FROM main.sessions");
  next_ = file_.prepare("SELECT rowid FROM main.sessions WHERE rowid > ?1 ORDER BY rowid LIMIT 1");
}

// Of a real table: a view or a virtual one could do anything when it is read.
std::set<std::string> DatabaseRows::columns_of(const char* table) {
  auto real = file_.prepare(
      "SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND rootpage > 0 AND name = ?1");
  real.bind(1, std::string_view(table));
  std::set<std::string> columns;
  if (!real.step()) return columns;
  auto info = file_.prepare("PRAGMA main.table_info(" + std::string(table) + ")");
  while (info.step()) columns.emplace(info.text(1));
  return columns;
}

std::string DatabaseRows::message_list(bool with_texts) const {
  std::string list;
  for (std::size_t i = 0; i < kMessage.size(); ++i) {
    const bool there = message_columns_.contains(kMessage[i]);
    const bool left_out = !with_texts && (i == std::size_t{kContent} || i == std::size_t{kCalls});
    list += (list.empty() ? "SELECT " : ", ");
    list += there && !left_out ? "\"" + std::string(kMessage[i]) + "\"" : "NULL";
  }
  return list + " FROM main.messages ";
}

std::int64_t DatabaseRows::last_row() {
  const bool any = last_->step();
  const std::int64_t last = any ? last_->integer(0) : 0;
  last_->reset();
  return last;
}

std::optional<std::int64_t> DatabaseRows::row_after(std::int64_t row) {
  next_->bind(1, row);
  if (!next_->step()) return std::nullopt;
  const auto next = next_->integer(0);
  next_->reset();
  return next;
}

std::vector<std::string> DatabaseRows::ids_after(const std::string& id) {
  std::vector<std::string> ids;
  list_->bind(1, std::string_view(id));
  while (list_->step()) ids.emplace_back(list_->text(0));
  return ids;
}

std::optional<SessionRow> DatabaseRows::after(std::int64_t row, std::int64_t last, Instant now) {
  after_->bind(1, row).bind(2, last);
  if (!after_->step()) return std::nullopt;
  auto session = session_in(*after_, now);
  after_->reset();
  return session;
}

std::optional<SessionRow> DatabaseRows::of(const std::string& id, Instant now) {
  of_->bind(1, std::string_view(id));
  if (!of_->step()) return std::nullopt;
  auto session = session_in(*of_, now);
  of_->reset();
  return session;
}

std::string DatabaseRows::text_in(const Statement& row, int column, const char* what,
                                  Session& session) {
  return clean_text(session, "sessions", what,
                    own_text(session, "sessions:", what, row.text(column)));
}

std::optional<Instant> DatabaseRows::time_in(const Statement& row, int column, const char* what,
                                             Session& session) {
  if (row.is_null(column)) return std::nullopt;
  const auto time = row.is_number(column) ? instant_of(row.real(column)) : std::nullopt;
  if (!time) remark(session, std::string("sessions:") + what, "is no time");
  return time;
}

SessionRow DatabaseRows::session_in(const Statement& row, Instant now) {
  SessionRow found;
  found.row = row.integer(kRowid);
  found.id = row.text(kId);
  auto& session = found.reading.session;
  session.store = {Store::Kind::database, path_};
  session.id = text_in(row, kId, "id", session);
  session.source = text_in(row, kSource, "source", session);
  session.user = text_in(row, kUser, "user_id", session);
  session.chat = text_in(row, kChat, "chat_type", session);
  // In its cage the agent itself writes the store: nothing that it says there makes anybody else
  // speak than the run.
  if (!run_.empty()) {
    session.source = "timmy:" + run_;
    session.chat.clear();
  }
  session.model = text_in(row, kModel, "model", session);
  session.provider = text_in(row, kProvider, "billing_provider", session);
  if (session.provider.empty())
    session.provider = text_in(row, kBaseUrl, "billing_base_url", session);
  session.parent = text_in(row, kParent, "parent_session_id", session);
  session.end_reason = text_in(row, kEndReason, "end_reason", session);
  session.started = time_in(row, kStarted, "started_at", session);
  session.ended = time_in(row, kEnded, "ended_at", session);
  read_tokens(row, session);
  for (int column = 0; column < kHashedEnd; ++column) (void)row.hash(column, hash_);
  found.reading.own = hash_.hex();
  find_descent(row, session);
  find_liveness(row, found, now);
  return found;
}

void DatabaseRows::read_tokens(const Statement& row, Session& session) {
  auto& tokens = session.tokens;
  const std::array<std::pair<int, std::int64_t*>, 5> all{{{kInput, &tokens.input},
                                                          {kOutput, &tokens.output},
                                                          {kCacheRead, &tokens.cache_read},
                                                          {kCacheWrite, &tokens.cache_write},
                                                          {kReasoning, &tokens.reasoning}}};
  for (const auto& [column, count] : all) {
    *count = row.integer(column);
    if (*count < 0) {
      remark(session, std::string("sessions:") + kSession[static_cast<std::size_t>(column)],
             "is below 0");
      *count = 0;
    }
    tokens.known = tokens.known || *count > 0;
  }
}

void DatabaseRows::find_descent(const Statement& row, Session& session) {
  if (row.text(kParent).empty()) return;
  session.descent = marked_descent(row.text(kModelConfig));
  if (session.descent != Descent::none) return;
  session.descent = descent_after("");
  if (!parent_) return;
  parent_->bind(1, row.text(kParent));
  if (!parent_->step()) return;
  session.descent = descent_after(parent_->text(0));
  parent_->reset();
}

// And the fingerprint, which is over all that would make a Session another one.
void DatabaseRows::find_liveness(const Statement& row, SessionRow& found, Instant now) {
  auto& session = found.reading.session;
  counts_->bind(1, row.text(kId));
  (void)counts_->step();
  found.messages = counts_->integer(0);
  if (found.messages == 0) session.tokens.known = true;
  auto last = instant_of(counts_->real(2));
  last = std::max({last, session.started, instant_of(row.real(kLastActivity))});
  if (!session.ended && row.is_null(kEnded)) found.live_until = live_until(last, now);
  session.live = found.live_until.has_value();
  hash_.raw(found.reading.own).integer(found.messages).integer(counts_->integer(1));
  (void)counts_->hash(2, hash_);
  (void)row.hash(kRewinds, hash_);
  (void)row.hash(kChat, hash_);
  hash_.integer(static_cast<int>(session.descent)).integer(session.live ? 1 : 0);
  found.fingerprint = hash_.number();
  counts_->reset();
}

RawMessage DatabaseRows::message_in(const Statement& row) {
  RawMessage raw;
  raw.anchor = anchor_of(row.integer(kMessageId));
  std::array<std::string_view, kMessageHashedEnd> texts;
  for (int column = 0; column < kMessageHashedEnd; ++column)
    texts[static_cast<std::size_t>(column)] = row.hash(column, hash_);
  raw.digest = hash_.hex();
  raw.role = texts[kRole];
  raw.content = texts[kContent];
  raw.calls = texts[kCalls];
  raw.call_id = texts[kCallId];
  raw.tool_name = texts[kToolName];
  raw.finish_reason = texts[kFinish];
  if (!row.is_null(kAt)) raw.seconds = row.is_number(kAt) ? row.real(kAt) : -1;
  raw.active = row.is_null(kActive) || row.integer(kActive) != 0;
  raw.compacted = row.integer(kCompacted) != 0;
  raw.summary = row.integer(kSummary) != 0;
  raw.observed = row.integer(kObserved) != 0;
  return raw;
}

void DatabaseRows::read_messages(SessionRow& session) {
  auto& reading = session.reading;
  const auto damaged = reading.session.damaged.size();
  const auto remarks = reading.session.remarks.size();
  reading.session.messages.reserve(
      std::min(static_cast<std::size_t>(session.messages), caps_.messages));
  Conversation quick(caps_, reading);
  if (read_all(session, quick)) return quick.finish();
  reading.rows = 0;
  reading.session.messages.clear();
  reading.session.damaged.resize(damaged);
  reading.session.remarks.resize(remarks);
  Conversation careful(caps_, reading);
  read_each(session, careful);
  careful.finish();
}

// By their ids, which only grow; a clock may have been set back between two of them. An index gives
// them by time, which is nearly always the same order.
bool DatabaseRows::read_all(const SessionRow& session, Conversation& conversation) {
  auto last = std::numeric_limits<std::int64_t>::min();
  bool in_order = true;
  try {
    messages_->bind(1, std::string_view(session.id));
    while (in_order && messages_->step()) {
      const auto id = messages_->integer(kMessageId);
      in_order = id > last;
      last = id;
      if (in_order && !conversation.add(message_in(*messages_))) break;
    }
    messages_->reset();
  } catch (const SqliteError& error) {
    if (error.code() != SQLITE_TOOBIG && error.code() != SQLITE_CORRUPT) throw;
    return false;
  }
  return in_order;
}

std::vector<std::int64_t> DatabaseRows::message_ids(const SessionRow& session) {
  std::vector<std::int64_t> ids;
  ids_->bind(1, std::string_view(session.id));
  while (ids.size() <= caps_.messages && ids_->step()) ids.push_back(ids_->integer(0));
  ids_->reset();
  std::sort(ids.begin(), ids.end());
  return ids;
}

void DatabaseRows::read_each(const SessionRow& session, Conversation& conversation) {
  for (const auto id : message_ids(session)) {
    if (conversation.is_full()) return;
    read_alone(id, session.id, conversation);
  }
}

void DatabaseRows::read_alone(std::int64_t id, const std::string& session,
                              Conversation& conversation) {
  try {
    message_->bind(1, id).bind(2, std::string_view(session));
    if (message_->step()) (void)conversation.add(message_in(*message_));
    message_->reset();
    return;
  } catch (const SqliteError& error) {
    if (error.code() == SQLITE_CORRUPT) return conversation.note(anchor_of(id), error.what());
    if (error.code() != SQLITE_TOOBIG) throw;
  }
  try {
    bare_message_->bind(1, id).bind(2, std::string_view(session));
    if (bare_message_->step()) {
      (void)conversation.add(message_in(*bare_message_));
      conversation.note(anchor_of(id), "its texts are left out: they have more than " +
                                           std::to_string(caps_.row) + " bytes");
    }
    bare_message_->reset();
  } catch (const SqliteError& error) {
    if (error.code() != SQLITE_TOOBIG && error.code() != SQLITE_CORRUPT) throw;
    conversation.note(anchor_of(id), error.what());
  }
}

}  // namespace provenance
