// SPDX-License-Identifier: Apache-2.0
#include "workers/worker.hpp"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>

#include "workers/message.hpp"

namespace host {
namespace {

std::vector<std::pair<std::uint64_t, std::uint64_t>> identities(const WorkerSpec& spec) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> out;
  for (const auto* list : {&spec.readable, &spec.writable})
    for (const auto& path : *list) {
      struct stat info {};
      if (::stat(path.c_str(), &info) != 0) info = {};
      out.emplace_back(info.st_dev, info.st_ino);
    }
  return out;
}

}  // namespace

Worker::Worker(const Surroundings& around, WorkerProgram program,
               std::shared_ptr<const WorkerSpec> spec)
    : around_(around),
      spec_(std::move(spec)),
      granted_(identities(*spec_)),
      limit_(around.settings.lines_per_second, around.settings.lines_burst),
      last_lines_(kOutputCap),
      self_(std::make_shared<Worker*>(this)) {
  process_ = std::make_unique<WorkerProcess>(
      around.context, around.loop, std::move(program), *spec_, around.settings,
      WorkerProcess::Events{.frame = [this](const Frame& frame) { on_frame(frame); },
                            .after_frames = [this] { around_.owner.progressed(*this); },
                            .line = [this](std::string_view line) { on_line(line); },
                            .died = [this](const Death& death) { on_died(death); }});
  deadline_ = around_.loop.clock().monotonic() + around_.settings.start;
  watch_deadline();
}

bool Worker::has_room(const PendingRun& run) const {
  if (ending_ || used_up()) return false;
  if (sent_.empty()) return !(run.spec->fresh && used());
  return !run.alone() && !sent_.front().run.alone() &&
         static_cast<int>(sent_.size()) < around_.settings.ahead &&
         sent_bytes_ + run.request.job_json.size() <= around_.settings.ahead_bytes;
}

void Worker::send(PendingRun&& run) {
  const auto& request = run.request;
  process_->send(FrameType::job, request.run,
                 encode(JobMessage{request.timeout, request.task, request.job_json}));
  idle_timer_.cancel();
  task_ = request.task;
  sent_bytes_ += request.job_json.size();
  ++taken_;
  sent_.push_back({std::move(run)});
  if (sent_.size() == 1) expect_begun();
}

bool Worker::cancel(RunId run, bool at_once) {
  for (auto& sent : sent_) {
    if (sent.run.request.run != run) continue;
    if (current_is(run)) {
      stop(Stop::cancelled);
      if (at_once && ready_ && !signalled_) terminate();
    } else if (!std::exchange(sent.cancelled, true)) {
      process_->send(FrameType::cancel, run, {});
    }
    return true;
  }
  return false;
}

std::size_t Worker::ahead() const {
  if (!begun_ || ending_) return 0;
  return static_cast<std::size_t>(
      std::count_if(sent_.begin() + 1, sent_.end(),
                    [](const Sent& sent) { return !sent.cancelled && !sent.withdrawn; }));
}

void Worker::withdraw() {
  auto count = (ahead() + 1) / 2;
  for (auto sent = sent_.rbegin(); count > 0; ++sent) {
    if (sent->cancelled || std::exchange(sent->withdrawn, true)) continue;
    process_->send(FrameType::withdraw, sent->run.request.run, {});
    --count;
  }
}

void Worker::quit() {
  if (std::exchange(ending_, true)) return;
  idle_timer_.cancel();
  process_->send(FrameType::quit, {}, {});
  if (!begun_ && ready_) limit_farewell();
}

// From here on the plugin has only to be destroyed.
void Worker::limit_farewell() {
  escalation_ = around_.loop.after(around_.settings.term_grace, [this] { process_->kill(); });
}

void Worker::interrupt() {
  quit();
  if (stop_ == Stop::none && begun_) {
    stop_ = Stop::interrupted;
    process_->send(FrameType::cancel, sent_.front().run.request.run, {});
    escalation_ = around_.loop.after(around_.settings.interrupt_grace, [this] { terminate(); });
    return;
  }
  if (stop_ == Stop::none) stop_ = Stop::interrupted;
  terminate();
}

void Worker::terminate() {
  quit();
  signalled_ = true;
  process_->terminate();
  escalation_ = around_.loop.after(around_.settings.term_grace, [this] { process_->kill(); });
}

PoolStats::Row Worker::row() const {
  PoolStats::Row row{.pid = process_->pid(),
                     .plugin = spec_->plugin_id,
                     .runs = ended_runs_,
                     .ahead = static_cast<int>(sent_.size()) - (begun_ ? 1 : 0),
                     .ending = ending_};
  if (begun_) {
    row.task = task_;
    row.run = sent_.front().run.request.run;
  }
  return row;
}

bool Worker::grants_unchanged() const { return granted_.empty() || granted_ == identities(*spec_); }

void Worker::on_frame(const Frame& frame) {
  switch (frame.type) {
    case FrameType::begun: return on_begun(frame);
    case FrameType::result: return on_result(frame);
    case FrameType::call: return on_call(frame);
    case FrameType::log: return on_log(frame);
    case FrameType::ready: return on_ready(frame);
    case FrameType::dropped: return on_dropped(frame);
    case FrameType::memory: return process_->note_out_of_memory(true);
    case FrameType::refused:
      require(!ready_, frame, "before `ready`");
      refused_ = verdict_of(decode_refused(frame.body));
      return;
    default:
      throw Error(Code::invalid, fmt::format("a frame of type {}", static_cast<int>(frame.type)));
  }
}

// A frame that names another run than the one it can be about is refused. Only the worker's own
// code sends these, in an order that it keeps: a worker that breaks it is not trusted any further.
void Worker::require(bool holds, const Frame& frame, const char* expected) {
  if (holds) return;
  ++around_.owner.counters().stale_frames;
  throw Error(Code::stale, fmt::format("a frame of type {} about job {}, lease {}, expected {}",
                                       static_cast<int>(frame.type), frame.run.job.value(),
                                       frame.run.lease.value(), expected));
}

void Worker::on_ready(const Frame& frame) {
  require(!ready_, frame, "`ready` once");
  const auto ready = decode_ready(frame.body);
  if (ready.version != kFrameVersion)
    throw Error(Code::unsupported, fmt::format("frames of version {}", ready.version));
  ready_ = true;
  memory_limited_ = ready.cage.in_force("memory");
  if (stop_ == Stop::none) deadline_timer_.cancel();
  expect_begun();
  if (ending_ && stop_ == Stop::none) limit_farewell();
  around_.owner.ready(*this, ready.cage);
  if (sent_.empty() && !ending_) arm_idle();
}

void Worker::on_begun(const Frame& frame) {
  require(ready_ && !begun_ && !sent_.empty() && sent_.front().run.request.run == frame.run, frame,
          "the next that was sent");
  begun_ = true;
  // It began before it read that it was to end: it has its own deadline again.
  if (stop_ == Stop::none) escalation_.cancel();
  last_lines_.clear();
  process_->note_out_of_memory(false);
  auto& current = sent_.front();
  deadline_ = around_.loop.clock().monotonic() + current.run.request.timeout;
  watch_deadline();
  if (current.cancelled) stop(Stop::cancelled);
  if (current.run.on_begun) current.run.on_begun();
}

void Worker::on_result(const Frame& frame) {
  require(current_is(frame.run), frame, "the one that has begun");
  const auto result = decode_result(frame.body);
  // A bystander that ended by itself was not met.
  const Stop stopped = stop_ == Stop::bystander ? Stop::none : stop_;
  auto verdict = verdict_of(result, stopped, sent_.front().run.request.timeout);
  verdict.usage = usage_until(result.cpu, result.max_rss_bytes);
  note_memory(result.max_rss_bytes);
  if (!result.clean())
    around_.log.warn(
        "{}: a run of {} left {} threads, {} descriptors and {} children behind; its "
        "worker is replaced",
        spec_->plugin_id, task_, result.threads, result.descriptors, result.children);
  if (signalled_) {
    // SIGTERM may be on its way: who began after this run is not to blame for dying of it.
    stop_ = stop_ == Stop::interrupted ? stop_ : Stop::bystander;
  } else if (stop_ != Stop::interrupted) {
    stop_ = Stop::none;
    escalation_.cancel();
  }
  const bool asked = ending_;
  ending_ = ending_ || ends_worker(result);
  settle({.verdict = std::move(verdict),
          .left = {result.threads, result.descriptors, result.children}});
  if (!ending_) return;
  if (!asked) process_->send(FrameType::quit, {}, {});
  if (!signalled_ && stop_ != Stop::interrupted) limit_farewell();
}

// The current run is over.
void Worker::settle(RunOutcome outcome) {
  auto over = std::move(sent_.front().run);
  sent_.pop_front();
  sent_bytes_ -= over.request.job_json.size();
  begun_ = false;
  ++ended_runs_;
  outcome.verdict.output = last_lines_.text();
  if (sent_.empty() && !ending_) arm_idle();
  expect_begun();
  over.on_outcome(std::move(outcome));
}

void Worker::on_dropped(const Frame& frame) {
  const auto found =
      std::find_if(sent_.begin() + (begun_ ? 1 : 0), sent_.end(),
                   [&](const Sent& sent) { return sent.run.request.run == frame.run; });
  require(found != sent_.end() && (found->cancelled || found->withdrawn), frame,
          "one that was to be dropped");
  auto run = std::move(found->run);
  const bool cancelled = found->cancelled;
  sent_.erase(found);
  sent_bytes_ -= run.request.job_json.size();
  if (sent_.empty() && !ending_) arm_idle();
  expect_begun();
  if (!cancelled) return around_.owner.withdrawn(*this, std::move(run));
  run.on_outcome({.verdict = {.kind = Verdict::Kind::cancelled,
                              .code = "cancelled",
                              .message = "cancelled before it began"}});
}

// A leak must not end in a run that is refused memory: the limit is for a run, not for a life.
void Worker::note_memory(std::uint64_t peak) {
  if (!memory_limited_ || outgrown_ || peak <= spec_->limits.memory_bytes / 2) return;
  outgrown_ = true;
  ++around_.owner.counters().outgrown;
  around_.log.info("{}: a worker has grown to {} MiB, more than half its limit, and is replaced",
                   spec_->plugin_id, peak >> 20);
}

// The next run has to begin: nothing stands between a worker that is ready and the code.
void Worker::expect_begun() {
  if (!ready_ || begun_ || ending_ || sent_.empty()) return;
  overdue_ = false;
  deadline_ = around_.loop.clock().monotonic() + around_.settings.begin / 2;
  watch_deadline();
}

// One timer for all the runs of a worker: it is only set anew when a deadline comes before the
// moment for which it is set, and looks again when it fires.
void Worker::watch_deadline() {
  if (deadline_timer_ && armed_for_ <= deadline_) return;
  armed_for_ = deadline_;
  deadline_timer_ =
      around_.loop.after(deadline_ - around_.loop.clock().monotonic(), [this] { on_deadline(); });
}

void Worker::on_deadline() {
  deadline_timer_.cancel();
  const bool waits = ready_ && !begun_;
  if (waits && (sent_.empty() || ending_)) return;
  if (around_.loop.clock().monotonic() < deadline_) return watch_deadline();
  // It may be this host that stood still, with the frame not read yet.
  if (waits && !std::exchange(overdue_, true)) {
    deadline_ = around_.loop.clock().monotonic() + around_.settings.begin / 2;
    return watch_deadline();
  }
  stop(Stop::deadline);
}

void Worker::stop(Stop why) {
  if (stop_ != Stop::none && stop_ != Stop::bystander) return;
  stop_ = why;
  if (!begun_) return process_->kill();
  process_->send(FrameType::cancel, sent_.front().run.request.run, {});
  escalation_ = around_.loop.after(around_.settings.cancel_grace, [this] { terminate(); });
}

void Worker::arm_idle() {
  idle_since_ = around_.loop.clock().monotonic();
  deadline_timer_.cancel();
  idle_timer_ = around_.loop.after(around_.settings.idle, [this] { quit(); });
}

Usage Worker::usage_until(Duration cpu, std::uint64_t max_rss) {
  const auto before = std::exchange(cpu_before_, std::max(cpu, cpu_before_));
  return {.cpu = std::max(cpu - before, Duration::zero()), .max_rss_bytes = max_rss};
}

void Worker::on_died(const Death& death) {
  auto& counters = around_.owner.counters();
  const bool well = !death.signalled && death.number == 0;
  const bool clean = well && ((ending_ && !begun_) || refused_);
  if (!death.protocol.empty()) ++counters.protocol_errors;
  if (death.killed) ++counters.killed;
  if (!clean && !death.killed && stop_ == Stop::none) ++counters.crashed;
  report_dropped_lines();

  const bool starting = !ready_;
  // The run for which a worker was started pays when its process, or the plugin in it, did not come
  // up: else nobody would, and it would be tried for ever. So does the next one in a worker that
  // begins nothing.
  const bool idles = !starting && !begun_ && stop_ == Stop::deadline;
  if (begun_ || idles || (starting && stop_ != Stop::interrupted && !sent_.empty())) {
    auto verdict =
        refused_ ? *refused_
                 : verdict_of(death, stop_,
                              starting ? around_.settings.start : sent_.front().run.request.timeout,
                              spec_->limits, starting);
    if (idles)
      verdict.message =
          "its worker did not begin it within " + format_duration(around_.settings.begin);
    verdict.usage = usage_until(cpu_time(death.usage), death.max_rss_bytes);
    settle({.verdict = std::move(verdict), .died = begun_, .unmade = refused_.has_value()});
  } else if (!clean && stop_ == Stop::none) {
    around_.log.warn("{}: {}", spec_->plugin_id,
                     verdict_of(death, stop_, {}, spec_->limits, false).message);
  }
  std::deque<PendingRun> unbegun;
  for (auto& sent : sent_) unbegun.push_back(std::move(sent.run));
  sent_.clear();
  around_.owner.ended(*this, std::move(unbegun), clean);
}

}  // namespace host
