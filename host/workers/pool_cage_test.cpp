// SPDX-License-Identifier: Apache-2.0
//
// Row W12 of the fault matrix: what a worker may do all the same, and how the cage is reported. The
// probes themselves are in hostile_probe_test.cpp.
#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <fstream>
#include <map>

#include "workers/pool_fixture.hpp"
#include "workers/test_kernel.hpp"

namespace host {
namespace {

class PoolCage : public PoolTest {
 protected:
  PoolCage() {
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
  [[nodiscard]] bool in_force(const char* layer) {
    (void)result("nothing");
    return pool().cage()->in_force(layer);
  }
  static constexpr auto kSelf = [] { return std::to_string(::getpid()); };
};

// For what a kernel without the layer can't show.
#define NEEDS(layer)                                                         \
  ASSERT_EQ(in_force(layer), kernel_has(layer)) << pool().cage()->missing(); \
  if (!kernel_has(layer)) GTEST_SKIP() << "this kernel lacks " << pool().cage()->missing()

// Landlock answers EXDEV when something would get into a folder with other rights.
#define EXPECT_DENIED(...) EXPECT_THAT(tried(__VA_ARGS__), testing::AnyOf(EPERM, EACCES, EXDEV))

TEST_F(PoolCage, W12EveryLayerIsInForceOnThisKernelOrNamed) {
  (void)result("nothing");
  const auto cage = pool().cage();
  ASSERT_TRUE(cage);
  EXPECT_EQ(cage->layers.size(), 8u);
  for (const auto* layer : {"environment", "descriptors", "capabilities", "no_new_privs", "limits"})
    EXPECT_TRUE(cage->in_force(layer)) << layer;
  for (const auto* layer : {"landlock", "seccomp"})
    EXPECT_EQ(cage->in_force(layer), kernel_has(layer)) << layer << ": " << cage->missing();
  if (cage->missing().empty()) return;
  EXPECT_THAT(*log, testing::Contains(testing::HasSubstr("caged without: " + cage->missing())));
}

// By the kernel's word, from outside.
TEST_F(PoolCage, W12TheKernelKnowsAWorkerWithoutPrivilegesAndWithAFilter) {
  (void)result("nothing");
  std::ifstream status("/proc/" + std::to_string(pool().stats().workers.at(0).pid) + "/status");
  std::map<std::string, std::string> lines;
  for (std::string line; std::getline(status, line);) {
    const auto colon = line.find(":\t");
    if (colon != std::string::npos) lines[line.substr(0, colon)] = line.substr(colon + 2);
  }
  const std::string none(16, '0');
  for (const auto* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
    EXPECT_EQ(lines[set], none) << set;
  EXPECT_EQ(lines["NoNewPrivs"], "1");
  EXPECT_EQ(lines["Seccomp"], "2") << "no filter";
}

TEST_F(PoolCage, W12NothingOfTheHostsEnvironmentOrFilesIsInAWorker) {
  ::setenv("TIMMY_TEST_SECRET", "secret", 1);
  std::ofstream(folder / "secret") << "secret";
  const Fd left_open(::open((folder / "secret").c_str(), O_RDONLY));  // without O_CLOEXEC
  struct stat secret {};
  ASSERT_EQ(::fstat(left_open.get(), &secret), 0);
  const Json seen = result("self");
  ::unsetenv("TIMMY_TEST_SECRET");
  EXPECT_THAT(seen["environment"],
              testing::UnorderedElementsAre("PATH", "LANG", "HOME", "TMPDIR", "TIMMY_SCRATCH"));
  for (const auto& each : seen["open"])
    EXPECT_FALSE(each["device"] == secret.st_dev && each["inode"] == secret.st_ino) << each;
  // 0 to 2, the channel and what waits for it, and the three by which a worker watches itself.
  EXPECT_EQ(seen["open"].size(), 8u) << seen["open"];
}

TEST_F(PoolCage, W12ReadsWhatEveryProgramNeedsAndNotWhatIsBesideIt) {
  NEEDS("landlock");
  EXPECT_DENIED("read", "/etc/passwd");
  EXPECT_EQ(tried("read", "/usr/share/zoneinfo/UTC"), 0);
  EXPECT_EQ(tried("read", "/etc/ld.so.cache"), 0);
  EXPECT_EQ(tried("thread"), 0) << "threads still work";
}

TEST_F(PoolCage, W12ReadsNoMemoryAndNoEnvironmentOfTheHost) {
  EXPECT_DENIED("read", "/proc/" + kSelf() + "/mem");
  EXPECT_DENIED("read", "/proc/" + kSelf() + "/environ");
}

TEST_F(PoolCage, W12ChangesNoMetadataOfWhatItMayRead) {
  std::filesystem::create_directories(folder / "granted");
  std::ofstream(folder / "granted" / "file") << "kept";
  NEEDS("landlock");
  spec = make_spec();
  spec->readable = {folder / "granted"};
  const auto file = folder / "granted" / "file";
  EXPECT_EQ(tried("read", file), 0);
  for (const auto* probe :
       {"truncate", "open_truncate", "open_truncate_no_access", "chmod", "setxattr"})
    EXPECT_DENIED(probe, file) << probe;
  EXPECT_DENIED("write", file);
  EXPECT_EQ(read_file(file, 100), "kept");
}

TEST_F(PoolCage, W12WritesOnlyToItsScratchAndToWhatIsGranted) {
  NEEDS("landlock");
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
  NEEDS("landlock");
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
