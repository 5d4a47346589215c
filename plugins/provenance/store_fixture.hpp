// SPDX-License-Identifier: Apache-2.0
//
// Stores of Hermes as tests build them, and what is read of them.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "reading.hpp"

namespace provenance {

namespace fs = std::filesystem;
using nlohmann::json;

class TempFolder {
 public:
  TempFolder() {
    std::string name = (fs::canonical(fs::temp_directory_path()) / "provenance.XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() { fs::remove_all(path_); }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// The file was written ten seconds ago, so that what comes next shows.
inline void settle(const fs::path& path) {
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0) << path;
  timespec then{std::time(nullptr) - 10, 0};
  const timespec both[] = {then, then};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), both, 0), 0);
}

inline void put_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

// A state.db, with the columns of a schema of Hermes.
class StateDb {
 public:
  enum class Journal { log, rollback };

  explicit StateDb(const fs::path& path, int schema = 6, Journal journal = Journal::log)
      : path_(path) {
    fs::create_directories(path.parent_path());
    open();
    execute(journal == Journal::log ? "PRAGMA journal_mode=WAL" : "PRAGMA journal_mode=DELETE");
    execute("PRAGMA synchronous=OFF");
    execute("CREATE TABLE schema_version (version INTEGER NOT NULL)");
    execute("INSERT INTO schema_version VALUES (" + std::to_string(schema) + ")");
    execute("CREATE TABLE sessions (" + session_columns(schema) + ")");
    execute("CREATE TABLE messages (" + message_columns(schema) + ")");
    execute("CREATE INDEX idx_sessions_parent ON sessions(parent_session_id)");
    execute("CREATE INDEX idx_messages_session ON messages(session_id, timestamp)");
  }
  StateDb(const StateDb&) = delete;
  StateDb& operator=(const StateDb&) = delete;
  ~StateDb() { sqlite3_close_v2(db_); }

  void open() {
    if (sqlite3_open(path_.c_str(), &db_) != SQLITE_OK) throw std::runtime_error("open");
    sqlite3_busy_timeout(db_, 10'000);
  }
  // As Hermes ends: nobody else has it open, so its log goes. The file is then an old one.
  void close() {
    sqlite3_close_v2(std::exchange(db_, nullptr));
    settle(path_);
  }

  void execute(const std::string& sql) {
    char* message = nullptr;
    if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &message) == SQLITE_OK) return;
    const std::string text = message != nullptr ? message : "?";
    sqlite3_free(message);
    throw std::runtime_error(text + ": " + sql);
  }

  // Started in June 2026 and ended a minute later, unless it says otherwise.
  void session(const std::string& id, json fields = json::object()) {
    json row{{"id", id},          {"source", "cli"},      {"model", "hermes-4-70b"},
             {"started_at", kAt}, {"ended_at", kAt + 60}, {"end_reason", "cli_close"}};
    row.update(fields);
    insert("sessions", row);
  }
  // A second after the one before it. Its id.
  std::int64_t message(const std::string& session, const std::string& role, const json& content,
                       json fields = json::object()) {
    json row{{"session_id", session},
             {"role", role},
             {"content", content},
             {"timestamp", kAt + static_cast<double>(++messages_)}};
    row.update(fields);
    return insert("messages", row);
  }

  static constexpr double kAt = 1'780'000'000.25;  // 2026-05-28
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  static std::string session_columns(int schema) {
    std::string columns =
        "id TEXT PRIMARY KEY, source TEXT NOT NULL, user_id TEXT, model TEXT, model_config TEXT,"
        "system_prompt TEXT, parent_session_id TEXT, started_at REAL NOT NULL, ended_at REAL,"
        "end_reason TEXT, message_count INTEGER DEFAULT 0, tool_call_count INTEGER DEFAULT 0,"
        "input_tokens INTEGER DEFAULT 0, output_tokens INTEGER DEFAULT 0,"
        "cache_read_tokens INTEGER DEFAULT 0, cache_write_tokens INTEGER DEFAULT 0,"
        "reasoning_tokens INTEGER DEFAULT 0, billing_provider TEXT, billing_base_url TEXT,"
        "billing_mode TEXT, estimated_cost_usd REAL, actual_cost_usd REAL, cost_status TEXT,"
        "cost_source TEXT, pricing_version TEXT, title TEXT";
    if (schema >= 25)
      columns +=
          ", session_key TEXT, chat_id TEXT, chat_type TEXT, thread_id TEXT, display_name TEXT,"
          "origin_json TEXT, expiry_finalized INTEGER DEFAULT 0, system_prompt_hash TEXT, cwd TEXT,"
          "git_branch TEXT, git_repo_root TEXT, last_activity_at REAL,"
          "last_activity_description TEXT, last_activity_provenance TEXT,"
          "api_call_count INTEGER DEFAULT 0, profile_name TEXT,"
          "rewind_count INTEGER NOT NULL DEFAULT 0, archived INTEGER NOT NULL DEFAULT 0,"
          "pinned INTEGER NOT NULL DEFAULT 0, last_read_at REAL";
    if (schema >= 30)
      columns +=
          ", created_source TEXT, title_source TEXT, tool_names TEXT,"
          "hidden INTEGER NOT NULL DEFAULT 0, transport_profile TEXT";
    return columns;
  }
  static std::string message_columns(int schema) {
    std::string columns =
        "id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, role TEXT NOT NULL,"
        "content TEXT, tool_call_id TEXT, tool_calls TEXT, tool_name TEXT, timestamp REAL NOT NULL,"
        "token_count INTEGER, finish_reason TEXT, reasoning TEXT, reasoning_details TEXT,"
        "codex_reasoning_items TEXT";
    if (schema >= 25)
      columns +=
          ", effect_disposition TEXT, reasoning_content TEXT, codex_message_items TEXT,"
          "platform_message_id TEXT, observed INTEGER DEFAULT 0, active INTEGER NOT NULL DEFAULT 1,"
          "compacted INTEGER NOT NULL DEFAULT 0, api_content TEXT, display_kind TEXT,"
          "display_metadata TEXT";
    if (schema >= 30)
      columns +=
          ", _compressed_summary INTEGER NOT NULL DEFAULT 0, display_identity BLOB,"
          "display_order INTEGER";
    return columns;
  }

  std::int64_t insert(const std::string& table, const json& row) {
    std::string names, marks;
    for (const auto& [name, value] : row.items()) {
      names += (names.empty() ? "" : ",") + name;
      marks += marks.empty() ? "?" : ",?";
    }
    sqlite3_stmt* statement = nullptr;
    const std::string sql = "INSERT INTO " + table + "(" + names + ") VALUES (" + marks + ")";
    if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK)
      throw std::runtime_error(sqlite3_errmsg(db_));
    int index = 0;
    for (const auto& [name, value] : row.items()) bind(statement, ++index, value);
    const int code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    if (code != SQLITE_DONE) throw std::runtime_error(sqlite3_errmsg(db_));
    return sqlite3_last_insert_rowid(db_);
  }
  static void bind(sqlite3_stmt* statement, int index, const json& value) {
    if (value.is_string()) {
      const auto& text = value.get_ref<const std::string&>();
      sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()),
                        SQLITE_TRANSIENT);
    } else if (value.is_number_float()) {
      sqlite3_bind_double(statement, index, value.get<double>());
    } else if (value.is_number()) {
      sqlite3_bind_int64(statement, index, value.get<std::int64_t>());
    } else {
      sqlite3_bind_null(statement, index);
    }
  }

  fs::path path_;
  sqlite3* db_ = nullptr;
  int messages_ = 0;
};

inline Instant at(double seconds) {
  return Instant(std::chrono::microseconds(std::llround(seconds * 1e6)));
}
// Long after what tests write.
inline const Instant kNow = at(StateDb::kAt + 1e6);

// Takes what a source holds.
class Collector final : public Taker {
 public:
  explicit Collector(std::size_t most = SIZE_MAX) : most_(most) {}
  bool wants(const std::string&) override { return true; }
  void take(Reading&& reading) override {
    sessions.push_back(std::move(reading.session));
    if (each) each();
  }
  [[nodiscard]] bool has_enough() const override { return sessions.size() >= most_; }

  std::vector<Session> sessions;
  std::function<void()> each;
  Cursor cursor;

 private:
  std::size_t most_;
};

inline Collector read_from(Source& source, const Cursor& since = nullptr, Instant now = kNow,
                           std::size_t most = SIZE_MAX) {
  Collector taken(most);
  taken.cursor = source.read(since, now, taken);
  return taken;
}

inline std::vector<std::string> ids_of(const std::vector<Session>& sessions) {
  std::vector<std::string> ids;
  for (const auto& session : sessions) ids.push_back(session.id);
  return ids;
}
inline std::vector<std::string> contents_of(const Session& session) {
  std::vector<std::string> contents;
  for (const auto& message : session.messages) contents.push_back(message.content);
  return contents;
}

}  // namespace provenance
