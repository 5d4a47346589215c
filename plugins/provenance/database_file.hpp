// SPDX-License-Identifier: Apache-2.0
//
// A SQLite file of somebody else, who may be writing it: opened so that nothing of it is changed
// and its owner never waits. What fails throws SqliteError, or Unreadable where the file as such
// can't be read now.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "file_identity.hpp"
#include "row_hash.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace provenance {

class SqliteError : public std::runtime_error {
 public:
  SqliteError(int extended_code, const std::string& what)
      : std::runtime_error(what), code_(extended_code) {}
  // The primary code, as SQLITE_TOOBIG.
  [[nodiscard]] int code() const { return code_ & 0xff; }

 private:
  int code_;
};

// Parameters are numbered from 1, columns from 0. Texts live until the next step or reset.
class Statement {
 public:
  Statement(sqlite3* db, const std::string& sql);

  Statement& bind(int index, std::int64_t value);
  // The text must live until the last step.
  Statement& bind(int index, std::string_view text);
  // The next row; false where there is none, and then it is reset already.
  bool step();
  void reset();

  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] bool is_number(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  // The bytes of a text or a blob; NULL is empty, and so is a number.
  [[nodiscard]] std::string_view text(int column) const;
  // Adds the value as it is stored, and returns it as text() does.
  std::string_view hash(int column, RowHash& hash) const;

 private:
  [[nodiscard]] std::string_view bytes(int column) const;
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> handle_;
};

class DatabaseFile {
 public:
  struct Options {
    std::size_t longest = 8u << 20;  // bytes of a value; a longer one is SQLITE_TOOBIG
    std::chrono::milliseconds lock_wait{5000};
    std::chrono::milliseconds pause{50};   // before it tries again after an I/O error
    std::function<bool()> is_cancelled{};  // asked often while SQLite works
  };

  // `path` has no symbolic link in it. A file whose write-ahead log is there is opened read-only
  // beside those who write it. One without, that was closed by all, would need a log made for it,
  // so it is opened as immutable: it is then good only as long as is_intact() says so.
  DatabaseFile(std::string path, Options options);
  DatabaseFile(const DatabaseFile&) = delete;
  DatabaseFile& operator=(const DatabaseFile&) = delete;

  // Tries once more, up to three times, where the disk failed: such failures pass.
  template <class Do>
  auto retry(Do&& what) const {
    for (int attempt = 1;; ++attempt) try {
        return what();
      } catch (const SqliteError& error) {
        if (!passes(error) || attempt > kRetries) throw;
        wait();
      }
  }

  // One state of the file for all that is read until end(). Short, since a log can't be emptied
  // meanwhile.
  void begin();
  void end();
  void give_up() noexcept;

  [[nodiscard]] Statement prepare(const std::string& sql) const;
  [[nodiscard]] bool is_immutable() const { return immutable_; }
  // False: it was written since it was opened as immutable, so what was read may be neither the old
  // nor the new.
  [[nodiscard]] bool is_intact() const;

 private:
  static constexpr int kRetries = 3;

  void open(bool immutable);
  void configure();
  void execute(const char* sql) const;
  [[nodiscard]] std::string header() const;
  [[nodiscard]] static bool passes(const SqliteError& error);
  void wait() const;
  [[nodiscard]] bool has_log() const;

  std::string path_;
  Options options_;
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> handle_;
  std::optional<Statement> begin_, commit_;
  bool immutable_ = false;
  std::string header_;                    // when it was opened
  std::optional<FileIdentity> identity_;  // before it was opened as immutable
};

}  // namespace provenance
