// SPDX-License-Identifier: Apache-2.0
//
// Rows S6, S7, I1 and I2: what a host may find on the disk when it starts.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "faults/fault_bench.hpp"

namespace host::faults {
namespace {

using ::testing::HasSubstr;

constexpr int kDataError = 65;  // sysexits(3)
constexpr int kConfigError = 78;

class StateFaultTest : public FaultBench {
 protected:
  // A database with a job in it, of a host that has stopped.
  std::string sound_database() {
    start();
    EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed");
    stop();
    return bytes();
  }
  [[nodiscard]] std::string bytes() const { return read_file(paths_.database(), 1 << 26); }
  // With the sound database back in its place nothing is lost.
  void restore(const std::string& good) {
    write_atomically(paths_.database(), good, 0600);
    start();
    stop();
    check_invariants();
  }
};

TEST_F(StateFaultTest, S6_ADamagedOrForeignDatabaseIsRefusedAndLeftAlone) {
  struct Damage {
    const char* what;
    std::string bytes;
    const char* way_out;
  };
  const auto good = sound_database();
  for (const auto& [what, damaged, way_out] : std::vector<Damage>{
           {"bad header", "garbage garbage " + good.substr(16), "from a backup"},
           {"half a file", good.substr(0, good.size() / 2), "from a backup"},
           {"random pages", good.substr(0, 8192) + std::string(8192, '\x5a') + good.substr(16384),
            "from a backup"},
           {"somebody else's", good.substr(0, 68) + std::string("ABCD") + good.substr(72),
            "TIMMY_HOME elsewhere"},
           {"a newer schema", good.substr(0, 60) + std::string("\0\0\0\x63", 4) + good.substr(64),
            "newer timmy-host"}}) {
    SCOPED_TRACE(what);
    clear_log();
    write_atomically(paths_.database(), damaged, 0600);
    EXPECT_EQ(refused_start(), kDataError);
    EXPECT_THAT(log(), HasSubstr(way_out));
    EXPECT_EQ(bytes(), damaged) << "the database was touched";
  }
  restore(good);
}

TEST_F(StateFaultTest, S7_AnEmptiedOrMissingDatabaseIsNotTakenForAFreshOne) {
  const auto good = sound_database();
  for (const bool missing : {false, true}) {
    SCOPED_TRACE(missing);
    clear_log();
    write_atomically(paths_.database(), "", 0600);
    if (missing) std::filesystem::remove(paths_.database());
    EXPECT_EQ(refused_start(), kDataError);
    EXPECT_THAT(log(), HasSubstr("--init"));
    EXPECT_EQ(std::filesystem::exists(paths_.database()), !missing) << "a fresh one was made";
  }
  restore(good);
}

TEST_F(StateFaultTest, I1_ABrokenConfigEndsWith78AndItsLines) {
  for (const char* text :
       {"defaults: {", "defaults:\n\tx: 1", "a: &x 1\nb: *x", "defaults: {}\ndefaults: {}"}) {
    SCOPED_TRACE(text);
    clear_log();
    std::ofstream(paths_.host_yaml()) << text;
    EXPECT_EQ(refused_start(), kConfigError);
    EXPECT_THAT(log(), HasSubstr("host.yaml:"));
  }
  check_invariants();
}

TEST_F(StateFaultTest, I2_ATokenThatOthersCanReadIsNeverSent) {
  const auto token = paths_.hermes_home / "gitea_token";
  ::chmod(token.c_str(), 0644);
  start();
  const auto id = enqueue("gitea_issue_triage");
  const auto path = "/v1/jobs/" + std::to_string(id);
  ASSERT_TRUE(eventually([&] { return !client().get(path)["attempts"].empty(); }));
  EXPECT_THAT(client().get(path)["attempts"].dump(), HasSubstr("chmod 600"));
  forge_.with([](forge::Forge& forge) {
    for (const auto& request : forge.requests()) EXPECT_EQ(request.login, "") << request.target;
  });
  stop();
  check_invariants();
}

}  // namespace
}  // namespace host::faults
