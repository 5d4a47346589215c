// SPDX-License-Identifier: Apache-2.0
//
// Where supervisors come from: this process starts them, or the runner service does.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "base/file.hpp"
#include "base/process.hpp"

namespace host::runs {

// A supervisor that has been told nothing yet. Closing the channel ends it and its run.
struct Supervisor {
  Fd channel;
  Child child;  // none: another process started it
};

class Supervisors {
 public:
  virtual ~Supervisors() = default;
  // Throws Error. Does not wait.
  [[nodiscard]] virtual Supervisor start() = 0;
};

// Starts them itself. They end with this process: from the thread that lives as long as it does.
class OwnSupervisors final : public Supervisors {
 public:
  // `program`: timmy-supervisor. `cgroups`: a folder in which it may make cgroups; empty: none.
  explicit OwnSupervisors(std::filesystem::path program, std::filesystem::path cgroups = {})
      : program_(std::move(program)), cgroups_(std::move(cgroups)) {}
  [[nodiscard]] Supervisor start() override;

 private:
  std::filesystem::path program_;
  std::filesystem::path cgroups_;
};

// Asks the runner service: a connection is a run.
class ServiceSupervisors final : public Supervisors {
 public:
  explicit ServiceSupervisors(std::filesystem::path socket) : socket_(std::move(socket)) {}
  // Throws Error{unavailable} when it does not answer, {denied} when it is not this user's.
  [[nodiscard]] Supervisor start() override;

 private:
  std::filesystem::path socket_;
};

// The service, where it has a socket, also one that nobody answers at any more: less holds a run
// that is started without it. Else this process, with `program`.
[[nodiscard]] std::unique_ptr<Supervisors> supervisors_at(const std::filesystem::path& socket,
                                                          const std::filesystem::path& program);

// Starts timmy-supervisor with `channel` as its end. Throws.
[[nodiscard]] Child start_supervisor(const std::filesystem::path& program,
                                     const std::filesystem::path& cgroups, int channel);

// Whose process is at the other end of a UNIX socket; of a socket that systemd listens at for a
// service that is the one who began to listen, root. None: it can't be told.
[[nodiscard]] std::optional<uid_t> user_at(int socket);

}  // namespace host::runs
