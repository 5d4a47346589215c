// SPDX-License-Identifier: Apache-2.0
#include "workers/worker_program.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "workers/channel.hpp"

namespace host {
namespace {

constexpr int kChannel = 3;

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error("making a worker's output pipe");
    read = Fd(ends[0]);
    write = Fd(ends[1]);
  }
  Fd read;
  Fd write;
};

SpawnRequest request(const std::filesystem::path& program, int channel, int output) {
  return {.program = program,
          .arguments = {"timmy-worker", "--parent", std::to_string(::getpid())},
          .environment = {{"PATH", "/usr/bin:/bin"}, {"LANG", "C.UTF-8"}},
          .folder = "/",
          .descriptors = {{output, 1}, {output, 2}, {channel, kChannel}}};
}

std::uint64_t own_peak() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

WorkerProgram start_worker(const std::filesystem::path& program) {
  SocketPair sockets;
  Pipe pipe;
  TIMMY_FAILPOINT("workers.before_spawn");
  const auto peak = own_peak();
  auto child = spawn(request(program, sockets.theirs.get(), pipe.write.get()));
  TIMMY_FAILPOINT("workers.spawned");
  return {std::move(child), std::move(sockets.ours), std::move(pipe.read), peak};
}

void Standby::prepare(Duration idle) {
  if (ready_ && !ready_->child.reap()) return;
  ready_.reset();
  try {
    ready_ = start_worker(program_);
  } catch (const Error&) {
    return;
  }
  idle_timer_ = loop_.after(idle, [this] { clear(); });
}

WorkerProgram Standby::take() {
  idle_timer_.cancel();
  auto program = std::exchange(ready_, std::nullopt);
  if (program && !program->child.reap()) return std::move(*program);
  return start_worker(program_);
}

}  // namespace host
