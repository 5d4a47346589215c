// SPDX-License-Identifier: Apache-2.0
#include "deadman/runner.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/error.hpp"
#include "base/result.hpp"
#include "deadman/apart.hpp"
#include "deadman/way.hpp"

namespace host::deadman {
namespace {

constexpr std::size_t kMostOutput = 1024;
using Instant = std::chrono::steady_clock::time_point;

Fd file_of(const std::string& text) {
  Fd fd(::memfd_create("deadman-input", MFD_CLOEXEC));
  if (!fd || ::pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    throw system_error("keeping a program's input");
  return fd;
}

// The last of what a program prints, both streams.
class Tail {
 public:
  Tail() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error("making a pipe");
    read_ = Fd(ends[0]);
    write_ = Fd(ends[1]);
    (void)::fcntl(read_.get(), F_SETFL, O_NONBLOCK);
  }
  [[nodiscard]] int writer() const { return write_.get(); }
  [[nodiscard]] int reader() const { return read_.get(); }
  void close_writer() { write_.reset(); }

  // Takes some of what is there, for there may be no end of it; false at its end.
  bool take() {
    std::array<char, 65536> block;
    const auto got = ::read(read_.get(), block.data(), block.size());
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
    text_.append(block.data(), static_cast<std::size_t>(got));
    if (text_.size() > kMostOutput) text_.erase(0, text_.size() - kMostOutput);
    return true;
  }

  [[nodiscard]] const std::string& text() const { return text_; }
  // On one line.
  [[nodiscard]] std::string line() const {
    std::string line = text_;
    std::replace(line.begin(), line.end(), '\n', ' ');
    const auto last = line.find_last_not_of(' ');
    return last == std::string::npos ? "" : line.substr(0, last + 1);
  }

 private:
  Fd read_, write_;
  std::string text_;
};

Ending ending_of(const Child::Exit& exit, const Tail& tail) {
  std::string text = exit.signalled ? fmt::format("ended by {}", ::strsignal(exit.number))
                                    : fmt::format("status {}", exit.number);
  if (const auto line = tail.line(); !line.empty()) text += ": " + line;
  return {!exit.signalled && exit.number == 0, std::move(text), tail.text()};
}

// What SIGKILL does not end, in a call to a file system that is away, say, holds up nobody.
void kill_and_reap(Child& child) {
  constexpr int kMoment = 2000;  // milliseconds
  child.signal_group(SIGKILL);
  pollfd ended{child.pidfd(), POLLIN, 0};
  while (::poll(&ended, 1, kMoment) < 0 && errno == EINTR) {
  }
  if (!child.reap()) child.abandon();
}

bool is_there(const std::filesystem::path& path) { return ::access(path.c_str(), F_OK) == 0; }

Ending watch(Child& child, Tail& tail, Duration limit) {
  const Instant end = std::chrono::steady_clock::now() + limit;
  std::array<pollfd, 2> watched{{{child.pidfd(), POLLIN, 0}, {tail.reader(), POLLIN, 0}}};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      kill_and_reap(child);
      return {false, "took longer than " + format_duration(limit), tail.text(), true};
    }
    (void)::poll(watched.data(), watched.size(), static_cast<int>(left.count()));
    // Its end may come before the program's, which poll would then tell without end.
    if (watched[1].fd >= 0 && !tail.take()) watched[1].fd = -1;
    if (const auto exit = child.reap()) {
      // As much as a pipe holds: what it printed last, and no more of what it left behind.
      (void)tail.take();
      return ending_of(*exit, tail);
    }
  }
}

}  // namespace

void check_program(const std::string& program) {
  // What it leads to now is looked at below; here, who could make it lead elsewhere.
  const Way way(std::nullopt, "", "put it into a folder where others may not write");
  if (const Fd fd(::open(program.c_str(), O_PATH | O_CLOEXEC)); fd) {
    (void)way.follow(program);
    return check_trusted(fd.get(), program, true);
  }
  const auto folder = std::filesystem::path(program).parent_path();
  const Fd fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw system_error("starting " + program);
  (void)way.follow(folder);
  check_trusted(fd.get(), folder, true);
}

// One start, shared by who waits for it and the thread that makes it.
class ProgramRunner::Start {
 public:
  void make(const Check& check, const std::vector<std::string>& programs,
            const SpawnRequest& request) {
    auto child = attempt([&]() -> Child {
      for (const auto& program : programs) check(program);
      if (is_given_up()) throw Error(Code::unavailable, "nobody waits for it any more");
      return spawn(request);
    });
    // One that is given up ends with `child`.
    const std::scoped_lock lock(mutex_);
    ended_ = child.ok() ? Result<pid_t>(child.value().pid()) : Result<pid_t>(child.error());
    if (child.ok() && !given_up_) child.value().abandon();
    changed_.notify_all();
  }
  // Its number, which is the caller's to take over; none when it takes longer, and it is given up.
  [[nodiscard]] std::optional<Result<pid_t>> wait(Duration limit) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [this] { return ended_.has_value(); });
    given_up_ = !ended_;
    return ended_;
  }
  [[nodiscard]] bool has_ended() {
    const std::scoped_lock lock(mutex_);
    return ended_.has_value();
  }

 private:
  [[nodiscard]] bool is_given_up() {
    const std::scoped_lock lock(mutex_);
    return given_up_;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Result<pid_t>> ended_;
  bool given_up_ = false;
};

ProgramRunner::ProgramRunner(const Environment& environment, Duration patience, Check check,
                             std::filesystem::path system_bus)
    : environment_{{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                   {"LANG", "C.UTF-8"},
                   // A cron job has no session's variables; the user's manager is there by custom.
                   {"XDG_RUNTIME_DIR", fmt::format("/run/user/{}", ::geteuid())}},
      patience_(patience),
      check_(std::move(check)),
      system_bus_(std::move(system_bus)) {
  for (const char* name : {"HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"})
    if (const auto value = environment.get(name)) environment_[name] = *value;
}

// As sd-bus looks for it (sd_bus_default_user(3), sd_bus_default_system(3)).
bool ProgramRunner::has_bus(Manager manager) const {
  if (manager == Manager::system) return is_there(system_bus_);
  const auto address = environment_.find("DBUS_SESSION_BUS_ADDRESS");
  if (address == environment_.end())
    return is_there(std::filesystem::path(environment_.at("XDG_RUNTIME_DIR")) / "bus");
  constexpr std::string_view kPath = "unix:path=";
  const std::string& text = address->second;
  // Of others only who connects knows.
  if (!text.starts_with(kPath) || text.find_first_of(";%") != text.npos) return !text.empty();
  return is_there(text.substr(kPath.size(), text.find(',') - kPath.size()));
}

Ending ProgramRunner::run(const Errand& errand) {
  try {
    std::vector<std::string> programs{errand.arguments.at(0)};
    programs.insert(programs.end(), errand.programs.begin(), errand.programs.end());
    const Fd input = file_of(errand.input);
    Tail tail;
    auto child = start({.program = errand.arguments.at(0),
                        .arguments = errand.arguments,
                        .environment = environment_,
                        .descriptors = {{input.get(), 0}, {tail.writer(), 1}, {tail.writer(), 2}}},
                       programs);
    tail.close_writer();
    return watch(child, tail, errand.limit);
  } catch (const Error& error) {
    return {false, error.what()};
  }
}

Child ProgramRunner::start(SpawnRequest request, const std::vector<std::string>& programs) {
  const auto program = request.program;
  std::string all;
  for (const auto& each : programs) all += (all.empty() ? "" : ", ") + each;
  // The same text each time.
  const Error hangs(Code::unavailable,
                    "checking and starting " + program.string() +
                        " takes too long; see after the file systems of: " + all);
  std::erase_if(hanging_, [](const auto& each) { return each.second->has_ended(); });
  if (hanging_.contains(programs)) throw hangs;
  std::vector<int> keep;
  for (const auto& [ours, theirs] : request.descriptors) keep.push_back(ours);
  const auto start = std::make_shared<Start>();
  try {
    start_apart([start, check = check_, programs,
                 request = std::move(request)] { start->make(check, programs, request); },
                std::move(keep));
  } catch (const std::system_error& failure) {
    throw Error(Code::unavailable, "no thread can be had to start " + program.string() + ": " +
                                       failure.code().message());
  }
  const auto started = start->wait(patience_ / (1 << std::min<std::size_t>(hanging_.size(), 5)));
  if (started) return child_of(started->value(), program);
  hanging_.emplace(programs, start);
  throw hangs;
}

}  // namespace host::deadman
