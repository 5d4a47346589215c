// SPDX-License-Identifier: Apache-2.0
#include "runs/run_lock.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/json.hpp"

namespace host::runs {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kRecord = 16 * 1024;
constexpr Duration kLongestPause = std::chrono::seconds(1);

struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

// A number of a process is given out again; its start is not. Empty: there is none, or it is dead
// and only waits to be reaped, with its namespace gone.
std::string start_of(pid_t pid) {
  std::string text;
  try {
    const Fd file(::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return {};
    text = read_all(file.get(), kRecord, "a process's state");
  } catch (const Error&) {
    return {};
  }
  // Behind the name, which may hold anything: the state is field 3, the start field 22.
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos || text.size() < name_end + 3) return {};
  const char state = text[name_end + 2];
  if (state == 'Z' || state == 'X') return {};
  std::size_t at = name_end + 2;
  for (int field = 3; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  if (at == std::string::npos) return {};
  return text.substr(at + 1, text.find(' ', at + 1) - at - 1);
}

struct Recorded {
  pid_t first = 0;
  std::string start;
  fs::path cgroup;
};

Recorded read_record(int fd) {
  try {
    if (::lseek(fd, 0, SEEK_SET) != 0) return {};
    const auto json = parse_json(read_all(fd, kRecord, "a run's lock"), "a run's lock");
    return {json.at("first").get<pid_t>(), json.at("start").get<std::string>(),
            json.at("cgroup").get<std::string>()};
  } catch (const std::exception&) {
    // Taken, and not written yet: the lock alone tells.
    return {};
  }
}

// Throws where that can't be told.
bool cgroup_is_populated(const fs::path& folder) {
  if (folder.empty()) return false;
  const auto events = folder / "cgroup.events";
  const Fd file(::open(events.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT) return false;
  if (!file) throw system_error("looking into " + events.string());
  try {
    return read_all(file.get(), kRecord, "a cgroup").find("populated 1") != std::string::npos;
  } catch (const Error&) {
    // It may have gone since.
    if (::access(events.c_str(), F_OK) != 0 && errno == ENOENT) return false;
    throw;
  }
}

void kill_cgroup(const fs::path& folder) {
  const Fd file(::open((folder / "cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
  if (file) (void)!::write(file.get(), "1", 1);
}

}  // namespace

fs::path lock_path(const fs::path& run_folder) { return run_folder / "lock"; }

Fd take_lock(const fs::path& lock) {
  Fd fd(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) throw system_error("opening " + lock.string());
  auto whole = whole_file(F_WRLCK);
  if (::fcntl(fd.get(), F_OFD_SETLK, &whole) == 0) return fd;
  if (errno != EACCES && errno != EAGAIN) throw system_error("locking " + lock.string());
  throw Error(Code::conflict, lock.string() + " is held: its run is still there");
}

void write_lock_record(int lock, const LockRecord& record) {
  const auto text = to_text({{"supervisor", record.supervisor},
                             {"first", record.first},
                             {"start", start_of(record.first)},
                             {"cgroup", record.cgroup.native()}});
  if (::ftruncate(lock, 0) != 0 ||
      ::pwrite(lock, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    throw system_error("writing a run's lock");
}

bool still_runs(const fs::path& lock) {
  const Fd fd(::open(lock.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd && errno == ENOENT) return false;
  if (!fd) throw system_error("opening " + lock.string());
  auto whole = whole_file(F_WRLCK);
  if (::fcntl(fd.get(), F_OFD_GETLK, &whole) != 0)
    throw system_error("asking for the lock of " + lock.string());
  if (whole.l_type != F_UNLCK) return true;
  const auto record = read_record(fd.get());
  if (record.first > 0 && !record.start.empty() && start_of(record.first) == record.start)
    return true;
  if (!cgroup_is_populated(record.cgroup)) return false;
  kill_cgroup(record.cgroup);
  return true;
}

LockWait::LockWait(Loop& loop, fs::path lock, std::function<void()> ended)
    : loop_(loop), lock_(std::move(lock)), ended_(std::move(ended)) {
  timer_ = loop_.after(Duration::zero(), [this] { look(); });
}

void LockWait::look() {
  bool there = true;
  try {
    there = still_runs(lock_);
  } catch (const Error&) {
    // That it can't be told must not look as if nothing were there.
  }
  if (!there) return std::exchange(ended_, nullptr)();
  timer_ = loop_.after(pause_, [this] { look(); });
  pause_ = std::min(2 * pause_, kLongestPause);
}

}  // namespace host::runs
