// SPDX-License-Identifier: Apache-2.0
//
// Row W12 of the fault matrix, one test a probe: what a hostile plugin tries is denied in the cage,
// with the errno that says by which layer, and works for the same user without it. A probe that
// fails anyway would prove nothing.
#include <gmock/gmock.h>
#include <poll.h>

#include <fstream>

#include "base/process.hpp"
#include "workers/pool_fixture.hpp"
#include "workers/test_kernel.hpp"

namespace host {
namespace {

using testing::AnyOfArray;

// What a probe is aimed at.
enum class Target {
  none,
  token,  // a file that is not granted
  home,   // the folder that holds it
  fresh,  // a path beside it where nothing is
  host,   // the process that started the worker; without a cage, a bystander
};

struct Probe {
  const char* name;
  Target target;
  const char* layer;         // that denies it
  std::vector<int> denied;   // one of these, in the cage
  std::vector<int> without;  // one of these without it; none: it is not tried, see below
};

void PrintTo(const Probe& probe, std::ostream* out) { *out << probe.name; }

// Landlock answers EACCES, and EXDEV where something would get into a folder with other rights.
const std::vector<int> kNoFile{EACCES};
const std::vector<int> kNoMove{EACCES, EXDEV};
const std::vector<int> kNo{EPERM};       // the filter's answer
const std::vector<int> kAbsent{ENOSYS};  // the filter's, where a library falls back to another call
const std::vector<int> kWorks{0};
// What would change the machine or hit others: every process, the mounts, the clock.
const std::vector<int> kNotTried{};

const std::vector<Probe> kProbes{
    {"read", Target::token, "landlock", kNoFile, kWorks},
    {"symlink_read", Target::token, "landlock", kNoFile, kWorks},
    {"list", Target::home, "landlock", kNoFile, kWorks},
    {"write", Target::token, "landlock", kNoFile, kWorks},
    {"create", Target::fresh, "landlock", kNoFile, kWorks},
    {"mkdir", Target::fresh, "landlock", kNoFile, kWorks},
    {"unlink", Target::token, "landlock", kNoFile, kWorks},
    {"rename", Target::token, "landlock", kNoMove, kWorks},
    {"link", Target::token, "landlock", kNoMove, kWorks},
    {"truncate", Target::token, "seccomp", kNo, kWorks},
    {"open_truncate", Target::token, "seccomp", kNo, kWorks},
    {"open_truncate_no_access", Target::token, "seccomp", kNo, kWorks},
    {"openat2_truncate", Target::token, "seccomp", kAbsent, kWorks},
    {"chmod", Target::token, "seccomp", kNo, kWorks},
    {"fchmodat2", Target::token, "seccomp", kNo, {0, ENOSYS}},
    {"chown", Target::token, "seccomp", kNo, kWorks},
    {"setxattr", Target::token, "seccomp", kNo, {0, EOPNOTSUPP}},
    {"exec", Target::none, "seccomp", kNo, kWorks},
    {"exec_memfd", Target::none, "seccomp", kNo, {ENOEXEC}},
    {"spawn", Target::none, "seccomp", kNo, kWorks},
    {"fork", Target::none, "seccomp", kNo, kWorks},
    {"vfork_clone", Target::none, "seccomp", kNo, kWorks},
    {"clone3", Target::none, "seccomp", kAbsent, {EINVAL}},
    {"unshare", Target::none, "seccomp", kNo, {0, EPERM, ENOSPC}},
    {"kill", Target::host, "seccomp", kNo, kWorks},
    {"kill_group", Target::host, "seccomp", kNo, kWorks},
    {"kill_all", Target::none, "seccomp", kNo, kNotTried},
    {"tkill", Target::host, "seccomp", kNo, kWorks},
    {"tgkill", Target::host, "seccomp", kNo, kWorks},
    {"sigqueue", Target::host, "seccomp", kNo, kWorks},
    {"pidfd", Target::host, "seccomp", kNo, kWorks},
    // Yama lets only a parent look into a process.
    {"ptrace", Target::host, "seccomp", kNo, {0, EPERM}},
    {"process_vm_readv", Target::host, "seccomp", kNo, {0, EFAULT, EPERM}},
    {"prlimit", Target::host, "seccomp", kNo, kWorks},
    {"setpriority", Target::host, "seccomp", kNo, kWorks},
    {"setown", Target::host, "seccomp", kNo, kWorks},
    {"setown_high_bits", Target::host, "seccomp", kNo, kWorks},
    {"pdeathsig", Target::none, "seccomp", kNo, kWorks},
    {"dumpable", Target::none, "seccomp", kNo, kWorks},
    {"socket", Target::none, "seccomp", kNo, {0, ECONNREFUSED}},
    {"unix_socket", Target::none, "seccomp", kNo, kWorks},
    {"socketpair", Target::none, "seccomp", kNo, kWorks},
    {"mount", Target::home, "seccomp", kNo, kNotTried},
    // An unprivileged user, or one in a container, may be refused before the arguments are.
    {"bpf", Target::none, "seccomp", kNo, {EINVAL, E2BIG, EPERM}},
    {"keyctl", Target::none, "seccomp", kNo, {EINVAL, EPERM, ENOKEY}},
    {"io_uring", Target::none, "seccomp", kNo, {EFAULT, EPERM, ENOSYS}},
    {"userfaultfd", Target::none, "seccomp", kNo, {0, EPERM, ENOSYS}},
    {"perf_event", Target::none, "seccomp", kNo, {EFAULT, EACCES, EPERM}},
    {"shm", Target::none, "seccomp", kNo, kWorks},
    {"settime", Target::none, "seccomp", kNo, kNotTried},
};

class HostileProbe : public PoolTest, public testing::WithParamInterface<Probe> {
 protected:
  HostileProbe() {
    std::filesystem::create_directories(folder / "home");
    std::ofstream(folder / "home" / "gitea_token") << "secret";
  }

  [[nodiscard]] std::string target(pid_t process) const {
    switch (GetParam().target) {
      case Target::none: return "";
      case Target::token: return folder / "home" / "gitea_token";
      case Target::home: return folder / "home";
      case Target::fresh: return folder / "home" / "planted";
      case Target::host: return std::to_string(process);
    }
    return "";
  }
  static Child start(const std::string& program, std::vector<std::string> arguments,
                     const std::filesystem::path& where) {
    return spawn({.program = program,
                  .arguments = std::move(arguments),
                  .environment = {},
                  .folder = where,
                  .descriptors = {}});
  }
  // The same probe by a process of the same user without a cage.
  [[nodiscard]] int tried_without(pid_t bystander) const {
    std::filesystem::create_directories(folder / "plain");
    auto plain =
        start(TIMMY_PROBE, {"timmy-probe", GetParam().name, target(bystander)}, folder / "plain");
    pollfd ended{plain.pidfd(), POLLIN, 0};
    EXPECT_EQ(::poll(&ended, 1, 30'000), 1);
    const auto exit = plain.reap();
    return exit && !exit->signalled ? exit->number : -1;
  }
};

TEST_P(HostileProbe, W12IsDeniedInTheCageAndOnlyThere) {
  const auto& probe = GetParam();
  (void)result("nothing");
  const auto cage = pool().cage();
  ASSERT_EQ(cage->in_force(probe.layer), kernel_has(probe.layer)) << cage->missing();
  if (!kernel_has(probe.layer)) GTEST_SKIP() << "this kernel lacks " << cage->missing();
  EXPECT_THAT(
      result("probe", {{"probe", probe.name}, {"target", target(::getpid())}}).value("errno", -1),
      AnyOfArray(probe.denied));
  EXPECT_EQ(read_file(folder / "home" / "gitea_token", 100), "secret");
  EXPECT_FALSE(std::filesystem::exists(folder / "home" / "planted"));

  if (probe.without.empty()) return;
  const Child bystander = start("/bin/sleep", {"sleep", "60"}, "/");
  EXPECT_THAT(tried_without(bystander.pid()), AnyOfArray(probe.without))
      << "it fails without a cage, too: the test above proves nothing";
}

INSTANTIATE_TEST_SUITE_P(W12, HostileProbe, testing::ValuesIn(kProbes),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace host
