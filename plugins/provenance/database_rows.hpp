// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "conversation.hpp"
#include "database_file.hpp"
#include "reading.hpp"

namespace provenance {

// What a session is known by besides what it says.
struct SessionRow {
  std::int64_t row = 0;               // rowid
  std::string id;                     // as stored
  Reading reading;                    // without messages
  std::int64_t messages = 0;          // that it has, those that don't count included
  std::optional<Instant> live_until;  // of one that is live
  std::uint64_t fingerprint = 0;      // of all of it, and of how many messages it has
};

// The rows of a state.db, whatever its schema: what a version lacks reads as NULL. For one thread.
class DatabaseRows {
 public:
  // `run`: whose own store it is, and so whose each session is, whatever it says. Throws Unreadable
  // where the file has not the two tables of Hermes.
  DatabaseRows(DatabaseFile& file, std::string path, const Caps& caps, std::string run);

  // The first session after a rowid and up to another, and the one of an id. Within one state of
  // the file.
  [[nodiscard]] std::optional<SessionRow> after(std::int64_t row, std::int64_t last, Instant now);
  [[nodiscard]] std::optional<SessionRow> of(const std::string& id, Instant now);
  // Reads its messages into it.
  void read_messages(SessionRow& session);

  // 0 where there is no session.
  [[nodiscard]] std::int64_t last_row();
  // Of the next session, also of one that can't be read.
  [[nodiscard]] std::optional<std::int64_t> row_after(std::int64_t row);
  // Up to 1000 ids, in order, after that one.
  [[nodiscard]] std::vector<std::string> ids_after(const std::string& id);

 private:
  [[nodiscard]] std::set<std::string> columns_of(const char* table);
  [[nodiscard]] std::string message_list(bool with_texts) const;
  [[nodiscard]] SessionRow session_in(const Statement& row, Instant now);
  void read_tokens(const Statement& row, Session& session);
  [[nodiscard]] std::optional<Instant> time_in(const Statement& row, int column, const char* what,
                                               Session& session);
  [[nodiscard]] std::string text_in(const Statement& row, int column, const char* what,
                                    Session& session);
  void find_descent(const Statement& row, Session& session);
  void find_liveness(const Statement& row, SessionRow& session, Instant now);
  [[nodiscard]] RawMessage message_in(const Statement& row);
  // False where a row is too long, damaged or out of order: then each has to be read by itself.
  [[nodiscard]] bool read_all(const SessionRow& session, Conversation& conversation);
  void read_each(const SessionRow& session, Conversation& conversation);
  void read_alone(std::int64_t id, const std::string& session, Conversation& conversation);
  [[nodiscard]] std::vector<std::int64_t> message_ids(const SessionRow& session);

  DatabaseFile& file_;
  std::string path_;
  const Caps& caps_;
  std::string run_;
  std::set<std::string> session_columns_, message_columns_;
  RowHash hash_;
  std::optional<Statement> after_, of_, counts_, parent_, messages_, message_, bare_message_, ids_,
      list_, last_, next_;
};

}  // namespace provenance
