// SPDX-License-Identifier: Apache-2.0
//
// What a program that means harm can reach from its run.
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include "runs/run_bench.hpp"

namespace host::runs {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class RunCage : public RunBench {
 protected:
  // Skips where the kernel has no such layer.
  bool needs(const InForce::Layer& layer, const char* name) {
    if (!layer.in_force) skipped_ = std::string(name) + " can't be had here: " + layer.detail;
    return layer.in_force;
  }
  InForce probe() {
    EXPECT_EQ(run(spec({"exit", "0"})).kind, RunEnding::Kind::exited);
    return in_force_.value_or(InForce{});
  }
  std::string skipped_;
};

// A socket of the host's that listens.
Fd listen_unix(const std::string& name) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, name.size());
  socklen_t size = sizeof address;
  if (name[0] == '@') {
    address.sun_path[0] = '\0';
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  }
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(socket.get(), 1), 0);
  return socket;
}

TEST_F(RunCage, LetsItWriteInItsFolders) {
  EXPECT_EQ(outcome(spec({"write", clone() / "file"})), "write: done\n");
  EXPECT_EQ(outcome(spec({"write", folder_ / "scratch" / "file"})), "write: done\n");
  EXPECT_EQ(outcome(spec({"write", folder_ / "scratch" / "tmp" / "file"})), "write: done\n");
}

TEST_F(RunCage, LetsItWriteNowhereElse) {
  const auto beside = folder_ / "beside";
  std::ofstream(beside) << "kept";
  for (const char* path :
       {"/usr/bin/timmy-evil", "/etc/timmy-evil", "/proc/sys/kernel/core_pattern"})
    EXPECT_THAT(outcome(spec({"write", path})),
                AnyOf("write: ENOENT\n", "write: EACCES\n", "write: EROFS\n", "write: EPERM\n"))
        << path;
  // Below /tmp it may be told that it did: there it has a /tmp of its own.
  (void)outcome(spec({"write", beside}));
  (void)outcome(spec({"write", folder_ / "new"}));
  (void)outcome(spec({"cut", beside}));
  EXPECT_EQ(read_file(beside, 100), "kept");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "new"));
}

TEST_F(RunCage, HidesHomesAndWhatIsNotAllowed) {
  const auto secret = folder_ / "secret";
  std::ofstream(secret) << "token";
  EXPECT_THAT(outcome(spec({"read", secret})), AnyOf("read: ENOENT\n", "read: EACCES\n"));
  EXPECT_THAT(outcome(spec({"read", "/root"})), AnyOf("read: ENOENT\n", "read: EACCES\n"));
  EXPECT_THAT(outcome(spec({"read", "/etc/shadow"})), AnyOf("read: ENOENT\n", "read: EACCES\n"));
  if (!needs(probe().private_root, "a root of its own")) GTEST_SKIP() << skipped_;
  EXPECT_EQ(outcome(spec({"look", secret})), "look: ENOENT\n");
  EXPECT_EQ(outcome(spec({"look", "/root"})), "look: ENOENT\n");
}

TEST_F(RunCage, ShowsWhatIsAllowedAndNotMore) {
  std::filesystem::create_directory(folder_ / "library");
  std::ofstream(folder_ / "library" / "file") << "x";
  auto made = spec({"read", folder_ / "library" / "file"});
  made.readable.push_back(folder_ / "library");
  EXPECT_EQ(outcome(made), "read: done\n");
  made = spec({"write", folder_ / "library" / "file"});
  made.readable.push_back(folder_ / "library");
  EXPECT_THAT(outcome(made), AnyOf("write: EROFS\n", "write: EACCES\n"));
}

TEST_F(RunCage, NotesWhatIsAllowedAndNotThere) {
  auto made = spec({"exit", "0"});
  made.readable.push_back(folder_ / "missing");
  EXPECT_THAT(run(made).in_force.notes, testing::Contains(HasSubstr("missing")));
}

TEST_F(RunCage, FollowsNoLinkThatAnEarlierRunLeft) {
  std::filesystem::create_directory(folder_ / "beside");
  std::filesystem::create_directory_symlink(folder_ / "beside", folder_ / "scratch" / "tmp");
  const auto ending = run(spec({"write", "/tmp/evil"}));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "beside" / "evil")) << ending.evidence;
}

TEST_F(RunCage, KeepsTheHostsSocketsFromIt) {
  const auto path = folder_ / "host.sock";
  const auto with_path = listen_unix(path);
  const auto abstract = listen_unix("@timmy-test-" + std::to_string(::getpid()));
  EXPECT_THAT(outcome(spec({"unix", path})),
              AnyOf("unix: ENOENT\n", "unix: EACCES\n", "unix: EAFNOSUPPORT\n"));
  EXPECT_THAT(outcome(spec({"unix", "@timmy-test-" + std::to_string(::getpid())})),
              AnyOf("unix: ECONNREFUSED\n", "unix: EPERM\n", "unix: EAFNOSUPPORT\n"));
}

TEST_F(RunCage, DeniesTheCallsThatLeadOut) {
  const auto said = outcome(spec({"calls"}));
  for (const char* call : {"ptrace", "mount", "umount", "unshare", "clone", "setns", "keyctl",
                           "chroot", "vsock", "packet"})
    EXPECT_THAT(said, AnyOf(HasSubstr(std::string(call) + ": EPERM\n"),
                            HasSubstr(std::string(call) + ": EACCES\n"),
                            HasSubstr(std::string(call) + ": EAFNOSUPPORT\n")));
}

TEST_F(RunCage, LeavesWhatToolsNeed) {
  const auto said = outcome(spec({"work"}));
  EXPECT_THAT(said, HasSubstr("thread: done\n"));
  EXPECT_THAT(said, HasSubstr("socketpair: done\n"));
  EXPECT_THAT(said, HasSubstr("exec: done\n"));
  EXPECT_THAT(said, HasSubstr("rename: done\n"));
  if (!needs(probe().private_root, "a root of its own")) GTEST_SKIP() << skipped_;
  EXPECT_THAT(said, HasSubstr("terminal: done\n"));
}

TEST_F(RunCage, GivesItNoOtherEnvironment) {
  ::setenv("TIMMY_TEST_SECRET", "leaked", 1);
  auto made = spec({"environment"});
  made.environment = {{"PATH", "/usr/bin"}, {"WORD", "one two"}};
  EXPECT_EQ(outcome(made), "PATH=/usr/bin\nWORD=one two\n");
  ::unsetenv("TIMMY_TEST_SECRET");
}

TEST_F(RunCage, GivesItNoOtherDescriptors) {
  const Fd leak(::dup(2));  // inheritable
  EXPECT_EQ(outcome(spec({"descriptors"})), "fd 0\nfd 1\nfd 2\n");
}

TEST_F(RunCage, GivesItItsStandardInput) {
  std::ofstream(folder_ / "prompt") << "fix it\n";
  auto made = spec({"copy"});
  made.input = folder_ / "prompt";
  EXPECT_EQ(outcome(made), "fix it\n");
}

TEST_F(RunCage, ShowsItNoOtherProcesses) {
  const auto in_force = probe();
  if (!needs(in_force.pid_namespace, "a pid namespace")) GTEST_SKIP() << skipped_;
  EXPECT_EQ(outcome(spec({"processes"})), "process 1\nprocess 2\n");
}

TEST_F(RunCage, BlotsKnownSecretsOutOfItsOutput) {
  redactor_->add(Secret("s3cr3t-value"));
  const auto made = spec({"print", "key s3cr3t-value!"});
  EXPECT_EQ(outcome(made), "key [redacted]!\n");
  EXPECT_THAT(read_file(folder_ / "runs" / made.id / "output.log", 1000), Not(HasSubstr("s3cr3t")));
}

TEST_F(RunCage, IsFollowedLive) {
  const auto made = spec({"print-and-wait", "one", "two"});
  std::string seen;
  std::uint64_t offset = 0;
  bool ended = false;
  std::function<void(Result<OutputPiece>)> next = [&](Result<OutputPiece> piece) {
    ASSERT_TRUE(piece.ok()) << piece.error().what();
    seen += piece.value().text;
    offset = piece.value().next;
    ended = piece.value().ended;
    if (seen.find("two\n") != std::string::npos) runner_->cancel(made.id, "seen");
    if (!ended) runner_->follow(made.id, offset, std::chrono::seconds(30), next);
  };
  start(made);
  runner_->follow(made.id, 0, std::chrono::seconds(30), next);
  EXPECT_TRUE(run_until([&] { return ended; }));
  EXPECT_EQ(seen, "one\ntwo\n");
}

}  // namespace
}  // namespace host::runs
