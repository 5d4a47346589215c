// SPDX-License-Identifier: Apache-2.0
#include "runs/supervisor/supervision.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/result.hpp"
#include "runs/run_lock.hpp"
#include "runs/supervisor/control_group.hpp"
#include "runs/supervisor/disk_watch.hpp"
#include "runs/supervisor/first_process.hpp"
#include "runs/supervisor/host_link.hpp"
#include "runs/supervisor/namespaces.hpp"
#include "runs/supervisor/processes.hpp"
#include "runs/supervisor/relay.hpp"
#include "runs/supervisor/verdict.hpp"

namespace host::runs::supervisor {
namespace {

using Kind = RunEnding::Kind;
using Steady = std::chrono::steady_clock;
using Instant = Steady::time_point;

// From the first process's start to the program's.
constexpr auto kSetUp = std::chrono::seconds(20);
constexpr auto kMeasurePause = std::chrono::milliseconds(100);
// More than a pipe holds: only what outlived the run could go on.
constexpr int kLastBlocks = 64;
constexpr std::size_t kPacket = 64 * 1024;

class Supervision {
 public:
  explicit Supervision(Task task)
      : spec_(std::move(task.spec)),
        host_(std::move(task.channel), std::move(task.reader)),
        lock_(std::move(task.lock)),
        input_(std::move(task.input)) {
    take_signals();
    make_cgroup(task.cgroups);
  }

  void run() {
    try {
      take_host();
      for (const auto& namespaces : namespaces_to_try(spec_.network == Network::meter_only)) {
        if (stop_ || host_.gone()) break;
        if (!begin(namespaces)) continue;
        watch_until_gone();
        if (!again_) break;
      }
    } catch (const std::exception& error) {
      failed_ = error.what();
      end_everything();
    }
    finish();
  }

 private:
  // ---- beginning

  void take_signals() {
    sigset_t taken;
    sigemptyset(&taken);
    for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&taken, number);
    ::sigprocmask(SIG_BLOCK, &taken, nullptr);
    signals_ = Fd(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_) throw system_error("taking signals");
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  }

  void make_cgroup(const std::filesystem::path& parent) {
    if (parent.empty()) {
      in_force_.cgroup = {false, "none was delegated"};
      return;
    }
    try {
      cgroup_ = std::make_unique<ControlGroup>(parent, spec_.id, spec_.limits);
      in_force_.cgroup = {true, cgroup_->text()};
    } catch (const Error& error) {
      in_force_.cgroup = {false, error.message()};
    }
  }

  // False: the kernel has no such namespaces for this user.
  bool begin(const Namespaces& namespaces) {
    again_ = false;
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
      throw system_error("making a socket for the run's first process");
    control_ = Fd(ends[0]);
    Fd theirs(ends[1]);
    if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error("making the run's output pipe");
    output_ = Fd(ends[0]);
    Fd write(ends[1]);
    (void)::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
    first_ = fork_into(namespaces);
    if (first_ == 0) {
      control_.reset();
      run_first_process({.spec = &spec_,
                         .namespaces = namespaces,
                         .control = std::move(theirs),
                         .input = std::move(input_),
                         .output = std::move(write),
                         .lock = std::move(lock_)});
    }
    if (first_ < 0) {
      why_no_namespaces_ = system_error("namespaces").message();
      return false;
    }
    namespaces_ = namespaces;
    try {
      if (namespaces_.users) map_own_user(first_);
    } catch (const Error& error) {
      why_no_namespaces_ = error.message();
      control_.reset();
      (void)end_all_below();
      first_ = -1;
      return false;
    }
    let_go();
    return true;
  }

  void let_go() {
    note_namespaces();
    join_cgroup();
    record_pids();
    begun_ = Steady::now();
    const char order = static_cast<char>(Order::go);
    if (::send(control_.get(), &order, 1, MSG_NOSIGNAL) != 1)
      throw system_error("letting the run's first process go");
  }

  void join_cgroup() {
    if (!cgroup_) return;
    try {
      cgroup_->add(first_);
    } catch (const Error& error) {
      in_force_.cgroup = {false, error.message()};
      cgroup_.reset();
    }
  }

  void note_namespaces() {
    in_force_.pid_namespace = {namespaces_.pids, namespaces_.pids ? "" : why_no_namespaces_};
    if (spec_.network == Network::open)
      in_force_.network = {false, "the run's network is open"};
    else
      in_force_.network = {namespaces_.network, namespaces_.network ? "" : why_no_namespaces_};
  }

  void record_pids() const {
    write_lock_record(
        lock_.get(),
        {.supervisor = ::getpid(), .first = first_, .cgroup = cgroup_ ? cgroup_->folder() : ""});
  }

  // ---- watching

  void watch_until_gone() {
    while (first_ > 0) {
      std::vector<pollfd> watched = watched_now();
      const auto fixed = watched.size();
      if (relay_) relay_->watch(watched);
      (void)::poll(watched.data(), watched.size(), pause_ms());
      if (watched[0].revents != 0) take_host();
      if (watched[1].revents != 0) take_notes();
      if (watched[2].revents != 0) take_output();
      if (watched[3].revents != 0) take_signalled();
      if (watched[4].revents != 0) stop(Kind::disk, disk_->evidence(), true);
      if (relay_ && watched.size() > fixed) relay_->handle(watched, fixed);
      host_.send_some();
      look_at_time();
    }
  }

  std::vector<pollfd> watched_now() const {
    const int host = host_.gone() ? -1 : host_.descriptor();
    const int output = host_.full() || !output_ ? -1 : output_.get();
    const int disk = disk_ && !stop_ ? disk_->descriptor() : -1;
    return {{host, static_cast<short>(POLLIN | (host_.sending() ? POLLOUT : 0)), 0},
            {control_ ? control_.get() : -1, POLLIN, 0},
            {output, POLLIN, 0},
            {signals_.get(), POLLIN, 0},
            {disk, POLLIN, 0}};
  }

  // When to look again, whatever happens.
  int pause_ms() const {
    std::optional<Instant> next;
    const auto by = [&](Instant when) { next = next ? std::min(*next, when) : when; };
    if (!started_ && !stop_) by(begun_ + kSetUp);
    if (kill_at_) by(*kill_at_);
    if (started_ && !stop_) {
      if (spec_.limits.wall.count() > 0) by(start_ + spec_.limits.wall);
      if (spec_.limits.stall.count() > 0) by(alive_ + spec_.limits.stall);
      by(measured_ + kMeasurePause);
    }
    if (!next) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - Steady::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
  }

  void look_at_time() {
    const auto now = Steady::now();
    if (kill_at_ && now >= *kill_at_) end_everything();
    if (stop_) return;
    if (!started_) {
      if (now >= begun_ + kSetUp) stop(Kind::not_started, "its cage was not ready in time", true);
      return;
    }
    const auto& limits = spec_.limits;
    if (limits.wall.count() > 0 && now >= start_ + limits.wall)
      stop(Kind::deadline, "it ran for " + format_duration(limits.wall) + ", its limit", false);
    else if (limits.stall.count() > 0 && now >= alive_ + limits.stall)
      stop(Kind::stalled,
           "for " + format_duration(limits.stall) + " it printed nothing, and no model answered it",
           false);
    else if (now >= measured_ + kMeasurePause)
      measure(now);
  }

  void measure(Instant now) {
    measured_ = now;
    if (!processes_) return;
    const auto& limits = spec_.limits;
    const auto seen = processes_->measure();
    usage_.peak_processes = std::max(usage_.peak_processes, seen.tasks);
    usage_.peak_memory = std::max(usage_.peak_memory, std::min(seen.memory, most_believable()));
    if (limits.processes != 0 && seen.tasks > limits.processes)
      return stop(Kind::processes,
                  "it had " + std::to_string(seen.tasks) + " processes and threads, of " +
                      std::to_string(limits.processes) + " at most",
                  true);
    if (limits.memory == 0 || seen.memory <= limits.memory) return;
    // What they share was counted for each.
    const auto exact = processes_->exact_memory();
    const auto memory = exact == 0 ? seen.memory : exact;
    usage_.peak_memory = std::max(usage_.peak_memory, memory);
    if (memory > limits.memory)
      stop(Kind::memory,
           "its processes took " + std::to_string(memory >> 20) + " MiB of memory, of " +
               std::to_string(limits.memory >> 20) + " at most",
           true);
  }

  // Above its limit a rough figure is worth nothing.
  std::uint64_t most_believable() const {
    return spec_.limits.memory == 0 ? ~std::uint64_t{0} : spec_.limits.memory;
  }

  // ---- what comes in

  void take_host() {
    for (const auto& said : host_.receive()) {
      if (said.type == RunFrameType::alive) alive_ = Steady::now();
      if (said.type == RunFrameType::cancel) {
        if (stop_) end_everything();
        stop(Kind::cancelled, said.body.empty() ? "somebody asked for it" : said.body, false);
      }
    }
    if (host_.gone()) end_everything();
  }

  void take_notes() {
    for (;;) {
      Received packet;
      try {
        packet = receive_with_descriptors(control_.get(), kPacket);
      } catch (const Error&) {
        return control_.reset();
      }
      if (packet.bytes.empty()) return control_.reset();
      take_note(static_cast<Note>(packet.bytes[0]), packet.bytes.substr(1),
                std::move(packet.descriptors));
      pollfd more{control_.get(), POLLIN, 0};
      if (::poll(&more, 1, 0) != 1) return;
    }
  }

  void take_note(Note note, const std::string& text, std::vector<Fd> descriptors) {
    switch (note) {
      case Note::network_failed:
        again_ = true;
        why_no_namespaces_ = text;
        break;
      case Note::meter:
        if (!descriptors.empty() && spec_.meter)
          relay_ = std::make_unique<MeterRelay>(std::move(descriptors[0]), *spec_.meter);
        break;
      case Note::proc:
        if (!descriptors.empty()) processes_ = Processes::of_namespace(std::move(descriptors[0]));
        break;
      case Note::failed: failed_ = text; break;
      case Note::started: take_started(text); break;
      case Note::ended: {
        const auto end = parse_json(text, "the run's first process");
        program_ = ProgramEnd{end.at("signalled").get<bool>(), end.at("number").get<int>()};
        killed_before_end_ = killed_;
        break;
      }
    }
  }

  void take_started(const std::string& text) {
    const auto made = in_force_from(parse_json(text, "the run's first process"));
    in_force_.private_root = made.private_root;
    // The cgroup's is the narrower one.
    if (cgroup_ && cgroup_->bounds_processes())
      in_force_.processes = {true, "pids.max of its cgroup"};
    else
      in_force_.processes = made.processes;
    in_force_.landlock = made.landlock;
    in_force_.seccomp = made.seccomp;
    in_force_.notes = made.notes;
    if (!processes_) processes_ = Processes::below(first_);
    if (spec_.limits.disk != 0)
      disk_ = std::make_unique<DiskWatch>(spec_.writable, spec_.limits.disk);
    // What it was told of the run's user is enough from here on.
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    started_ = true;
    start_ = alive_ = Steady::now();
    host_.send(RunFrameType::started, to_text(to_json(in_force_)));
  }

  void take_output() {
    std::array<char, kOutputFrame> block;
    const auto got = ::read(output_.get(), block.data(), block.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return output_.reset();
    usage_.output += static_cast<std::uint64_t>(got);
    alive_ = Steady::now();
    usage_.last_output = std::chrono::duration_cast<Duration>(alive_ - start_);
    host_.send(RunFrameType::output, {block.data(), static_cast<std::size_t>(got)});
    const auto most = spec_.limits.output_most;
    if (most != 0 && usage_.output > most)
      stop(Kind::output,
           "it printed more than " + std::to_string(most) + " bytes, which is its limit", true);
  }

  void take_signalled() {
    signalfd_siginfo info{};
    bool ended = false;
    while (::read(signals_.get(), &info, sizeof info) > 0) {
      if (info.ssi_signo == SIGCHLD)
        ended = true;
      else
        stop(Kind::cancelled, "the supervisor was told to stop, or its starter is gone", false);
    }
    if (ended) reap();
  }

  void reap() {
    rusage usage{};
    for (pid_t pid = 0; (pid = ::wait4(-1, nullptr, WNOHANG, &usage)) > 0;) {
      add_cpu(usage);
      if (pid != first_) continue;
      first_ = -1;
      if (control_) take_notes();
    }
  }

  void add_cpu(const rusage& usage) {
    const auto time = [](const timeval& value) {
      return std::chrono::seconds(value.tv_sec) + Duration(value.tv_usec);
    };
    usage_.cpu += time(usage.ru_utime) + time(usage.ru_stime);
  }

  // ---- ending

  // The first reason counts. `at_once`: what does harm while it is being asked is killed.
  void stop(Kind kind, std::string why, bool at_once) {
    if (stop_ || program_) return;
    stop_ = kind;
    why_ = std::move(why);
    if (at_once) return end_everything();
    const char order = static_cast<char>(Order::terminate);
    if (control_) (void)::send(control_.get(), &order, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    kill_at_ = Steady::now() + spec_.limits.grace;
  }

  void end_everything() {
    kill_at_.reset();
    if (first_ <= 0) return;
    killed_ = true;
    if (cgroup_) cgroup_->kill();
    if (namespaces_.pids) {
      (void)::kill(first_, SIGKILL);
      return;
    }
    // It goes last, since it adopts what loses its parent.
    Processes::below(first_).signal(SIGKILL);
    control_.reset();
  }

  void finish() {
    // With its first process a namespace's others have gone. Elsewhere orphans have come here.
    bool gone = end_below();
    const bool out_of_memory = cgroup_ && cgroup_->out_of_memory();
    if (cgroup_) usage_.peak_memory = std::max(usage_.peak_memory, cgroup_->peak_memory());
    disk_.reset();
    relay_.reset();
    for (int block = 0; block < kLastBlocks && output_ && !host_.gone(); ++block) drain_output();
    gone = end_cgroup() && gone;
    auto ending = ending_of({.stop = stop_,
                             .why = why_,
                             .program = program_,
                             .killed = killed_ && (!program_ || killed_before_end_),
                             .out_of_memory = out_of_memory,
                             .most_memory = spec_.limits.memory});
    if (!started_) {
      if (stop_ != Kind::cancelled) ending.kind = Kind::not_started;
      ending.evidence = !failed_.empty() ? failed_
                        : stop_          ? why_
                                         : "its first process ended before the program began";
    }
    if (started_) usage_.wall = std::chrono::duration_cast<Duration>(Steady::now() - start_);
    ending.usage = usage_;
    ending.in_force = in_force_;
    host_.send(RunFrameType::ended, to_text(to_json(ending)));
    // Whoever reads that may start the next one at once, unless something is left.
    if (gone) lock_.reset();
    host_.finish();
    while (!gone) gone = end_below() && end_cgroup();
  }

  // These say whether nothing of the run is left there.
  bool end_below() {
    if (namespaces_.pids && first_ <= 0) return true;
    if (!end_all_below()) return false;
    first_ = -1;
    return true;
  }
  bool end_cgroup() {
    if (cgroup_ && !cgroup_->end()) return false;
    cgroup_.reset();
    return true;
  }

  // All that is left in the pipe: nobody writes any more, or nobody who counts.
  void drain_output() {
    if (host_.full()) host_.finish();
    if (host_.full()) return output_.reset();
    pollfd readable{output_.get(), POLLIN, 0};
    if (::poll(&readable, 1, 0) != 1) return output_.reset();
    take_output();
  }

  RunSpec spec_;
  HostLink host_;
  Fd lock_;
  Fd input_;
  Fd signals_;
  Fd control_;
  Fd output_;
  Namespaces namespaces_;
  std::string why_no_namespaces_;
  InForce in_force_;
  RunUsage usage_;
  std::unique_ptr<ControlGroup> cgroup_;
  std::unique_ptr<DiskWatch> disk_;
  std::unique_ptr<MeterRelay> relay_;
  std::optional<Processes> processes_;

  pid_t first_ = -1;
  bool again_ = false;  // in the next namespaces
  bool started_ = false;
  Instant begun_{};
  Instant start_{};
  Instant alive_{};  // the last sign of work
  Instant measured_{};
  std::optional<Instant> kill_at_;
  std::optional<Kind> stop_;
  std::string why_;
  std::string failed_;
  std::optional<ProgramEnd> program_;
  bool killed_ = false;
  bool killed_before_end_ = false;
};

}  // namespace

void supervise(Task task) { Supervision(std::move(task)).run(); }

}  // namespace host::runs::supervisor
