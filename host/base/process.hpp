// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file.hpp"

namespace host {

// How to start a child. The child gets only what is named here: no other descriptor, no other
// variable, and a process group (and session) of its own.
struct SpawnRequest {
  std::filesystem::path program;       // absolute
  std::vector<std::string> arguments;  // argv, argv[0] included
  std::map<std::string, std::string> environment;
  std::filesystem::path folder = "/";  // working directory
  std::vector<std::pair<int, int>>
      descriptors;  // (ours, the child's number); 0-2 default to /dev/null
};

// A running child. Destroying it kills its whole group and reaps it.
class Child {
 public:
  Child() = default;
  Child(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  explicit operator bool() const noexcept { return pid_ > 0; }
  // Readable when the child has ended. For asio's wait_read.
  [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }

  // Sends `signal` to the child's whole process group. Nothing happens once it was reaped.
  void signal_group(int signal) const noexcept;

  struct Exit {
    bool signalled;  // ended by a signal
    int number;      // the signal, or the exit status
    rusage usage;    // what it used
    bool dumped;     // a core file was written, or piped to who asked for it
  };
  // Reaps the child if it has ended, else nullopt. What is left of its group is killed then.
  [[nodiscard]] std::optional<Exit> reap();

  // Lets go of one that even SIGKILL does not end, as in a call to a file system that is away, or
  // that child_of() takes over: it is neither killed nor waited for here, and its number stays
  // taken until somebody does, or this process ends.
  void abandon() noexcept;

 private:
  pid_t pid_ = -1;
  Fd pidfd_;
};

// For a process that holds a secret: it leaves no core file, and its memory and environment are not
// to be had from /proc by other processes of the same user. For good. Throws Error{io}.
void hide_process();

// Where root runs this process and `folder` is there and another user's: gives root up, for good,
// and goes on as that user with that user's groups, so that it may do what the user may and no
// more, and what it makes is the user's, too. In the environment HOME becomes that user's, and what
// leads to root's own session goes. Of a user that the machine has no name for, the group is the
// folder's, and there is no HOME. Else does nothing. Returns who ran it before. Throws Error{io}.
// Only while this process has one thread.
uid_t work_as_owner_of(const std::filesystem::path& folder);

// Starts a child by vfork-style spawn and exec, never by a fork that goes on (a forked child of a
// threaded program may deadlock). Throws Error{unavailable or io or not_found} naming the program.
// Any thread, but PDEATHSIG follows the thread: start what must die with us from the loop's.
[[nodiscard]] Child spawn(const SpawnRequest& request);

// One that another thread, with descriptors of its own, has started and abandoned. `program` is for
// the error. Throws Error{io}, and then it is killed.
[[nodiscard]] Child child_of(pid_t pid, const std::filesystem::path& program);

}  // namespace host
