// SPDX-License-Identifier: Apache-2.0
//
// Row P4: somebody puts other bytes in the place of a plugin that host.yaml pins, or that must be
// signed.
#include <gmock/gmock.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/test_signer.hpp"
#include "faults/fault_bench.hpp"

namespace host::faults {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class TrustFaultTest : public FaultBench {
 protected:
  // As an installer does it: whole, by a rename.
  void install(const std::filesystem::path& from) const {
    const auto beside = file_.parent_path() / ".echo.so";
    std::filesystem::copy(from, beside);
    std::filesystem::rename(beside, file_);
  }
  void sign(const TestSigner& signer, const std::filesystem::path& bytes) const {
    write_atomically(file_.string() + ".sig", signer.signature_of(read_file(bytes, 1u << 28)));
  }
  void reload(const Json& defaults) {
    write_config({{"defaults", defaults}});
    if (host_) client().post("/v1/reload");
  }

  [[nodiscard]] Json plugin() const {
    const Json report = client().get("/v1/plugins");
    for (const auto& each : report["plugins"])
      if (each["id"] == "echo") return each;
    return Json::object();
  }
  [[nodiscard]] std::string state() const { return plugin().value("state", "gone"); }
  [[nodiscard]] std::string build() {
    return wait_for(enqueue("echo"))["result"]["build"].get<std::string>();
  }
  void expect_refused(const std::string& why) {
    ASSERT_TRUE(eventually([&] { return state() == "refused"; })) << plugin().dump(2);
    EXPECT_THAT(plugin()["reason"].get<std::string>(), HasSubstr(why));
    EXPECT_THAT(log(), HasSubstr(why)) << "not announced";
    EXPECT_THROW(enqueue("echo"), Error);
  }

  // Beside the programs: a folder in everybody's /tmp is only taken when --plugin-dir names it, and
  // then it is an author's.
  TestFolder installed_{std::filesystem::path(TIMMY_BIN).parent_path()};
  std::filesystem::path file_ = installed_ / "echo.so";
};

TEST_F(TrustFaultTest, P4_SwappedBytesUnderAPinNeverRunAndTheHostSaysSo) {
  plugin_dirs_ = {installed_.path()};  // an author's folder: a pin counts there, too
  install(TIMMY_ECHO);
  start();
  const std::string pin = plugin()["sha256"];
  const Json pinned{{"plugins", {{"echo", {{"sha256", pin}}}}}};
  reload(pinned);
  EXPECT_EQ(build(), "first");

  const auto running = enqueue("echo_wait", {{"ms", 500}});
  ASSERT_TRUE(eventually([&] { return client().get("/v1/status")["running"] == 1; }));
  install(TIMMY_ECHO_NEXT);
  expect_refused("pins " + pin);
  EXPECT_THAT(plugin()["fix"].get<std::string>(),
              AllOf(HasSubstr("Put the pinned file back"),
                    HasSubstr("sha256: " + plugin()["sha256"].get<std::string>())));
  EXPECT_EQ(wait_for(running)["result"]["build"], "first") << "what ran ends on the old bytes";

  // A job that waits when the bytes are others waits on, also over a restart.
  install(TIMMY_ECHO);
  ASSERT_TRUE(eventually([&] { return state() == "ready"; }));
  const auto waiting = enqueue("echo_wait", {{"ms", 500}});
  ASSERT_TRUE(eventually([&] { return client().get("/v1/status")["running"] == 1; }));
  kill();
  install(TIMMY_ECHO_NEXT);
  start();
  expect_refused("pins " + pin);
  install(TIMMY_ECHO);
  const Json done = wait_for(waiting);
  EXPECT_EQ(done["state"], "completed") << done.dump(2);
  EXPECT_EQ(done["result"]["build"], "first") << "the swapped bytes ran";
  EXPECT_EQ(count("SELECT count(*) FROM jobs WHERE result LIKE '%next%'"), 0);
  stop();
  check_invariants();
}

TEST_F(TrustFaultTest, P4_OnlySignedBytesRunAndAKeyThatIsTakenAwayStopsThem) {
  plugin_dirs_ = {};
  const TestSigner alice, bob;
  const auto trusting = [&](const std::string& name, const TestSigner& whose) {
    return Json{{"plugin_dirs", {installed_.path().string()}},
                {"trust", {{"require_signature", true}, {"keys", {{name, whose.key().base64()}}}}}};
  };
  install(TIMMY_ECHO);
  sign(alice, TIMMY_ECHO);
  reload(trusting("alice", alice));
  start();
  EXPECT_EQ(plugin()["signed_by"], "alice");
  EXPECT_EQ(build(), "first");

  install(TIMMY_ECHO_NEXT);
  expect_refused("is no signature of these bytes by a key of ");
  sign(bob, TIMMY_ECHO_NEXT);
  reload(trusting("alice", alice));
  EXPECT_EQ(state(), "refused") << "anybody can sign";
  sign(alice, TIMMY_ECHO_NEXT);
  ASSERT_TRUE(eventually([&] { return state() == "ready"; })) << "a new signature is not seen";
  EXPECT_EQ(build(), "next");

  reload(trusting("bob", bob));
  expect_refused(": bob");
  reload(trusting("alice", alice));
  EXPECT_EQ(build(), "next");
  std::filesystem::remove(file_.string() + ".sig");
  expect_refused("is not signed");
  stop();
  check_invariants();
}

}  // namespace
}  // namespace host::faults
