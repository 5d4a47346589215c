// SPDX-License-Identifier: Apache-2.0
//
// Row W12 of the fault matrix: what a hostile plugin tries against its host, and is denied. Each
// probe is also made where it must succeed, so that a probe which always fails proves nothing.
#include <gmock/gmock.h>
#include <sys/prctl.h>

#include <fstream>

#include "workers/pool_fixture.hpp"

namespace host {
namespace {

class PoolCage : public PoolTest {
 protected:
  PoolCage() {
    // A home with the host's things in it, as they would lie there.
    std::filesystem::create_directories(folder / "home");
    for (const auto* name : {"gitea_token", "host.db", "cookie"})
      std::ofstream(folder / "home" / name) << "secret";
    // As the host does at its start.
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  }
  ~PoolCage() override { ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }

  int tried(const std::string& probe, const std::string& target = "") {
    const auto answer = result("probe", {{"probe", probe}, {"target", target}});
    const int error = answer.value("errno", -1);
    EXPECT_NE(error, -1) << "no such probe: " << probe;
    return error;
  }
  [[nodiscard]] std::string home(const char* name) const { return folder / "home" / name; }
  [[nodiscard]] bool in_force(const char* layer) {
    (void)result("nothing");
    if (pool().cage()->in_force(layer)) return true;
    std::cerr << "SKIPPED ALOUD: this kernel lacks " << pool().cage()->missing() << "\n";
    return false;
  }
  static constexpr auto kSelf = [] { return std::to_string(::getpid()); };
};

// Landlock answers EXDEV when something would get into a folder with other rights.
#define EXPECT_DENIED(...) EXPECT_THAT(tried(__VA_ARGS__), testing::AnyOf(EPERM, EACCES, EXDEV))

TEST_F(PoolCage, W12EveryLayerIsInForceOnThisKernelOrNamed) {
  (void)result("nothing");
  const auto cage = pool().cage();
  ASSERT_TRUE(cage);
  EXPECT_EQ(cage->layers.size(), 8u);
  for (const auto* layer : {"environment", "descriptors", "capabilities", "no_new_privs", "limits"})
    EXPECT_TRUE(cage->in_force(layer)) << layer;
  if (cage->missing().empty()) return;
  EXPECT_THAT(*log, testing::Contains(testing::HasSubstr("caged without: " + cage->missing())));
}

TEST_F(PoolCage, W12ReadsNoTokenFile) {
  if (!in_force("landlock")) return;
  EXPECT_DENIED("read", home("gitea_token"));
  EXPECT_DENIED("symlink_read", home("gitea_token"));
  EXPECT_DENIED("list", home(""));
  EXPECT_DENIED("read", "/etc/passwd");
  EXPECT_EQ(tried("read", "/usr/share/zoneinfo/UTC"), 0);
  EXPECT_EQ(tried("read", "/etc/ld.so.cache"), 0);
}

TEST_F(PoolCage, W12ReadsNoMemoryAndNoEnvironmentOfTheHost) {
  EXPECT_DENIED("read", "/proc/" + kSelf() + "/mem");
  EXPECT_DENIED("read", "/proc/" + kSelf() + "/environ");
  EXPECT_DENIED("process_vm_readv", kSelf());
  EXPECT_DENIED("ptrace", kSelf());
}

TEST_F(PoolCage, W12DoesNotTouchTheDatabase) {
  const auto database = home("host.db");
  for (const auto* probe : {"read", "write", "unlink", "rename", "link"})
    if (in_force("landlock")) {
      EXPECT_DENIED(probe, database) << probe;
    }
  for (const auto* probe : {"truncate", "open_truncate", "open_truncate_no_access", "chmod",
                            "fchmodat2", "chown", "setxattr"})
    EXPECT_DENIED(probe, database) << probe;
  EXPECT_EQ(tried("openat2_truncate", database), ENOSYS);
  EXPECT_EQ(read_file(database, 100), "secret");
}

TEST_F(PoolCage, W12ChangesNoMetadataOfWhatItMayRead) {
  std::filesystem::create_directories(folder / "granted");
  std::ofstream(folder / "granted" / "file") << "kept";
  spec->readable = {folder / "granted"};
  const auto file = folder / "granted" / "file";
  EXPECT_EQ(tried("read", file), 0);
  for (const auto* probe :
       {"truncate", "open_truncate", "open_truncate_no_access", "chmod", "setxattr"})
    EXPECT_DENIED(probe, file) << probe;
  if (in_force("landlock")) {
    EXPECT_DENIED("write", file);
  }
  EXPECT_EQ(read_file(file, 100), "kept");
}

TEST_F(PoolCage, W12RunsNoProgramAndStartsNoProcess) {
  if (!in_force("seccomp")) return;
  for (const auto* probe : {"exec", "exec_memfd", "spawn", "fork", "vfork_clone", "unshare"})
    EXPECT_EQ(tried(probe), EPERM) << probe;
  EXPECT_EQ(tried("clone3"), ENOSYS);
  EXPECT_EQ(tried("thread"), 0) << "threads still work";
}

TEST_F(PoolCage, W12OpensNoSocket) {
  if (!in_force("seccomp")) return;
  for (const auto* probe : {"socket", "unix_socket", "socketpair"})
    EXPECT_EQ(tried(probe), EPERM) << probe;
}

TEST_F(PoolCage, W12KillsAndSlowsNobody) {
  if (!in_force("seccomp")) return;
  for (const auto* probe : {"kill", "kill_group", "kill_all", "tkill", "tgkill", "sigqueue",
                            "pidfd", "prlimit", "setpriority", "setown", "setown_high_bits"})
    EXPECT_EQ(tried(probe, kSelf()), EPERM) << probe;
  for (const auto* probe : {"pdeathsig", "dumpable"}) EXPECT_EQ(tried(probe), EPERM) << probe;
}

TEST_F(PoolCage, W12ReachesNoOtherCornerOfTheKernel) {
  if (!in_force("seccomp")) return;
  for (const auto* probe :
       {"mount", "bpf", "keyctl", "io_uring", "userfaultfd", "perf_event", "shm", "settime"})
    EXPECT_EQ(tried(probe, "/tmp"), EPERM) << probe;
}

TEST_F(PoolCage, W12WritesOnlyToItsScratchAndToWhatIsGranted) {
  if (!in_force("landlock")) return;
  EXPECT_EQ(tried("create", "inside"), 0);
  EXPECT_EQ(tried("mkdir", "folder"), 0);
  EXPECT_DENIED("create", (folder / "outside").string());
  EXPECT_DENIED("create", "/tmp/timmy-outside");
  EXPECT_DENIED("mkdir", (folder / "scratch" / "beside").string());
  EXPECT_FALSE(std::filesystem::exists(folder / "outside"));

  std::filesystem::create_directories(folder / "stamps");
  spec = make_spec();
  spec->writable = {folder / "stamps"};
  EXPECT_EQ(tried("create", (folder / "stamps" / "stamp").string()), 0);
}

TEST_F(PoolCage, AGrantThatHoldsTheHostsOwnFilesIsRefused) {
  settings.forbidden.whole = {folder / "home"};
  for (const auto& path : {folder / "home", folder.path(), std::filesystem::path("/"),
                           folder / "home" / ".." / "home/"}) {
    spec = make_spec();
    spec->readable = {path};
    const auto ended = verdict(submit("nothing"));
    EXPECT_EQ(ended.code, "not_granted") << path;
    EXPECT_TRUE(ended.permanent);
  }
  std::filesystem::create_directories(folder / "home" / "stamps");
  spec = make_spec();
  spec->writable = {folder / "home" / "stamps"};
  EXPECT_EQ(name_of(verdict(submit("nothing"))), "completed")
      << "a folder in it that holds none of them";
}

TEST_F(PoolCage, ALinkThatAPluginPlantedOnTheWayToAGrantLeadsNowhere) {
  std::filesystem::create_directories(folder / "secret");
  std::filesystem::create_directories(folder / "shared");
  std::filesystem::create_directory_symlink(folder / "secret", folder / "shared" / "notes");
  spec = make_spec();
  spec->readable = {folder / "shared" / "notes"};
  EXPECT_EQ(verdict(submit("nothing")).code, "not_granted");
}

TEST_F(PoolCage, AGrantedPathThatIsNotThereIsNamed) {
  spec->readable = {folder / "missing"};
  (void)result("nothing");
  if (!in_force("landlock")) return;
  EXPECT_THAT(*log, testing::Contains(testing::HasSubstr("missing: No such file")));
}

TEST_F(PoolCage, CanBeAskedAboutWithoutAPlugin) {
  const auto report = probe_cage(TIMMY_WORKER);
  (void)result("nothing");
  EXPECT_EQ(report.missing(), pool().cage()->missing());
  EXPECT_EQ(report.layers.size(), 8u);
}

}  // namespace
}  // namespace host
