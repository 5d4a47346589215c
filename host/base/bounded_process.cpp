// SPDX-License-Identifier: Apache-2.0
#include "base/bounded_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "base/error.hpp"

namespace host {
namespace {

using Instant = std::chrono::steady_clock::time_point;

class Pipe {
 public:
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error("making a pipe");
    read_ = Fd(ends[0]);
    write_ = Fd(ends[1]);
    (void)::fcntl(read_.get(), F_SETFL, O_NONBLOCK);
  }
  [[nodiscard]] int reader() const { return read_.get(); }
  [[nodiscard]] int writer() const { return write_.get(); }
  void close_writer() { write_.reset(); }

  enum class State { open, ended, enough };
  // Hands out some of what is there now: as much as a pipe holds, for there may be no end of it.
  State take(const OutputSink& sink) {
    std::array<char, 65536> block;
    const auto got = ::read(read_.get(), block.data(), block.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return State::open;
    if (got <= 0) return State::ended;
    return sink({block.data(), static_cast<std::size_t>(got)}) ? State::open : State::enough;
  }

 private:
  Fd read_, write_;
};

// Of util-linux, which each Debian has.
constexpr const char* kLimiter = "/usr/bin/prlimit";

// Has the limits in force before the program's first instruction, and so in all that it starts: set
// from here they would come when it runs already.
void limit_resources(SpawnRequest& request, const BoundedRun& run) {
  if (::access(request.program.c_str(), X_OK) != 0)
    throw system_error("starting " + request.program.string());
  std::vector<std::string> arguments = {kLimiter, "--core=0"};
  if (run.most_memory != 0) arguments.push_back("--data=" + std::to_string(run.most_memory));
  if (run.largest_file != 0) arguments.push_back("--fsize=" + std::to_string(run.largest_file));
  arguments.emplace_back("--");
  arguments.push_back(request.program.string());
  if (!request.arguments.empty())
    arguments.insert(arguments.end(), request.arguments.begin() + 1, request.arguments.end());
  request.program = kLimiter;
  request.arguments = std::move(arguments);
}

BoundedEnding ending_of(const Child::Exit& exit) {
  BoundedEnding ending;
  ending.kind = exit.signalled ? BoundedEnding::Kind::signalled : BoundedEnding::Kind::exited;
  ending.number = exit.number;
  return ending;
}

// Kills it, and says why it ended.
BoundedEnding end_early(Child& child, BoundedEnding::Kind kind) {
  child = Child();
  BoundedEnding ending;
  ending.kind = kind;
  return ending;
}

// What a program gets to remove its locks and the like when it is told to end.
constexpr auto kClearUp = std::chrono::seconds(3);

// What it prints meanwhile is nobody's; where that fills a pipe, the SIGKILL follows.
[[noreturn]] void end_stopped(Child& child) {
  child.signal_group(SIGTERM);
  pollfd ended{child.pidfd(), POLLIN, 0};
  (void)::poll(&ended, 1, static_cast<int>(std::chrono::milliseconds(kClearUp).count()));
  child = Child();
  throw Error(Code::unavailable, "the host is stopping");
}

struct Streams {
  Pipe output, errors;
  std::array<pollfd, 4> watched{};

  // Takes some of what both hold. False: the sink has enough.
  bool take(const OutputSink& sink, const OutputSink& keep_errors) {
    const auto state = watched[1].fd < 0 ? Pipe::State::ended : output.take(sink);
    if (state == Pipe::State::enough) return false;
    // A stream's end may come before the program's, and poll would tell it without end.
    if (state == Pipe::State::ended) watched[1].fd = -1;
    if (watched[2].fd >= 0 && errors.take(keep_errors) == Pipe::State::ended) watched[2].fd = -1;
    return true;
  }
};

BoundedEnding watch(Child& child, Streams& streams, const BoundedRun& run, const OutputSink& sink,
                    const OutputSink& keep_errors) {
  const Instant end = std::chrono::steady_clock::now() + run.limit;
  streams.watched = {{{child.pidfd(), POLLIN, 0},
                      {streams.output.reader(), POLLIN, 0},
                      {streams.errors.reader(), POLLIN, 0},
                      {run.stop != nullptr ? run.stop->fd() : -1, POLLIN, 0}}};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return end_early(child, BoundedEnding::Kind::timed_out);
    (void)::poll(streams.watched.data(), streams.watched.size(),
                 static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    if (streams.watched[3].revents != 0) end_stopped(child);
    if (!streams.take(sink, keep_errors)) return end_early(child, BoundedEnding::Kind::stopped);
    if (const auto exit = child.reap()) {
      // What it printed last may have come after the look above: one look more, and no more than
      // a pipe holds of what it left behind.
      if (!streams.take(sink, keep_errors)) return end_early(child, BoundedEnding::Kind::stopped);
      return ending_of(*exit);
    }
  }
}

}  // namespace

BoundedEnding run_bounded(const BoundedRun& run, const OutputSink& sink) {
  if (run.stop != nullptr && run.stop->pulled())
    throw Error(Code::unavailable, "the host is stopping");
  Streams streams;
  auto request = run.request;
  if (run.input >= 0) request.descriptors.emplace_back(run.input, 0);
  request.descriptors.emplace_back(streams.output.writer(), 1);
  request.descriptors.emplace_back(streams.errors.writer(), 2);
  limit_resources(request, run);
  auto child = spawn(request);
  streams.output.close_writer();
  streams.errors.close_writer();
  std::string errors;
  const auto keep_errors = [&](std::string_view piece) {
    errors.append(piece.substr(0, run.most_errors - errors.size()));
    return true;
  };
  auto ending = watch(child, streams, run, sink, keep_errors);
  ending.errors = std::move(errors);
  return ending;
}

Fd memory_file(std::string_view text) {
  Fd fd(::memfd_create("timmy-input", MFD_CLOEXEC));
  if (!fd) throw system_error("making a file in memory");
  for (std::size_t at = 0; at < text.size();) {
    const auto written =
        ::pwrite(fd.get(), text.data() + at, text.size() - at, static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw system_error("writing a file in memory");
    at += static_cast<std::size_t>(written);
  }
  return fd;
}

}  // namespace host
