// SPDX-License-Identifier: Apache-2.0
#include "deadman/runner.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <future>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/result.hpp"
#include "base/test_folder.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

Ending run(const Errand& errand, const Environment& environment = {}) {
  return ProgramRunner(environment).run(errand);
}

TEST(ProgramRunner, TellsHowAProgramEnded) {
  EXPECT_TRUE(run({.arguments = {"/bin/true"}}).ok);
  const auto failed = run({.arguments = {"/bin/ls", "/no/such/file"}});
  EXPECT_FALSE(failed.ok);
  EXPECT_THAT(failed.text, HasSubstr("status 2: "));
  EXPECT_THAT(failed.text, HasSubstr("/no/such/file"));
  EXPECT_THAT(failed.text, Not(HasSubstr("\n")));
  EXPECT_EQ(run({.arguments = {"/bin/sh", "-c", "echo a; echo b"}}).output, "a\nb\n");
}

TEST(ProgramRunner, OneThatIsNotThereIsAFailureAndNoException) {
  const auto missing = run({.arguments = {"/no/such/program"}});
  EXPECT_FALSE(missing.ok);
  EXPECT_THAT(missing.text, HasSubstr("/no/such/program"));
}

TEST(ProgramRunner, EndsWhatTakesTooLong) {
  const auto hung = run({.arguments = {"/bin/sleep", "100"}, .limit = 50ms});
  EXPECT_FALSE(hung.ok);
  EXPECT_EQ(hung.text, "took longer than 50ms");
  EXPECT_TRUE(hung.late);
  EXPECT_FALSE(run({.arguments = {"/bin/false"}}).late);
}

// Keeps a process from ending, also by SIGKILL, as a wait in the kernel would: whoever traces it is
// asked first, and for a while does not answer.
class Unkillable {
 public:
  // `file`: where the process writes its number.
  explicit Unkillable(const std::filesystem::path& file) {
    int held[2];
    EXPECT_EQ(::pipe2(held, O_CLOEXEC), 0);
    held_ = Fd(held[0]);
    tracer_ = ::fork();
    if (tracer_ == 0) trace(file, held[1]);
    ::close(held[1]);
  }
  Unkillable(const Unkillable&) = delete;
  Unkillable& operator=(const Unkillable&) = delete;
  ~Unkillable() {
    ::kill(tracer_, SIGKILL);
    ::waitpid(tracer_, nullptr, 0);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }
  // Whether it was held.
  bool began() { return ::read(held_.get(), &pid_, sizeof pid_) == sizeof pid_ && pid_ > 0; }
  // "t" is one that waits for its tracer, "Z" one that has ended.
  [[nodiscard]] char state() const {
    const auto stat = attempt(
        [&] { return read_file("/proc/" + std::to_string(pid_) + "/stat", std::size_t{1} << 12); });
    return stat.ok() ? stat.value().at(stat.value().rfind(')') + 2) : ' ';
  }

 private:
  [[noreturn]] static void trace(const std::filesystem::path& file, int held) {
    ::alarm(20);
    pid_t pid = 0;
    while (!(std::ifstream(file) >> pid)) ::sched_yield();
    if (::ptrace(PTRACE_SEIZE, pid, nullptr, PTRACE_O_TRACEEXIT) != 0) pid = -1;
    (void)!::write(held, &pid, sizeof pid);
    for (;;) ::pause();
  }

  Fd held_;
  pid_t tracer_ = -1;
  pid_t pid_ = -1;
};

TEST(ProgramRunner, WhatNotEvenSigkillEndsIsLeftBehind) {
  const TestFolder folder;
  const auto file = folder / "pid";
  Unkillable unkillable(file);
  const auto begun = std::chrono::steady_clock::now();
  const auto hung =
      run({.arguments = {"/bin/sh", "-c", "echo $$ > '" + file.string() + "'; exec sleep 1000"},
           .limit = 3s});
  EXPECT_EQ(hung.text, "took longer than 3s");
  if (!unkillable.began()) GTEST_SKIP() << "this kernel lets no process trace one beside it";
  EXPECT_EQ(unkillable.state(), 't') << "its end was waited for";
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 5s) << "it was given no moment to end";
}

TEST(ProgramRunner, WhereNoProcessIsToBeHadThatIsAFailureAndNoException) {
  const pid_t other = ::fork();
  if (other == 0) {
    // Root has no such limit.
    const rlimit none{0, 0};
    if ((::geteuid() == 0 && ::setuid(65534) != 0) || ::setrlimit(RLIMIT_NPROC, &none) != 0)
      ::_exit(2);
    const auto ending = run({.arguments = {"/bin/true"}});
    const bool said = ending.text.find(std::strerror(EAGAIN)) != std::string::npos;
    ::_exit(!ending.ok && said ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(other, &status, 0), other);
  EXPECT_EQ(status, 0);
}

TEST(ProgramRunner, EndsWhatPrintsWithoutEnd) {
  EXPECT_EQ(run({.arguments = {"/usr/bin/yes"}, .limit = 50ms}).text, "took longer than 50ms");
  EXPECT_TRUE(run({.arguments = {"/bin/sh", "-c", "setsid yes & exit 0"}, .limit = 10s}).ok)
      << "nor is what it left behind waited for";
}

TEST(ProgramRunner, DoesNotWaitForWhoInheritedItsOutput) {
  EXPECT_TRUE(run({.arguments = {"/bin/sh", "-c", "setsid sleep 5 & exit 0"}, .limit = 10s}).ok);
}

TEST(ProgramRunner, AFloodOfOutputIsReadAndForgotten) {
  const auto loud =
      run({.arguments = {"/bin/sh", "-c", "yes | head -c 1000000; echo the end; exit 3"}});
  EXPECT_THAT(loud.text, HasSubstr("the end"));
  EXPECT_LT(loud.text.size(), 1100u);
}

TEST(ProgramRunner, GivesTheInput) {
  const TestFolder folder;
  const auto copy = (folder / "copy").string();
  EXPECT_TRUE(run({.arguments = {"/usr/bin/tee", copy}, .input = "{\"a\":1}\n"}).ok);
  EXPECT_EQ(read_file(copy, 100), "{\"a\":1}\n");
}

TEST(ProgramRunner, RunsNothingThatOthersCouldHaveWritten) {
  const TestFolder folder;
  const auto program = (folder / "alert").string();
  const auto ran = folder / "ran";
  write_atomically(program, "#!/bin/sh\ntouch '" + ran.string() + "'\n", 0755);
  EXPECT_TRUE(run({.arguments = {program}}).ok);
  ASSERT_TRUE(std::filesystem::remove(ran));
  ::chmod(program.c_str(), 0775);
  const auto refused = run({.arguments = {program}});
  EXPECT_FALSE(refused.ok);
  EXPECT_THAT(refused.text, HasSubstr("chmod go-w " + program));
  EXPECT_FALSE(run({.arguments = {"/bin/true"}, .programs = {program}}).ok)
      << "what is started in turn counts as well";
  EXPECT_FALSE(std::filesystem::exists(ran));
}

TEST(ProgramRunner, EachLinkOnTheWayToAProgramIsFollowedOnlyWhereNobodyElseCouldHavePutIt) {
  const TestFolder folder;
  const auto open = folder / "open";
  std::filesystem::create_directory(open);
  std::filesystem::create_symlink("/bin/true", open / "program");
  std::filesystem::create_directory_symlink("/bin", open / "bin");
  std::filesystem::create_symlink("open/program", folder / "near");
  const std::vector<std::string> ways{(open / "program").string(), (open / "bin/true").string(),
                                      (folder / "near").string()};
  for (const auto& way : ways) EXPECT_TRUE(run({.arguments = {way}}).ok) << way;
  EXPECT_NO_THROW(check_program((open / "bin/no-such").string()));
  for (const mode_t mode : {0777, 01777}) {
    ::chmod(open.c_str(), mode);
    for (const auto& way : ways) {
      const auto refused = run({.arguments = {way}});
      EXPECT_FALSE(refused.ok) << way;
      EXPECT_THAT(refused.text, HasSubstr("is a symbolic link, and " + open.string()));
      EXPECT_FALSE(run({.arguments = {"/bin/true"}, .programs = {way}}).ok) << way;
    }
    EXPECT_THROW(check_program((open / "bin/no-such").string()), Error);
  }
}

TEST(ProgramRunner, WhatIsNotThereMustNotBePutThereByOthers) {
  const TestFolder folder;
  EXPECT_NO_THROW(check_program((folder / "later").string()));
  ::chmod(folder.path().c_str(), 0777);
  EXPECT_THROW(check_program((folder / "later").string()), Error);
}

// A file system where every look at what is below /away hangs until it is back.
class AwayProgram : public ::testing::Test {
 protected:
  AwayProgram() {
    check_ = [back = back_.get_future().share(), checks = checks_](const std::string& program) {
      if (!program.starts_with("/away")) return;
      ++*checks;
      back.wait();
    };
  }
  ~AwayProgram() override { come_back(); }
  void come_back() {
    if (!std::exchange(is_back_, true)) back_.set_value();
  }

  std::promise<void> back_;
  bool is_back_ = false;
  std::shared_ptr<std::atomic<int>> checks_ = std::make_shared<std::atomic<int>>(0);
  ProgramRunner::Check check_;
};

TEST_F(AwayProgram, IsAFailureAndHoldsUpNobody) {
  ProgramRunner runner(Environment(), 1ms, check_);
  const auto hung = runner.run({.arguments = {"/away/alert"}});
  EXPECT_FALSE(hung.ok);
  EXPECT_THAT(hung.text, HasSubstr("/away/alert takes too long"));
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(runner.run({.arguments = {"/away/alert"}}).text, hung.text);
  EXPECT_LE(*checks_, 1) << "a thread for each try";
}

TEST_F(AwayProgram, WhatWasGivenUpIsNotRunWhenItIsBackAndTheNextIs) {
  const TestFolder folder;
  const auto file = (folder / "runs").string();
  const Errand errand{.arguments = {"/bin/sh", "-c", "echo >> '" + file + "'"},
                      .programs = {"/away/command"}};
  // Long enough for one that hangs no more.
  ProgramRunner runner(Environment(), 500ms, check_);
  EXPECT_FALSE(runner.run(errand).ok);
  come_back();
  while (!runner.run(errand).ok) {
  }
  EXPECT_EQ(read_file(file, 100), "\n") << "a restart that counts as failed was made later";
}

TEST_F(AwayProgram, KeepsNoneOfTheProcessesFilesOpenAndNoneOfItsLocks) {
  const TestFolder folder;
  const Fd held(::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  std::promise<bool> has_it;
  ProgramRunner runner(Environment(), 1h,
                       [&](const auto&) { has_it.set_value(::fcntl(held.get(), F_GETFD) >= 0); });
  EXPECT_TRUE(runner.run({.arguments = {"/bin/true"}}).ok) << "it needs its own";
  EXPECT_FALSE(has_it.get_future().get()) << "a process that is killed would keep the lock";
  EXPECT_GE(::fcntl(held.get(), F_GETFD), 0) << "the others have lost them";
}

TEST(ProgramRunner, SeesWhetherThereIsAMessageBusWhereSystemdRunLooksForIt) {
  const TestFolder folder;
  const auto has_bus = [&](Manager manager, const std::map<std::string, std::string>& variables) {
    return ProgramRunner(Environment(variables), 1h, check_program, folder / "system")
        .has_bus(manager);
  };
  const std::map<std::string, std::string> runtime{{"XDG_RUNTIME_DIR", folder.path().string()}};
  EXPECT_FALSE(has_bus(Manager::user, runtime));
  EXPECT_FALSE(has_bus(Manager::system, runtime));
  write_atomically(folder / "bus", "", 0600);
  EXPECT_TRUE(has_bus(Manager::user, runtime));
  EXPECT_FALSE(has_bus(Manager::system, runtime));
  write_atomically(folder / "system", "", 0600);
  EXPECT_TRUE(has_bus(Manager::system, {}));

  auto named = runtime;
  auto& address = named["DBUS_SESSION_BUS_ADDRESS"];
  address = "unix:path=" + (folder / "other").string() + ",guid=1";
  EXPECT_FALSE(has_bus(Manager::user, named)) << "the address counts alone";
  write_atomically(folder / "other", "", 0600);
  EXPECT_TRUE(has_bus(Manager::user, named));
  address = "unix:abstract=/tmp/dbus-1";
  EXPECT_TRUE(has_bus(Manager::user, named));
}

TEST(ProgramRunner, PassesOnOnlyWhatFindsTheUsersManager) {
  ::setenv("TIMMY_SECRET_OF_OURS", "x", 1);
  const auto seen = run({.arguments = {"/bin/sh", "-c", "env; exit 1"}},
                        Environment({{"XDG_RUNTIME_DIR", "/run/user/7"},
                                     {"DBUS_SESSION_BUS_ADDRESS", "unix:path=/x"},
                                     {"GITEA_TOKEN", "secret"}}));
  EXPECT_THAT(seen.text, HasSubstr("XDG_RUNTIME_DIR=/run/user/7"));
  EXPECT_THAT(seen.text, HasSubstr("DBUS_SESSION_BUS_ADDRESS=unix:path=/x"));
  EXPECT_THAT(seen.text, Not(HasSubstr("secret")));
  EXPECT_THAT(seen.text, Not(HasSubstr("TIMMY_SECRET_OF_OURS")));
  EXPECT_THAT(run({.arguments = {"/bin/sh", "-c", "env; exit 1"}}).text,
              HasSubstr("XDG_RUNTIME_DIR=/run/user/"))
      << "a cron job has none";
}

}  // namespace
}  // namespace host::deadman
