// SPDX-License-Identifier: Apache-2.0
#include "workers/caged/leftovers.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.hpp"

namespace host::caged {
namespace {

Fd open_folder(const char* path) {
  Fd fd(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw system_error(std::string("opening ") + path);
  return fd;
}

// Linux 6.2 gives the number of open descriptors as the folder's size. Before that the lowest free
// number tells: a leak takes the lowest ones first.
std::uint32_t open_descriptors(const Fd& folder) {
  struct stat info {};
  if (::fstat(folder.get(), &info) == 0 && info.st_size > 0)
    return static_cast<std::uint32_t>(info.st_size);
  const Fd lowest(::fcntl(folder.get(), F_DUPFD_CLOEXEC, 0));
  return lowest ? static_cast<std::uint32_t>(lowest.get()) : UINT32_MAX / 2;
}

// A folder's link count is 2 more than the folders in it: here, one for each thread.
std::uint32_t threads(const Fd& folder) {
  struct stat info {};
  if (::fstat(folder.get(), &info) != 0) return 0;
  return static_cast<std::uint32_t>(info.st_nlink);
}

// 0 means: there are some, none has ended. Children only exist where the filter is not in force.
std::uint32_t children() { return ::waitpid(-1, nullptr, WNOHANG | __WALL) >= 0 ? 1 : 0; }

std::uint32_t beyond(std::uint32_t now, std::uint32_t before) {
  return now > before ? now - before : 0;
}

}  // namespace

Leftovers::Leftovers()
    : tasks_(open_folder("/proc/self/task")), descriptors_(open_folder("/proc/self/fd")) {}

void Leftovers::set_baseline() { baseline_ = count(); }

Leftovers::Counts Leftovers::beyond_baseline() const {
  Counts now = count();
  for (int tries = 0; now.threads > baseline_.threads && tries < 20; ++tries) {
    const timespec moment{0, 1'000'000};
    ::nanosleep(&moment, nullptr);
    now = count();
  }
  return {beyond(now.threads, baseline_.threads), beyond(now.descriptors, baseline_.descriptors),
          beyond(now.children, baseline_.children)};
}

Leftovers::Counts Leftovers::count() const {
  return {threads(tasks_), open_descriptors(descriptors_), children()};
}

}  // namespace host::caged
