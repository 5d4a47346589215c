// SPDX-License-Identifier: Apache-2.0
#include "database_reader.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace provenance {
namespace {

// The file and its log, as they were before what a cursor tells of was read.
struct Looks {
  std::optional<FileIdentity> file, log;
  bool operator==(const Looks&) const = default;

  static Looks at(const std::string& path) {
    return {FileIdentity::at(path), FileIdentity::at(path + "-wal")};
  }
  [[nodiscard]] bool are_settled() const {
    return file && file->is_settled() && (!log || log->is_settled());
  }
};

std::uint64_t key_of(std::int64_t row) { return row < 0 ? 0 : static_cast<std::uint64_t>(row); }

}  // namespace

DatabaseReader::DatabaseReader(std::string path, const Caps& caps,
                               std::function<bool()> is_cancelled, std::string run)
    : path_(std::move(path)), caps_(caps), run_(std::move(run)) {
  options.longest = caps.row;
  options.is_cancelled = std::move(is_cancelled);
}

std::string DatabaseReader::home() const { return path_.substr(0, path_.rfind('/')); }

bool DatabaseReader::unchanged(const Cursor& cursor, Instant now) const {
  if (!is_good_until(cursor, now) || !cursor.contains("file") || !cursor.contains("log"))
    return false;
  const Looks then{FileIdentity::from(cursor["file"]), FileIdentity::from(cursor["log"])};
  return then.file && then == Looks::at(path_);
}

// Says of what SQLite doesn't like which file it is, and what to do.
template <class Do>
auto DatabaseReader::guarded(Do&& what) {
  try {
    return what();
  } catch (const SqliteError& error) {
    const std::string why = path_ + " can't be read: " + error.what();
    switch (error.code()) {
      case SQLITE_INTERRUPT: throw Interrupted();
      case SQLITE_BUSY:
      case SQLITE_LOCKED: throw Unreadable(why + ": it is read with the next run");
      case SQLITE_CANTOPEN:
      case SQLITE_READONLY:
        throw Unreadable(why +
                         ": if it has a log without an index, start and end Hermes there once; "
                         "else grant fs.read for its folder");
      case SQLITE_CORRUPT:
      case SQLITE_NOTADB: throw Unreadable(why + ": see .recover of sqlite3");
      default: throw Unreadable(why);
    }
  }
}

template <class Do>
auto DatabaseReader::in_one_state(Do&& what) {
  return file_->retry([&] {
    file_->begin();
    try {
      auto result = what();
      file_->end();
      return result;
    } catch (...) {
      file_->give_up();
      throw;
    }
  });
}

void DatabaseReader::must_be_open() {
  if (rows_) return;
  file_.emplace(path_, options);
  rows_.emplace(*file_, path_, caps_, run_);
}

void DatabaseReader::close() {
  rows_.reset();
  file_.reset();
}

void DatabaseReader::must_be_intact() const {
  if (file_->is_intact()) return;
  throw Unreadable(path_ +
                   " was written while it was read without a log: what was read of it is "
                   "thrown away, and read again with the next run");
}

void DatabaseReader::list(const std::function<void(std::string_view id)>& each) {
  guarded([&] {
    must_be_open();
    std::string last;
    for (;;) {
      const auto ids = in_one_state([&] { return rows_->ids_after(last); });
      must_be_intact();
      if (ids.empty()) return;
      for (const auto& id : ids) each(id);
      last = ids.back();
    }
  });
}

std::optional<Reading> DatabaseReader::find(const std::string& id, Instant now, std::size_t) {
  return guarded([&]() -> std::optional<Reading> {
    must_be_open();
    auto session = in_one_state([&] {
      auto found = rows_->of(id, now);
      if (found) rows_->read_messages(*found);
      return found;
    });
    must_be_intact();
    if (!session) return std::nullopt;
    seal(session->reading);
    return std::move(session->reading);
  });
}

Cursor DatabaseReader::read(const Cursor& since, Instant now, Taker& taker) {
  return guarded([&] { return read_changed(since, now, taker); });
}

Cursor DatabaseReader::read_changed(const Cursor& since, Instant now, Taker& taker) {
  const auto looks = Looks::at(path_);
  must_be_open();
  const auto last_row = in_one_state([&] { return rows_->last_row(); });
  Pass pass(since, key_of(last_row));
  if (!pass.knows_nothing()) look_at_all(pass, last_row, now);
  hand_over(pass, last_row, now, taker);
  auto cursor = pass.cursor();
  if (!pass.is_complete() || !looks.are_settled()) return cursor;
  cursor["file"] = looks.file->json();
  cursor["log"] = looks.log ? looks.log->json() : Cursor();
  return cursor;
}

// The next session, as far as it can be read; one that can't is one of the troubles.
std::optional<SessionRow> DatabaseReader::next(std::int64_t row, std::int64_t last, Instant now,
                                               Of what) {
  if (options.is_cancelled && options.is_cancelled()) throw Interrupted();
  for (;;) try {
      auto session = in_one_state([&] {
        auto found = rows_->after(row, last, now);
        if (found && what == Of::messages) rows_->read_messages(*found);
        return found;
      });
      must_be_intact();
      return session;
    } catch (const SqliteError& error) {
      if (error.code() != SQLITE_TOOBIG && error.code() != SQLITE_CORRUPT) throw;
      const auto bad = in_one_state([&] { return rows_->row_after(row); });
      if (!bad || *bad > last) return std::nullopt;
      if (what == Of::messages)
        troubles.push_back(path_ + ": row " + std::to_string(*bad) +
                           " of sessions is left out: " + error.what());
      row = *bad;
    }
}

void DatabaseReader::look_at_all(Pass& pass, std::int64_t last_row, Instant now) {
  auto row = std::numeric_limits<std::int64_t>::min();
  while (const auto session = next(row, last_row, now, Of::row)) {
    row = session->row;
    pass.look(key_of(row), session->fingerprint);
    pass.note_live(session->live_until);
  }
  pass.looked();
}

void DatabaseReader::hand_over(Pass& pass, std::int64_t last_row, Instant now, Taker& taker) {
  auto row = std::numeric_limits<std::int64_t>::min();
  for (std::size_t range = 0; range < Sketch::kRanges && row < last_row; ++range) {
    const auto last = std::min(last_row, static_cast<std::int64_t>(pass.last_of(range)));
    if (const auto at = pass.begun_in(range)) row = static_cast<std::int64_t>(*at);
    while (pass.is_changed(range)) {
      auto session = next(row, last, now, Of::messages);
      if (!session) break;
      row = session->row;
      seal(session->reading);
      pass.note_live(session->live_until);
      taker.take(std::move(session->reading));
      pass.handed(key_of(row), session->fingerprint);
      if (taker.has_enough()) return;
    }
    row = last;
  }
  pass.complete();
}

}  // namespace provenance
