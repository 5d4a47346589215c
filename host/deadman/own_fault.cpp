// SPDX-License-Identifier: Apache-2.0
#include "deadman/own_fault.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "base/utf8.hpp"

namespace host::deadman {
namespace {

constexpr Duration kBetween = std::chrono::hours(1);
constexpr std::size_t kLongestText = 1000;  // bytes

WallTime time_of(const struct stat& info) {
  return WallTime(std::chrono::duration_cast<Duration>(
      std::chrono::seconds(info.st_mtim.tv_sec) + std::chrono::nanoseconds(info.st_mtim.tv_nsec)));
}

void set_time(int fd, WallTime at, const std::filesystem::path& mark) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at.time_since_epoch());
  const timespec time{.tv_sec = seconds.count(),
                      .tv_nsec = std::chrono::nanoseconds(at.time_since_epoch() - seconds).count()};
  const timespec times[2] = {time, time};
  if (::futimens(fd, times) != 0) throw system_error("marking " + mark.string());
}

// Leaves the mark of it, before anything is done.
bool is_to_be_told(const std::filesystem::path& mark, WallTime now) {
  make_directories(mark.parent_path(), 0700);
  const int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  Fd fd(::open(mark.c_str(), flags | O_CREAT | O_EXCL, 0600));
  if (!fd) {
    fd = Fd(::open(mark.c_str(), flags));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0) throw system_error("opening " + mark.string());
    // One from the future is of a clock that was set back since.
    if (const auto told = time_of(info); told <= now && now - told < kBetween) return false;
  }
  set_time(fd.get(), now, mark);
  return true;
}

std::string line_of(const OwnFault& fault) {
  auto why = fault.why;
  cut_text(why, kLongestText);
  return host::to_text({{"host", fault.host_name},
                        {"target", ""},
                        {"event", "deadman_failed"},
                        {"text", "the deadman can't work, so nothing is watched: " + why},
                        {"active", false},
                        {"handed_off", false},
                        {"at", format_utc(fault.at)}}) +
         "\n";
}

}  // namespace

std::optional<Ending> tell_own_fault(const OwnFault& fault, const std::vector<std::string>& alert,
                                     const std::filesystem::path& mark, Runner& runner) {
  if (alert.empty()) return std::nullopt;
  try {
    if (!is_to_be_told(mark, fault.at)) return std::nullopt;
    return runner.run({.arguments = alert, .input = line_of(fault)});
  } catch (const std::exception& failure) {
    return Ending{false, failure.what()};
  }
}

}  // namespace host::deadman
