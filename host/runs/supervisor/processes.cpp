// SPDX-License-Identifier: Apache-2.0
#include "runs/supervisor/processes.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace host::runs::supervisor {
namespace {

constexpr std::size_t kMost = 100'000;  // processes that are looked at

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

std::vector<pid_t> numbers_in(int folder, const char* path) {
  std::vector<pid_t> numbers;
  const int fd = ::openat(folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, CloseFolder> entries(fd < 0 ? nullptr : ::fdopendir(fd));
  if (!entries) return numbers;
  while (const dirent* entry = ::readdir(entries.get())) {
    const auto number = static_cast<pid_t>(::strtol(entry->d_name, nullptr, 10));
    if (number > 0 && numbers.size() < kMost) numbers.push_back(number);
  }
  return numbers;
}

std::string text_of(int folder, const std::string& path) {
  const Fd file(::openat(folder, path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> block;
  for (ssize_t got = 0; file && (got = ::read(file.get(), block.data(), block.size())) > 0;)
    text.append(block.data(), static_cast<std::size_t>(got));
  return text;
}

// The number behind "\nName:"; 0 where there is none.
std::uint64_t number_behind(const std::string& text, const char* name) {
  const auto at = text.find(name);
  return at == std::string::npos ? 0 : ::strtoull(text.c_str() + at + ::strlen(name), nullptr, 10);
}

void add_children(int proc, pid_t parent, std::vector<pid_t>& found) {
  const std::string tasks = std::to_string(parent) + "/task";
  for (const pid_t task : numbers_in(proc, tasks.c_str())) {
    const auto text = text_of(proc, tasks + "/" + std::to_string(task) + "/children");
    for (const char* at = text.c_str(); found.size() < kMost;) {
      char* end = nullptr;
      const long child = ::strtol(at, &end, 10);
      if (end == at) break;
      found.push_back(static_cast<pid_t>(child));
      at = end;
    }
  }
}

constexpr std::uint64_t kKibi = 1024;

}  // namespace

Processes Processes::of_namespace(Fd proc) { return {std::move(proc), 0}; }

Processes Processes::below(pid_t ancestor) {
  Fd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc) throw system_error("opening /proc");
  return {std::move(proc), ancestor};
}

std::vector<pid_t> Processes::pids() const {
  std::vector<pid_t> found;
  if (ancestor_ == 0) {
    found = numbers_in(proc_.get(), ".");
    std::erase(found, 1);
    return found;
  }
  add_children(proc_.get(), ancestor_, found);
  for (std::size_t i = 0; i < found.size(); ++i) add_children(proc_.get(), found[i], found);
  return found;
}

Measured Processes::measure() const {
  Measured all;
  for (const pid_t pid : pids()) {
    const auto status = text_of(proc_.get(), std::to_string(pid) + "/status");
    all.tasks += static_cast<int>(number_behind(status, "\nThreads:"));
    all.memory +=
        (number_behind(status, "\nRssAnon:") + number_behind(status, "\nRssShmem:")) * kKibi;
  }
  return all;
}

std::uint64_t Processes::exact_memory() const {
  std::uint64_t all = 0;
  for (const pid_t pid : pids()) {
    const auto maps = text_of(proc_.get(), std::to_string(pid) + "/smaps_rollup");
    all += (number_behind(maps, "\nPss_Anon:") + number_behind(maps, "\nPss_Shmem:")) * kKibi;
  }
  return all;
}

void Processes::signal(int number) const {
  if (ancestor_ == 0) return;
  for (const pid_t pid : pids()) (void)::kill(pid, number);
}

bool end_all_below(std::chrono::milliseconds patience) {
  const auto all = Processes::below(::getpid());
  const auto until = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < until) {
    all.signal(SIGKILL);
    pid_t reaped = 0;
    while ((reaped = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    if (reaped < 0 && errno == ECHILD) return true;
    (void)::poll(nullptr, 0, 2);
  }
  return false;
}

}  // namespace host::runs::supervisor
