// SPDX-License-Identifier: Apache-2.0
#include "base/process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"

namespace host {
namespace {

class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  [[nodiscard]] posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class Attributes {
 public:
  Attributes() { posix_spawnattr_init(&attributes_); }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  [[nodiscard]] posix_spawnattr_t* get() { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// A descriptor of ours must not sit on a number that an earlier dup2 in the child overwrites: each
// is moved above every target first.
std::vector<Fd> above_targets(const SpawnRequest& request) {
  int highest = 2;
  for (const auto& [ours, theirs] : request.descriptors) highest = std::max(highest, theirs);
  std::vector<Fd> moved;
  for (const auto& [ours, theirs] : request.descriptors) {
    Fd copy(::fcntl(ours, F_DUPFD_CLOEXEC, highest + 1));
    if (!copy) throw system_error("passing a descriptor to " + request.program.string());
    moved.push_back(std::move(copy));
  }
  return moved;
}

void describe_descriptors(FileActions& actions, const SpawnRequest& request,
                          const std::vector<Fd>& moved) {
  int highest = 2;
  for (int standard = 0; standard <= 2; ++standard)
    posix_spawn_file_actions_addopen(actions.get(), standard, "/dev/null", O_RDWR, 0);
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const int theirs = request.descriptors[i].second;
    posix_spawn_file_actions_adddup2(actions.get(), moved[i].get(), theirs);
    highest = std::max(highest, theirs);
  }
  posix_spawn_file_actions_addclosefrom_np(actions.get(), highest + 1);
  posix_spawn_file_actions_addchdir_np(actions.get(), request.folder.c_str());
}

void describe_signals(Attributes& attributes) {
  sigset_t all;
  sigset_t none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(attributes.get(), &all);
  posix_spawnattr_setsigmask(attributes.get(), &none);
  posix_spawnattr_setflags(attributes.get(),
                           POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
}

struct Account {
  std::string name;  // "" where the machine has none for it
  gid_t group;
  std::string home;
};

Account account_of(uid_t user, gid_t group_without_one) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16384> room;
  if (::getpwuid_r(user, &entry, room.data(), room.size(), &found) != 0 || found == nullptr)
    return {"", group_without_one, ""};
  return {entry.pw_name, entry.pw_gid, entry.pw_dir};
}

bool take_groups_of(const Account& account) {
  return account.name.empty() ? ::setgroups(0, nullptr) == 0
                              : ::initgroups(account.name.c_str(), account.group) == 0;
}

void take_environment_of(const Account& account) {
  ::unsetenv("HOME");
  if (!account.home.empty()) ::setenv("HOME", account.home.c_str(), 1);
  ::unsetenv("XDG_RUNTIME_DIR");
  ::unsetenv("DBUS_SESSION_BUS_ADDRESS");
}

}  // namespace

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  return *this;
}

Child::~Child() {
  if (pid_ <= 0) return;
  signal_group(SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Child::signal_group(int signal) const noexcept {
  if (pid_ > 0 && ::kill(-pid_, signal) != 0) ::kill(pid_, signal);
}

std::optional<Child::Exit> Child::reap() {
  if (pid_ <= 0) return std::nullopt;
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid == 0)
    return std::nullopt;
  // The pid still names our zombie, so this can hit nobody else's group.
  ::kill(-pid_, SIGKILL);
  int status = 0;
  Exit exit{};
  while (::wait4(pid_, &status, 0, &exit.usage) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  pidfd_.reset();
  exit.signalled = WIFSIGNALED(status);
  exit.dumped = exit.signalled && WCOREDUMP(status);
  exit.number = exit.signalled ? WTERMSIG(status) : WEXITSTATUS(status);
  return exit;
}

void Child::abandon() noexcept {
  pid_ = -1;
  pidfd_.reset();
}

void hide_process() {
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) throw system_error("closing this process to others");
}

uid_t work_as_owner_of(const std::filesystem::path& folder) {
  const auto caller = ::geteuid();
  struct stat info {};
  if (caller != 0 || ::stat(folder.c_str(), &info) != 0 || info.st_uid == 0) return caller;
  const auto account = account_of(info.st_uid, info.st_gid);
  if (!take_groups_of(account) || ::setresgid(account.group, account.group, account.group) != 0 ||
      ::setresuid(info.st_uid, info.st_uid, info.st_uid) != 0)
    throw system_error("working as the owner of " + folder.string());
  take_environment_of(account);
  return caller;
}

Child spawn(const SpawnRequest& request) {
  const auto moved = above_targets(request);
  FileActions actions;
  describe_descriptors(actions, request, moved);
  Attributes attributes;
  describe_signals(attributes);

  auto arguments = request.arguments;
  std::vector<std::string> variables;
  for (const auto& [name, value] : request.environment) variables.push_back(name + "=" + value);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, request.program.c_str(), actions.get(), attributes.get(),
                                 pointers(arguments).data(), pointers(variables).data());
  if (failed != 0) throw system_error(failed, "starting " + request.program.string());
  return child_of(pid, request.program);
}

Child child_of(pid_t pid, const std::filesystem::path& program) {
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  Child child(pid, std::move(pidfd));
  if (child.pidfd() < 0) throw system_error("watching " + program.string());
  return child;
}

}  // namespace host
