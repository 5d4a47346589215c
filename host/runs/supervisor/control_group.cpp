// SPDX-License-Identifier: Apache-2.0
#include "runs/supervisor/control_group.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"

namespace host::runs::supervisor {
namespace {

namespace fs = std::filesystem;

bool write_to(const fs::path& file, const std::string& text) {
  const Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string text_of(const fs::path& file) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(4096, '\0');
  const auto got = fd ? ::read(fd.get(), text.data(), text.size()) : 0;
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

}  // namespace

ControlGroup::ControlGroup(const fs::path& parent, const std::string& id, const RunLimits& limits)
    : folder_(parent / ("run-" + id)) {
  if (::mkdir(folder_.c_str(), 0755) != 0) throw system_error("making " + folder_.string());
  if (::access((folder_ / "cgroup.kill").c_str(), W_OK) != 0) {
    (void)::rmdir(folder_.c_str());
    throw Error(Code::unsupported, "this kernel can't kill a cgroup (it needs Linux 5.14)");
  }
  if (limits.memory != 0 && write_to(folder_ / "memory.max", std::to_string(limits.memory))) {
    memory_ = true;
    (void)write_to(folder_ / "memory.swap.max", "0");
    (void)write_to(folder_ / "memory.oom.group", "1");
  }
  // One more is the run's first process.
  if (limits.processes != 0)
    processes_ = write_to(folder_ / "pids.max", std::to_string(limits.processes + 1));
}

ControlGroup::~ControlGroup() { (void)end(); }

bool ControlGroup::end() const noexcept { return end_control_group(folder_); }

void ControlGroup::add(pid_t pid) const {
  if (!write_to(folder_ / "cgroup.procs", std::to_string(pid)))
    throw system_error("putting a run into " + folder_.string());
}

void ControlGroup::kill() const noexcept { (void)write_to(folder_ / "cgroup.kill", "1"); }

bool ControlGroup::out_of_memory() const {
  const auto events = text_of(folder_ / "memory.events");
  const auto at = events.find("\noom_kill ");
  return at != std::string::npos && ::atoi(events.c_str() + at + 10) > 0;
}

std::uint64_t ControlGroup::peak_memory() const {
  return ::strtoull(text_of(folder_ / "memory.peak").c_str(), nullptr, 10);
}

std::string ControlGroup::text() const {
  if (memory_ && processes_) return "bounds memory and processes";
  if (memory_) return "bounds memory";
  if (processes_) return "bounds processes";
  return "kills all at once, bounds nothing";
}

bool end_control_group(const fs::path& folder) noexcept {
  for (int tries = 0; tries < 500; ++tries) {
    (void)write_to(folder / "cgroup.kill", "1");
    if (::rmdir(folder.c_str()) == 0 || errno == ENOENT) return true;
    (void)::poll(nullptr, 0, 2);
  }
  return false;
}

}  // namespace host::runs::supervisor
