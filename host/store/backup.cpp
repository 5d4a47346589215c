// SPDX-License-Identifier: Apache-2.0
//
// https://www.sqlite.org/backup.html: the copy follows what the source's own connection writes;
// only another connection's writes would make it begin again.
#include "store/backup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "store/migrations.hpp"
#include "store/open.hpp"

namespace host {
namespace {

constexpr int kStepPages = 256;  // 1 MiB
// So that no sync at the end takes as long as the whole file.
constexpr int kSyncSteps = 4;

void sync_folder(const std::filesystem::path& folder) {
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) throw system_error("syncing " + folder.string());
}

void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    throw system_error("renaming " + from.string() + " to " + to.string());
  sync_folder(to.parent_path());
}

Error exists_already(const std::filesystem::path& target) {
  return {Code::conflict, target.string() + " exists already",
          "Choose another name, or replace it with --force."};
}

// 20261123T171500Z: sorts, and is a name everywhere.
std::string name_of(WallTime time) {
  std::string text;
  for (const char c : format_utc(time).substr(0, 19))
    if (c != '-' && c != ':') text += c;
  return text + "Z";
}

}  // namespace

Backup::Backup(Connection& source, std::filesystem::path target, bool replace)
    : target_(std::move(target)), replace_(replace) {
  if (!target_.is_absolute() || !target_.has_filename())
    throw Error(Code::usage, "\"" + target_.string() + "\" is no absolute path of a file");
  std::error_code ignored;
  if (!replace_ && std::filesystem::exists(target_, ignored)) throw exists_already(target_);
  const std::string name = "." + target_.filename().string() + ".XXXXXX";
  partial_ = (target_.parent_path() / name).string();
  file_ = Fd(::mkostemp(partial_.data(), O_CLOEXEC));
  if (!file_) {
    partial_.clear();
    throw system_error("creating a file in " + target_.parent_path().string());
  }
  try {
    copy_.emplace(partial_, Connection::Mode::writer);
    // A copy that is not whole is thrown away, and a whole one is synced before it gets its name.
    copy_->execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF");
    handle_ = sqlite3_backup_init(copy_->handle(), "main", source.handle(), "main");
    if (handle_ == nullptr)
      throw SqliteError(sqlite3_extended_errcode(copy_->handle()), "copy to " + target_.string(),
                        sqlite3_errmsg(copy_->handle()));
  } catch (...) {
    remove_partial();
    throw;
  }
}

Backup::~Backup() { remove_partial(); }

void Backup::remove_partial() noexcept {
  sqlite3_backup_finish(std::exchange(handle_, nullptr));
  copy_.reset();
  if (partial_.empty()) return;
  for (const char* const end : {"", "-wal", "-shm", "-journal"}) ::unlink((partial_ + end).c_str());
  partial_.clear();
}

bool Backup::step() {
  const int code = sqlite3_backup_step(handle_, kStepPages);
  if (code == SQLITE_DONE) {
    complete();
    return true;
  }
  // Somebody else's lock: the next step tries again.
  if (code != SQLITE_OK && code != SQLITE_BUSY && code != SQLITE_LOCKED)
    throw SqliteError(code, "copy to " + target_.string(), sqlite3_errstr(code));
  if (++unsynced_steps_ == kSyncSteps) {
    unsynced_steps_ = 0;
    if (::fdatasync(file_.get()) != 0) throw system_error("syncing " + target_.string());
  }
  return false;
}

void Backup::complete() {
  sqlite3_backup_finish(std::exchange(handle_, nullptr));
  // The copied header says WAL; a file that stands alone needs none.
  copy_->execute("PRAGMA journal_mode=DELETE");
  copy_.reset();
  if (::fsync(file_.get()) != 0) throw system_error("syncing " + target_.string());
  struct stat info {};
  if (::fstat(file_.get(), &info) != 0) throw system_error("examining " + target_.string());
  bytes_ = static_cast<std::uint64_t>(info.st_size);
  put_in_place();
}

void Backup::put_in_place() {
  const unsigned flags = replace_ ? 0 : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD, target_.c_str(), flags) != 0) {
    if (errno == EEXIST) throw exists_already(target_);
    throw system_error("renaming the copy to " + target_.string());
  }
  partial_.clear();
  sync_folder(target_.parent_path());
}

void check_backup(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) throw Error(Code::not_found, "there is no " + file.string());
  try {
    Connection reader(file, Connection::Mode::reader);
    check_ownership(reader);
    if (reader.integer("PRAGMA user_version") < 1)
      throw Error(Code::corrupt, file.string() + " is empty", "Choose another backup.");
    require_sound(reader, file);
  } catch (const SqliteError& error) {
    throw Error(error.code(), file.string() + ": " + error.message(), "Choose another backup.");
  }
}

Restored restore_database(const std::filesystem::path& backup,
                          const std::filesystem::path& database, WallTime now) {
  check_backup(backup);
  const auto fresh = std::filesystem::path(database.string() + ".restoring");
  Restored restored;
  {
    // By way of SQLite, so that what still stands in a log beside the backup comes along.
    Connection source(backup, Connection::Mode::reader);
    Backup copy(source, fresh, true);
    while (!copy.step()) {
    }
    restored.bytes = copy.bytes();
  }
  {
    Connection writer(fresh, Connection::Mode::writer);
    writer.execute("PRAGMA synchronous=FULL");
    writer.execute("UPDATE settings SET value=lower(hex(randomblob(8))) WHERE key='store_id'");
  }
  // The database before its log: alone, it would be opened without what stands in the log.
  const auto log = std::filesystem::path(database.string() + "-wal");
  if (std::filesystem::exists(database)) {
    restored.aside = database.string() + ".before-restore-" + name_of(now);
    rename_durably(database, restored.aside);
  }
  if (std::filesystem::exists(log))
    rename_durably(log, restored.aside.empty() ? log.string() + ".before-restore-" + name_of(now)
                                               : restored.aside.string() + "-wal");
  std::filesystem::remove(database.string() + "-shm");
  rename_durably(fresh, database);
  return restored;
}

}  // namespace host
