// SPDX-License-Identifier: Apache-2.0
//
// https://www.sqlite.org/vfs.html. Every file method checks for a planned failure, keeps track of
// what is synced, and passes on to the system's VFS.
#include "store/fault_vfs.hpp"

#include <sqlite3.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <sstream>
#include <vector>

namespace host {
namespace {

constexpr std::size_t kSector = 512;

struct Change {
  std::size_t offset = 0;
  std::string bytes;
  bool truncate = false;  // to `offset`
};

// A file as the disk has it, and what has not been synced yet.
struct Disk {
  std::string durable;
  std::vector<Change> changes;
};

void apply(std::string& content, const Change& change) {
  if (change.truncate) {
    content.resize(change.offset);
    return;
  }
  if (content.size() < change.offset + change.bytes.size()) {
    content.resize(change.offset + change.bytes.size());
  }
  content.replace(change.offset, change.bytes.size(), change.bytes);
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

struct FaultVfs::State {
  struct Plan {
    int calls = 0;
    int at = 0;  // 0: none
    int code = SQLITE_OK;
    bool sticky = false;
  };

  // The kernel would have said why, and SQLite's callers may ask.
  static int failure(int code) {
    errno = code == SQLITE_FULL ? ENOSPC : EIO;
    return code;
  }

  // The code to fail with, or SQLITE_OK.
  int check(Call call) {
    const std::scoped_lock lock(mutex);
    Plan& plan = plans[static_cast<std::size_t>(call)];
    ++plan.calls;
    if (dead && call != Call::read) return failure(SQLITE_IOERR_WRITE);
    if (plan.at == 0 || plan.calls < plan.at) return SQLITE_OK;
    if (plan.calls > plan.at && !plan.sticky) return SQLITE_OK;
    return failure(plan.code);
  }

  sqlite3_vfs vfs{};
  sqlite3_vfs* real = nullptr;
  std::string name;
  mutable std::mutex mutex;
  std::array<Plan, 4> plans;
  bool dead = false;
  std::map<std::string, Disk> disks;
};

struct FaultVfs::Shim {
  struct File {
    sqlite3_file base;
    State* state;
    Disk* disk;  // nullptr: a temporary file, not tracked
    sqlite3_file* real;
  };
  static File* of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
  static sqlite3_file* real(sqlite3_file* file) { return of(file)->real; }
  static State* of(sqlite3_vfs* vfs) { return static_cast<State*>(vfs->pAppData); }

  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out) {
    State* const state = of(vfs);
    File* const shim = std::construct_at(of(file));
    shim->state = state;
    shim->real = reinterpret_cast<sqlite3_file*>(shim + 1);
    if (path != nullptr && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0) {
      const std::scoped_lock lock(state->mutex);
      const auto [place, added] = state->disks.try_emplace(path);
      if (added) place->second.durable = content_of(path);
      shim->disk = &place->second;
    }
    const int code = state->real->xOpen(state->real, path, shim->real, flags, out);
    shim->base.pMethods = code == SQLITE_OK ? &methods() : nullptr;
    return code;
  }

  static int close(sqlite3_file* file) { return real(file)->pMethods->xClose(real(file)); }

  static int read(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
    if (const int code = of(file)->state->check(Call::read)) return code;
    return real(file)->pMethods->xRead(real(file), data, size, offset);
  }

  static int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
    State* const state = of(file)->state;
    if (const int code = state->check(Call::write)) return code;
    if (Disk* const disk = of(file)->disk) {
      const std::scoped_lock lock(state->mutex);
      disk->changes.push_back(
          {static_cast<std::size_t>(offset),
           std::string(static_cast<const char*>(data), static_cast<std::size_t>(size))});
    }
    return real(file)->pMethods->xWrite(real(file), data, size, offset);
  }

  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    State* const state = of(file)->state;
    if (const int code = state->check(Call::truncate)) return code;
    if (Disk* const disk = of(file)->disk) {
      const std::scoped_lock lock(state->mutex);
      disk->changes.push_back({static_cast<std::size_t>(size), {}, true});
    }
    return real(file)->pMethods->xTruncate(real(file), size);
  }

  static int sync(sqlite3_file* file, int flags) {
    State* const state = of(file)->state;
    if (const int code = state->check(Call::sync)) return code;
    if (Disk* const disk = of(file)->disk) {
      const std::scoped_lock lock(state->mutex);
      for (const auto& change : disk->changes) apply(disk->durable, change);
      disk->changes.clear();
    }
    return real(file)->pMethods->xSync(real(file), flags);
  }

  static int remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
    State* const state = of(vfs);
    {
      const std::scoped_lock lock(state->mutex);
      if (state->dead) return SQLITE_IOERR_DELETE;
      // The record stays where an open file points at it; its file is gone.
      if (const auto found = state->disks.find(path); found != state->disks.end()) {
        found->second = {};
      }
    }
    return state->real->xDelete(state->real, path, sync_directory);
  }

  static const sqlite3_io_methods& methods();
};

const sqlite3_io_methods& FaultVfs::Shim::methods() {
  static const sqlite3_io_methods table{
      .iVersion = 2,  // shared memory for the WAL, no mapped pages
      .xClose = close,
      .xRead = read,
      .xWrite = write,
      .xTruncate = truncate,
      .xSync = sync,
      .xFileSize = [](sqlite3_file* f,
                      sqlite3_int64* size) { return real(f)->pMethods->xFileSize(real(f), size); },
      .xLock = [](sqlite3_file* f, int l) { return real(f)->pMethods->xLock(real(f), l); },
      .xUnlock = [](sqlite3_file* f, int l) { return real(f)->pMethods->xUnlock(real(f), l); },
      .xCheckReservedLock =
          [](sqlite3_file* f, int* out) {
            return real(f)->pMethods->xCheckReservedLock(real(f), out);
          },
      .xFileControl = [](sqlite3_file* f, int op,
                         void* arg) { return real(f)->pMethods->xFileControl(real(f), op, arg); },
      .xSectorSize = [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); },
      .xDeviceCharacteristics =
          [](sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); },
      .xShmMap =
          [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
            return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
          },
      .xShmLock = [](sqlite3_file* f, int offset, int n,
                     int flags) { return real(f)->pMethods->xShmLock(real(f), offset, n, flags); },
      .xShmBarrier = [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); },
      .xShmUnmap = [](sqlite3_file* f,
                      int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); },
      .xFetch = nullptr,
      .xUnfetch = nullptr,
  };
  return table;
}

FaultVfs::FaultVfs() : state_(std::make_unique<State>()) {
  static std::atomic<int> next{0};
  state_->name = "timmy-fault-" + std::to_string(++next);
  state_->real = sqlite3_vfs_find(nullptr);
  state_->vfs = *state_->real;
  state_->vfs.szOsFile = static_cast<int>(sizeof(Shim::File)) + state_->real->szOsFile;
  state_->vfs.pNext = nullptr;
  state_->vfs.zName = state_->name.c_str();
  state_->vfs.pAppData = state_.get();
  state_->vfs.xOpen = Shim::open;
  state_->vfs.xDelete = Shim::remove;
  sqlite3_vfs_register(&state_->vfs, 0);
}

FaultVfs::~FaultVfs() { sqlite3_vfs_unregister(&state_->vfs); }

const std::string& FaultVfs::name() const { return state_->name; }

void FaultVfs::fail(Call call, int nth, int code, bool sticky) {
  const std::scoped_lock lock(state_->mutex);
  auto& plan = state_->plans[static_cast<std::size_t>(call)];
  plan.at = plan.calls + nth;
  plan.code = code;
  plan.sticky = sticky;
}

void FaultVfs::heal() {
  const std::scoped_lock lock(state_->mutex);
  for (auto& plan : state_->plans) plan.at = 0;
}

int FaultVfs::calls(Call call) const {
  const std::scoped_lock lock(state_->mutex);
  return state_->plans[static_cast<std::size_t>(call)].calls;
}

void FaultVfs::cut_power() {
  const std::scoped_lock lock(state_->mutex);
  state_->dead = true;
}

void FaultVfs::come_back(std::uint64_t seed) {
  const std::scoped_lock lock(state_->mutex);
  std::mt19937_64 random(seed);
  for (auto& [path, disk] : state_->disks) {
    std::string content = disk.durable;
    for (const auto& change : disk.changes) {
      if (change.truncate) {
        if (random() % 2) apply(content, change);
        continue;
      }
      for (std::size_t at = 0; at < change.bytes.size(); at += kSector) {
        if (random() % 2) apply(content, {change.offset + at, change.bytes.substr(at, kSector)});
      }
    }
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  }
  state_->disks.clear();
  state_->dead = false;
}

}  // namespace host
