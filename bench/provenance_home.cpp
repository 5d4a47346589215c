// SPDX-License-Identifier: Apache-2.0
#include "provenance_home.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <array>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

namespace bench {
namespace {

namespace fs = std::filesystem;
using host::Json;
using Ordered = nlohmann::ordered_json;

constexpr double kBegin = 1'770'000'000.25;  // February 2026

constexpr std::array<std::string_view, 40> kWords{
    "the",      "file",    "test",      "of",     "and",       "build",   "function", "error",
    "returns",  "value",   "in",        "line",   "branch",    "merge",   "with",     "pager",
    "request",  "server",  "is",        "config", "parser",    "to",      "buffer",   "index",
    "thread",   "“quote”", "café",      "{",      "}",         "if",      "const",    "std::string",
    "\"text\"", "a\\b",    "assert(x)", "offset", "container", "release", "queue",    "naïve"};

struct Row {
  std::string role, content, calls, call_id, finish_reason;
};

struct Made {
  std::string id, source = "cli", parent, config;
  double started = 0;
  std::vector<Row> rows;
};

class Author {
 public:
  explicit Author(int number) : random_(static_cast<std::uint64_t>(number) * 2654435761u + 17) {}

  int below(int bound) { return static_cast<int>(random_() % static_cast<std::uint64_t>(bound)); }

  std::string text(int bytes) {
    std::string all;
    while (all.size() < static_cast<std::size_t>(bytes)) {
      all += kWords[static_cast<std::size_t>(below(kWords.size()))];
      all += below(12) == 0 ? '\n' : ' ';
    }
    if (below(16) == 0) all += private_thing();
    return all;
  }

  std::string private_thing() {
    switch (below(4)) {
      case 0: return "mail ada.lovelace@example.org ";
      case 1: return "in /home/ada/src/pager ";
      case 2: return "Authorization: Bearer abcdefghijklmnop1234 ";
      default: return "at 192.168.17.4 ";
    }
  }

  Row call(int number, std::string& id) {
    id = fmt::format("call_{:06x}{}", below(1 << 24), number);
    const Json arguments{{"command", "cd /home/ada/app && " + text(40 + below(100))}};
    const Ordered calls{
        {{"id", id},
         {"call_id", id},
         {"type", "function"},
         {"function",
          {{"name", below(2) == 0 ? "terminal" : "read_file"}, {"arguments", arguments.dump()}}}}};
    return {"assistant", below(3) == 0 ? text(80) : "", calls.dump(), "", "tool_calls"};
  }

  Row result(const std::string& id) {
    const int size = below(5) == 0 ? 4000 + below(4000) : 100 + below(1500);
    const Json result{
        {"output", text(size)}, {"exit_code", below(6) == 0 ? 1 : 0}, {"error", nullptr}};
    return {"tool", result.dump(), "", id, ""};
  }

  void turn(Made& made, int number) {
    made.rows.push_back({"user", text(60 + below(400)), "", "", ""});
    for (int calls = below(7); calls > 0; --calls) {
      std::string id;
      made.rows.push_back(call(number * 10 + calls, id));
      made.rows.push_back(result(id));
    }
    const bool error = below(40) == 0;
    made.rows.push_back({"assistant",
                         (error ? "Error: the model is overloaded " : "") + text(200 + below(1500)),
                         "", "", "stop"});
  }

 private:
  std::mt19937_64 random_;
};

Made make_session(int number) {
  // One in fifty is another one over again.
  Author author(number % 50 == 49 ? number - 7 : number);
  Made made;
  made.id = fmt::format("2026{:04}_120000_{:06x}", number % 1200, number);
  made.started = kBegin + number * 600;
  const int kind = number % 20;
  if (kind == 7) made.source = "telegram";
  if (kind == 3 || kind == 13) {
    made.source = "tool";
    made.parent = fmt::format("2026{:04}_120000_{:06x}", (number - 1) % 1200, number - 1);
    made.config = R"({"max_iterations": 50, "_delegate_from": ")" + made.parent + "\"}";
  }
  made.rows.push_back({"system", author.text(2000 + author.below(3000)), "", "", ""});
  const int turns = 1 + author.below(4) + (author.below(8) == 0 ? 4 : 0);
  for (int turn = 0; turn < turns; ++turn) author.turn(made, turn);
  return made;
}

void must(sqlite3* db, int code) {
  if (code != SQLITE_OK && code != SQLITE_DONE)
    throw host::Error(host::Code::io, sqlite3_errmsg(db));
}

class Database {
 public:
  explicit Database(const fs::path& path) {
    sqlite3* opened = nullptr;
    must(opened, sqlite3_open(path.c_str(), &opened));
    db_.reset(opened, &sqlite3_close_v2);
    run("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
        "CREATE TABLE schema_version(version INTEGER NOT NULL);"
        "INSERT INTO schema_version VALUES(25);"
        "CREATE TABLE sessions(id TEXT PRIMARY KEY, source TEXT NOT NULL, user_id TEXT, model TEXT,"
        " model_config TEXT, system_prompt TEXT, parent_session_id TEXT, started_at REAL NOT NULL,"
        " ended_at REAL, end_reason TEXT, message_count INTEGER DEFAULT 0,"
        " input_tokens INTEGER DEFAULT 0, output_tokens INTEGER DEFAULT 0,"
        " cache_read_tokens INTEGER DEFAULT 0, cache_write_tokens INTEGER DEFAULT 0,"
        " reasoning_tokens INTEGER DEFAULT 0, billing_provider TEXT, billing_base_url TEXT,"
        " last_activity_at REAL, rewind_count INTEGER NOT NULL DEFAULT 0);"
        "CREATE TABLE messages(id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL,"
        " role TEXT NOT NULL, content TEXT, tool_call_id TEXT, tool_calls TEXT, tool_name TEXT,"
        " timestamp REAL NOT NULL, token_count INTEGER, finish_reason TEXT, reasoning TEXT,"
        " observed INTEGER DEFAULT 0, active INTEGER NOT NULL DEFAULT 1,"
        " compacted INTEGER NOT NULL DEFAULT 0);"
        "CREATE INDEX idx_messages_session ON messages(session_id, timestamp);"
        "BEGIN");
    session_ = prepare(
        "INSERT INTO sessions(id, source, model, model_config, parent_session_id, started_at,"
        " ended_at, end_reason, input_tokens, output_tokens, billing_provider)"
        " VALUES(?,?,'hermes-4-70b',?,?,?,?,'cli_close',1200,85,'custom')");
    message_ = prepare(
        "INSERT INTO messages(session_id, role, content, tool_call_id, tool_calls, timestamp,"
        " finish_reason) VALUES(?,?,?,?,?,?,?)");
  }

  void put(const Made& made) {
    text(session_, 1, made.id);
    text(session_, 2, made.source);
    text(session_, 3, made.config);
    text(session_, 4, made.parent);
    sqlite3_bind_double(session_.get(), 5, made.started);
    sqlite3_bind_double(session_.get(), 6, made.started + 500);
    step(session_);
    double at = made.started;
    for (const auto& row : made.rows) {
      text(message_, 1, made.id);
      text(message_, 2, row.role);
      text(message_, 3, row.content);
      text(message_, 4, row.call_id);
      text(message_, 5, row.calls);
      sqlite3_bind_double(message_.get(), 6, at += 1);
      text(message_, 7, row.finish_reason);
      step(message_);
    }
  }

  void close() {
    run("COMMIT");
    session_.reset();
    message_.reset();
    db_.reset();
  }

 private:
  using Statement = std::shared_ptr<sqlite3_stmt>;

  void run(const char* sql) {
    must(db_.get(), sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr));
  }
  Statement prepare(const char* sql) {
    sqlite3_stmt* made = nullptr;
    must(db_.get(), sqlite3_prepare_v2(db_.get(), sql, -1, &made, nullptr));
    return {made, &sqlite3_finalize};
  }
  static void text(const Statement& into, int at, const std::string& value) {
    if (value.empty())
      sqlite3_bind_null(into.get(), at);
    else
      sqlite3_bind_text(into.get(), at, value.data(), static_cast<int>(value.size()),
                        SQLITE_STATIC);
  }
  void step(const Statement& statement) {
    must(db_.get(), sqlite3_step(statement.get()));
    sqlite3_reset(statement.get());
  }

  std::shared_ptr<sqlite3> db_;
  Statement session_, message_;
};

Ordered message_of(const Row& row) {
  Ordered message{{"role", row.role}, {"content", row.content}};
  if (row.role == "assistant") message["finish_reason"] = row.finish_reason;
  if (!row.calls.empty()) message["tool_calls"] = Ordered::parse(row.calls);
  if (!row.call_id.empty()) message["tool_call_id"] = row.call_id;
  return message;
}

void make_old(const fs::path& path) {
  const timespec then{static_cast<time_t>(kBegin), 0};
  const timespec both[] = {then, then};
  if (::utimensat(AT_FDCWD, path.c_str(), both, 0) != 0)
    throw host::system_error("setting the time of " + path.string());
}

// As Hermes lays them out.
void put_snapshot(const fs::path& folder, const Made& made) {
  Ordered messages = Ordered::array();
  for (const auto& row : made.rows) messages.push_back(message_of(row));
  const Ordered snapshot{{"session_id", made.id},
                         {"model", "hermes-4-70b"},
                         {"base_url", "http://127.0.0.1:8080/v1"},
                         {"platform", made.source},
                         {"session_start", "2026-03-30T14:11:39.391532"},
                         {"last_updated", "2026-03-30T14:21:39.391532"},
                         {"message_count", made.rows.size()},
                         {"messages", std::move(messages)}};
  const auto path = folder / ("session_" + made.id + ".json");
  std::ofstream(path, std::ios::binary) << snapshot.dump(2);
  make_old(path);
}

}  // namespace

HomeSize make_home(const fs::path& home, int sessions) {
  fs::create_directories(home / "sessions");
  Database database(home / "state.db");
  for (int number = 0; number < sessions; ++number) {
    const auto made = make_session(number);
    if (number < sessions / 2)
      database.put(made);
    else
      put_snapshot(home / "sessions", made);
  }
  database.close();
  make_old(home / "state.db");
  HomeSize size{sessions, 0};
  for (const auto& entry : fs::recursive_directory_iterator(home))
    if (entry.is_regular_file()) size.bytes += static_cast<std::int64_t>(entry.file_size());
  return size;
}

}  // namespace bench
