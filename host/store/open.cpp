// SPDX-License-Identifier: Apache-2.0
#include "store/open.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "base/failpoint.hpp"
#include "base/file.hpp"
#include "store/migrations.hpp"

namespace host {
namespace {

// https://www.sqlite.org/fileformat2.html#the_database_header
constexpr std::string_view kMagic("SQLite format 3\0", 16);

constexpr const char* kRestore =
    "Restore it from a backup; if nothing in it matters, start once with --init after moving the "
    "files away.";

std::optional<std::uint64_t> size_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return std::nullopt;
    throw system_error("look at " + path.string());
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(Code::corrupt, path.string() + " is no regular file", kRestore);
  }
  return static_cast<std::uint64_t>(status.st_size);
}

void check_header(const std::filesystem::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw system_error("open " + path.string());
  std::string head(kMagic.size(), '\0');
  const auto got = ::pread(file.get(), head.data(), head.size(), 0);
  if (got < 0) throw system_error("read " + path.string());
  if (head != kMagic || static_cast<std::size_t>(got) != head.size()) {
    throw Error(Code::corrupt, path.string() + " does not begin like an SQLite database", kRestore);
  }
}

// Made by hand, so that payloads are nobody else's to read; SQLite gives the WAL the same mode.
void create_private(const std::filesystem::path& path) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) throw system_error("create " + path.string());
}

// Whether to make a fresh database.
bool is_fresh(const OpenRequest& request) {
  const auto size = size_of(request.path);
  if (size.value_or(0) > 0) return false;
  if (std::filesystem::exists(marker_of(request.path)) && !request.init) {
    throw Error(Code::corrupt,
                fmt::format("{} is {}, but {} says that it held data", request.path.string(),
                            size ? "empty" : "missing", marker_of(request.path).string()),
                "Restore it from a backup; only if the jobs in it may be lost, start once with "
                "--init.");
  }
  return true;
}

// Calls `work` with what SQLite finds wrong with the file told as damage.
template <class Work>
void as_damage(const std::filesystem::path& path, Work work) {
  try {
    work();
  } catch (const SqliteError& error) {
    if (error.code() != Code::corrupt) throw;
    throw Error(Code::corrupt, fmt::format("{} is damaged: {}", path.string(), error.message()),
                kRestore);
  }
}

}  // namespace

std::filesystem::path marker_of(const std::filesystem::path& database) {
  return database.string() + ".initialised";
}

namespace {

// Whoever opens it by its other name finds no log beside it, and writes over what the log holds
// (https://www.sqlite.org/howtocorrupt.html, 2.5).
void require_one_name(const std::string& path, nlink_t names) {
  if (names == 1) return;
  throw Error(Code::io,
              fmt::format("{} has {} names: somebody made a hard link of it", path, names),
              "Find the others with find -samefile and remove them, then start the host again. A "
              "copy is made by timmy-host db backup.");
}

}  // namespace

Placement::Placement(const std::filesystem::path& database)
    : database_(look(database.string())), wal_(look(database.string() + "-wal")) {}

Placement::Place Placement::look(std::string path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw system_error("look at " + path);
  require_one_name(path, status.st_nlink);
  return {std::move(path), status.st_dev, status.st_ino,
          static_cast<std::uint64_t>(status.st_size)};
}

void Placement::check() {
  check(database_);
  check(wal_);
}

void Placement::check(Place& place) {
  struct stat status {};
  const bool there = ::stat(place.path.c_str(), &status) == 0;
  if (there && status.st_dev == place.device && status.st_ino == place.inode) {
    require_one_name(place.path, status.st_nlink);
    place.bytes = static_cast<std::uint64_t>(status.st_size);
    return;
  }
  throw Error(Code::io,
              fmt::format("{} was {} while this host had it open", place.path,
                          there ? "replaced" : "removed or renamed"),
              "Put it back, or restore a backup, then start the host again; what was acknowledged "
              "since may be lost.");
}

void require_sound(Connection& connection, const std::filesystem::path& path) {
  const auto rows = connection.quick_check(3);
  if (rows.empty()) return;
  throw Error(Code::corrupt, fmt::format("{} is damaged: {}", path.string(), fmt::join(rows, "; ")),
              "Restore it from a backup, or save what can be read with `.recover` of sqlite3.");
}

OpenedDatabase open_database(const OpenRequest& request) {
  const bool fresh = is_fresh(request);
  if (fresh) {
    create_private(request.path);
  } else {
    check_header(request.path);
  }
  Connection connection(request.path, Connection::Mode::writer, request.vfs);
  OpenedDatabase opened{std::move(connection), fresh};
  as_damage(request.path, [&] {
    check_ownership(opened.connection);
    const bool has_schema = opened.connection.integer("PRAGMA user_version") > 0;
    opened.unclean =
        has_schema &&
        opened.connection.text("SELECT value FROM settings WHERE key='stopped_cleanly'") != "1";
    if (*size_of(request.path) < request.check_in_background) {
      require_sound(opened.connection, request.path);
    } else {
      opened.check_pending = opened.unclean;
    }
  });
  opened.connection.use_wal();
  migrate(opened.connection);
  TIMMY_FAILPOINT("store.migrated");
  opened.connection.execute(
      "INSERT INTO settings(key, value) VALUES('stopped_cleanly', '0') "
      "ON CONFLICT(key) DO UPDATE SET value='0'");
  if (!std::filesystem::exists(marker_of(request.path))) {
    write_atomically(marker_of(request.path), "A host's database is beside this file.\n", 0600);
  }
  return opened;
}

InspectedDatabase inspect_database(const OpenRequest& request) {
  if (is_fresh(request)) return {};
  check_header(request.path);
  // What is in the log is part of the database, and reading it means making files beside it.
  if (size_of(request.path.string() + "-wal").value_or(0) > 0)
    return {true, "the last host did not stop cleanly; the next one checks it as it starts"};
  InspectedDatabase inspected{true, {}};
  as_damage(request.path, [&] {
    Connection connection(request.path, Connection::Mode::still, request.vfs);
    check_ownership(connection);
    if (*size_of(request.path) < request.check_in_background)
      require_sound(connection, request.path);
    else
      inspected.unchecked =
          "it is too large to be checked in passing; sqlite3's quick_check does it";
  });
  return inspected;
}

void close_cleanly(Connection& connection) {
  connection.execute("UPDATE settings SET value='1' WHERE key='stopped_cleanly'");
  connection.checkpoint(true);
}

}  // namespace host
