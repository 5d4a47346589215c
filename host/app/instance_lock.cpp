// SPDX-License-Identifier: Apache-2.0
#include "app/instance_lock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"

namespace host {
namespace {

struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

InstanceLock::InstanceLock(const std::filesystem::path& path)
    : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
  if (!fd_) throw system_error("opening the lock file " + path.string());
  auto lock = whole_file(F_WRLCK);
  if (::fcntl(fd_.get(), F_SETLK, &lock) != 0) {
    if (errno != EACCES && errno != EAGAIN) throw system_error("locking " + path.string());
    throw Error(Code::already_running,
                "another timmy-host (pid " + std::to_string(lock_holder(path)) + ") works on " +
                    path.parent_path().string(),
                "Stop it, or give this one a TIMMY_HOME of its own.");
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd_.get(), 0) != 0 ||
      ::pwrite(fd_.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
    throw system_error("writing " + path.string());
}

pid_t lock_holder(const std::filesystem::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return 0;
  auto lock = whole_file(F_WRLCK);
  if (::fcntl(fd.get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return 0;
  return lock.l_pid;
}

}  // namespace host
