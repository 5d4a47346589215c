// SPDX-License-Identifier: Apache-2.0
//
// A disk that is full when a gate brings about what it is for: the item waits and says why, nobody
// pays for it with an attempt, nothing is half done, and it goes on when there is room.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "e2e/dispatch_bench.hpp"
#include "faults/own_mounts.hpp"

namespace host::faults {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;

enum class Place { mirrors, clones, runs, attempts };

struct FullDisk {
  Place place;        // whose disk is full
  const char* point;  // from there on
  int attempts = 0;   // that the item has had by then
};

std::ostream& operator<<(std::ostream& out, const FullDisk& disk) {
  constexpr std::array kNames{"mirrors", "clones", "runs", "attempts"};
  return out << kNames.at(static_cast<std::size_t>(disk.place)) << " at " << disk.point;
}

// In the order in which an item passes them.
constexpr std::array kFullDisks{
    FullDisk{Place::mirrors, "dispatch.track"},
    FullDisk{Place::clones, "dispatch.track"},
    FullDisk{Place::clones, "workspaces.clone_fetched"},
    FullDisk{Place::attempts, "dispatch.run_named"},
    FullDisk{Place::runs, "dispatch.run_named"},
    FullDisk{Place::attempts, "dispatch.run_ended"},
    FullDisk{Place::clones, "dispatch.run_ended"},
    FullDisk{Place::mirrors, "dispatch.bundled"},
    FullDisk{Place::mirrors, "workspaces.objects_kept"},
    FullDisk{Place::clones, "dispatch.verify", 1},
    FullDisk{Place::mirrors, "dispatch.report", 1},
};

class FullDiskTest : public DispatchBench {
 protected:
  void SetUp() override {
    if (!inside_own_mounts()) return;
    DispatchBench::SetUp();
    for (const auto& folder : folders_) {
      make_directories(folder, 0700);
      // More than the host keeps free. No page is taken before it is written to.
      ASSERT_EQ(::mount("tmpfs", folder.c_str(), "tmpfs", 0, kRoom), 0) << std::strerror(errno);
      fs::permissions(folder, fs::perms::owner_all);
    }
  }
  [[nodiscard]] const fs::path& folder(Place place) const {
    return folders_.at(static_cast<std::size_t>(place));
  }
  static void resize(const fs::path& disk, const std::string& size) {
    ASSERT_EQ(::mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, size.c_str()), 0)
        << disk << ": " << std::strerror(errno);
  }
  // To the last page, by a file that nobody sees. What is there stays.
  [[nodiscard]] static Fd fill(const fs::path& disk) {
    struct statvfs now {};
    EXPECT_EQ(::statvfs(disk.c_str(), &now), 0);
    const auto used = (now.f_blocks - now.f_bfree) * now.f_frsize;
    resize(disk, "size=" + std::to_string(used + 16 * now.f_frsize));
    Fd ballast(::open(disk.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    off_t size = 0;
    while (::fallocate(ballast.get(), 0, size, static_cast<off_t>(now.f_frsize)) == 0)
      size += static_cast<off_t>(now.f_frsize);
    EXPECT_EQ(errno, ENOSPC);
    return ballast;
  }
  // A host that waits at this point until it is let go.
  void start_and_wait_at(const std::string& point,
                         std::map<std::string, std::string> environment = {}) {
    fs::remove(go_);
    fs::remove(reached_);
    environment.insert({{"TIMMY_FAILPOINT", point + ":1=pause"},
                        {"TIMMY_FAILPOINT_GO", go_},
                        {"TIMMY_FAILPOINT_LOG", reached_}});
    start_host(std::move(environment), false);
    ASSERT_TRUE(eventually([&] {
      return fs::exists(reached_) && read_file(reached_, 1 << 16).find(point) != std::string::npos;
    })) << point
        << log();
  }
  void let_go() const { put(go_, ""); }
  void wait_for_room(const FullDisk& disk) {
    SCOPED_TRACE(::testing::PrintToString(disk));
    start_and_wait_at(disk.point);
    auto ballast = fill(folder(disk.place));
    let_go();
    EXPECT_TRUE(eventually([&] {
      const Json now = item();
      return now.is_object() && now["state"] != "running" && !now["reason"].is_null();
    }));
    const Json now = item();
    EXPECT_EQ(now["state"], "waiting") << to_text(now) << log();
    EXPECT_THAT(to_text(now["reason"]), HasSubstr("space")) << to_text(now);
    EXPECT_EQ(now["attempts"], disk.attempts) << to_text(now) << log();
    EXPECT_THAT(pulls(), IsSubsetOf({std::string("timmy/issue-9")}));
    stop();
    ballast.reset();
    resize(folder(disk.place), kRoom);
    let_time_pass();
    check_invariants();
  }

  static constexpr const char* kRoom = "size=2g";
  std::array<fs::path, 4> folders_{paths_.mirrors(), paths_.clones(), paths_.runs(),
                                   paths_.attempts()};
  fs::path go_ = folder_ / "go";
  fs::path reached_ = folder_ / "reached";
};

TEST_F(FullDiskTest, IsWaitedForAtEachEffectAndCostsNoAttempt) {
  if (number_ == 0) return;
  agent_is(kFix);
  for (const auto& disk : kFullDisks) {
    wait_for_room(disk);
    if (HasFailure()) return;
  }
  start_host();
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  EXPECT_EQ(item()["attempts"], 1);
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
  EXPECT_EQ(bare_git({"show", "timmy/issue-9:main.txt"}), "return 0\n");
}

class FullStoreTest : public FullDiskTest {
 protected:
  void SetUp() override { DispatchBench::SetUp(); }
};

// What it knows of the item can't be written, so nothing more is done about it.
TEST_F(FullStoreTest, IsWaitedForWithWhatIsKnownOfTheItem) {
  agent_is(kFix);
  fail({});
  start_and_wait_at("dispatch.taken_in", failing_environment());
  fail({{"disk", ENOSPC}});
  let_go();
  ASSERT_TRUE(eventually([&] { return client().get("/v1/status")["store"]["writable"] == false; }));
  EXPECT_EQ(item()["gate"], "track");
  EXPECT_THAT(pulls(), ::testing::IsEmpty());
  fail({});
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  EXPECT_EQ(item()["attempts"], 1);
  EXPECT_EQ(item()["runs"], 1);
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
}

}  // namespace
}  // namespace host::faults
