// SPDX-License-Identifier: Apache-2.0
#include "workers/landlock.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "base/error.hpp"

namespace host {
namespace {

// Debian 12's header knows version 2; the bits of later ones are in the kernel's documentation.
constexpr std::uint64_t kTruncate = 1ull << 14;     // version 3
constexpr std::uint64_t kDeviceIoctl = 1ull << 15;  // version 5
constexpr std::uint64_t kAllOfVersion1 = (1ull << 13) - 1;
constexpr std::uint64_t kBindAndConnect = 3;     // version 4, handled_access_net
constexpr std::uint64_t kSocketsAndSignals = 3;  // version 6, scoped

struct RulesetAttributes {
  std::uint64_t handled_files;
  std::uint64_t handled_network;
  std::uint64_t scoped;
};
constexpr std::array<std::size_t, 3> kSizes = {8, 16, 24};  // of versions 1 to 3, 4 and 5, 6 on

std::uint64_t handled_files(int abi) {
  std::uint64_t handled = kAllOfVersion1;
  if (abi >= 2) handled |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) handled |= kTruncate;
  if (abi >= 5) handled |= kDeviceIoctl;
  return handled;
}

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWrite = kRead | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM |
                                 LANDLOCK_ACCESS_FS_REFER | kTruncate;
constexpr std::uint64_t kRun = kRead | LANDLOCK_ACCESS_FS_EXECUTE;
constexpr std::uint64_t kWork = kWrite | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_SOCK;
constexpr std::uint64_t kDevice =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
// What may be said about a single file.
constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                   LANDLOCK_ACCESS_FS_EXECUTE | kTruncate | kDeviceIoctl;

// By what was opened, so that nobody can change the way after the look.
void require_no_link(const Fd& object, const std::filesystem::path& path) {
  const auto real = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(object.get()));
  if (real == path) return;
  throw Error(Code::not_granted,
              path.string() + " passes through a symbolic link, to " + real.string(),
              "Grant the path that it leads to");
}

}  // namespace

int LandlockRules::kernel_abi() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi > 0 ? static_cast<int>(abi) : 0;
}

LandlockRules::LandlockRules(int abi, Tcp tcp) : abi_(abi) {
  RulesetAttributes attributes{handled_files(abi),
                               abi >= 4 && tcp == Tcp::denied ? kBindAndConnect : 0,
                               abi >= 6 ? kSocketsAndSignals : 0};
  const auto size = kSizes[abi >= 6 ? 2 : abi >= 4 ? 1 : 0];
  ruleset_ = Fd(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
  if (!ruleset_) throw system_error("landlock_create_ruleset");
}

void LandlockRules::allow_read(const std::filesystem::path& path, Links links) {
  allow(path, kRead, links);
}
void LandlockRules::allow_write(const std::filesystem::path& path, Links links) {
  allow(path, kWrite, links);
}
void LandlockRules::allow_device(const std::filesystem::path& path) {
  allow(path, kDevice, Links::followed);
}

void LandlockRules::allow_run(const std::filesystem::path& path, Links links) {
  allow(path, kRun, links);
}
void LandlockRules::allow_work(const std::filesystem::path& path, Links links) {
  allow(path, kWork, links);
}
void LandlockRules::allow_terminals(const std::filesystem::path& folder) {
  allow(folder, kDevice | LANDLOCK_ACCESS_FS_READ_DIR | kDeviceIoctl, Links::followed);
}

void LandlockRules::allow(const std::filesystem::path& path, std::uint64_t access, Links links) {
  const int no_link = links == Links::refused ? O_NOFOLLOW : 0;
  const Fd object(::open(path.c_str(), O_PATH | O_CLOEXEC | no_link));
  struct stat info {};
  if (!object || ::fstat(object.get(), &info) != 0) throw system_error("opening " + path.string());
  if (links == Links::refused) require_no_link(object, path);
  if (!S_ISDIR(info.st_mode)) access &= kOfFiles;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = access & handled_files(abi_);
  rule.parent_fd = object.get();
  if (::syscall(SYS_landlock_add_rule, ruleset_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    throw system_error("landlock_add_rule for " + path.string());
}

void LandlockRules::enforce() {
  if (::syscall(SYS_landlock_restrict_self, ruleset_.get(), 0) != 0)
    throw system_error("landlock_restrict_self");
}

}  // namespace host
