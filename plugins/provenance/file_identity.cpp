// SPDX-License-Identifier: Apache-2.0
#include "file_identity.hpp"

#include <sys/stat.h>

#include <chrono>

namespace provenance {
namespace {

std::int64_t ns_of(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::optional<FileIdentity> FileIdentity::at(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return std::nullopt;
  return of(info);
}

FileIdentity FileIdentity::of(const struct stat& info) {
  return {info.st_dev, info.st_ino, info.st_size, ns_of(info.st_mtim), ns_of(info.st_ctim)};
}

// A file system stamps with a clock that ticks every 1 to 10 ms. One of another machine may be
// ahead of ours by some time, in which it is waited for; where all of a file is a day ahead, our
// own was set back since, and the next change will differ by that.
bool FileIdentity::is_settled() const {
  using namespace std::chrono;
  const auto now = duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count();
  constexpr std::int64_t kTick = 50'000'000;
  constexpr std::int64_t kDay = 86'400'000'000'000;
  return written_ns() + kTick < now || written_ns() > now + kDay;
}

nlohmann::json FileIdentity::json() const {
  return {device, inode, size, changed_ns, status_changed_ns};
}

std::optional<FileIdentity> FileIdentity::from(const nlohmann::json& json) {
  if (!json.is_array() || json.size() != 5) return std::nullopt;
  for (const auto& number : json)
    if (!number.is_number_integer()) return std::nullopt;
  return FileIdentity{json[0], json[1], json[2], json[3], json[4]};
}

}  // namespace provenance
