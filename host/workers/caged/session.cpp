// SPDX-License-Identifier: Apache-2.0
#include "workers/caged/session.hpp"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/error.hpp"

namespace host::caged {
namespace {

constexpr std::size_t kContextsKept = 4096;
constexpr std::size_t kLogCap = 8 * 1024;
constexpr Duration kMeasured = std::chrono::milliseconds(1);
constexpr int kThreadLost = 71;  // the exit status when a plugin ends the task thread

std::string_view view(timmy_str text) { return {text.ptr, static_cast<std::size_t>(text.len)}; }

// pthread_exit in plugin code unwinds the task thread: nothing would ever answer again.
struct EndsProcess {
  ~EndsProcess() { ::_exit(kThreadLost); }
};

Duration cpu_used(const rusage& usage) {
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + Duration(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

}  // namespace

Session::Session(int channel, Fd plugin, FrameDecoder decoder, Hello hello, CageReport cage,
                 Leftovers leftovers, PeakMemory memory)
    : plugin_(std::move(plugin)),
      decoder_(std::move(decoder)),
      hello_(std::move(hello)),
      cage_(std::move(cage)),
      leftovers_(std::move(leftovers)),
      memory_(std::move(memory)),
      link_(channel),
      reading_(channel,
               [this](std::string_view bytes) {
                 decoder_.feed(bytes);
                 take_frames();
               }),
      calls_(link_, reading_),
      host_table_{sizeof(timmy_host), TIMMY_ABI_MINOR, this, &Session::log} {}

void Session::serve() {
  take_frames();
  std::thread([this] { work(); }).detach();
  reading_.stand_ready();
}

void Session::take_frames() {
  while (const auto frame = decoder_.next()) take_frame(*frame);
}

void Session::take_frame(const Frame& frame) {
  switch (frame.type) {
    case FrameType::job: {
      const std::scoped_lock lock(mutex_);
      inbox_.push_back({frame.run, std::string(frame.body)});
      return;
    }
    case FrameType::cancel: return cancel(frame.run);
    case FrameType::withdraw: return drop(frame.run);
    case FrameType::answer: return calls_.answer(frame.body);
    case FrameType::quit: {
      const std::scoped_lock lock(mutex_);
      quit_ = true;
      return;
    }
    default: throw Error(Code::invalid, "a frame of type " + std::to_string(int(frame.type)));
  }
}

void Session::cancel(RunId run) {
  std::unique_lock lock(mutex_);
  if (current_ != nullptr && current_->run() == run) {
    current_->cancel();
    lock.unlock();
    return calls_.wake();
  }
  lock.unlock();
  drop(run);
}

void Session::drop(RunId run) {
  {
    const std::scoped_lock lock(mutex_);
    const auto gone = std::erase_if(inbox_, [&](const Queued& job) { return job.run == run; });
    if (gone == 0) return;
  }
  link_.send(FrameType::dropped, run, {});
}

void Session::work() {
  const EndsProcess guard;
  reading_.set_task_thread();
  make_plugin();
  Queued job;
  while (next_job(job)) run(job);
  leave();
}

void Session::make_plugin() {
  const auto refuse = [&](const Refused& refused) {
    link_.send(FrameType::refused, {}, encode(refused));
    ::fflush(nullptr);
    ::_exit(0);
  };
  try {
    library_ = std::make_unique<Library>("/proc/self/fd/" + std::to_string(plugin_.get()));
  } catch (const Error& error) {
    refuse({true, "load", error.what()});
  }
  plugin_ = Fd();
  for (int i = 0; i <= hello_.rehearsals; ++i) {
    if (i > 0) destroy();
    library_->create(&host_table_, hello_.config_json, outcome_);
    if (outcome_.status != TIMMY_OK) break;
  }
  if (outcome_.status != TIMMY_OK) refuse(refusal_of(outcome_));
  leftovers_.set_baseline();
  link_.send(FrameType::ready, {}, encode(Ready{kFrameVersion, cage_}));
}

bool Session::next_job(Queued& job) {
  auto next = take_job(job);
  if (next == Next::none) {
    // Nothing to put the last result together with: it goes out now.
    link_.flush();
    reading_.read_until([&] { return (next = take_job(job)) != Next::none; });
  }
  return next == Next::job;
}

// A job is out of the inbox and the current one in one step: a cancel finds it in either.
Session::Next Session::take_job(Queued& job) {
  const std::scoped_lock lock(mutex_);
  if (quit_) return Next::quit;
  if (inbox_.empty() || ended_) return Next::none;
  job = std::move(inbox_.front());
  inbox_.pop_front();
  const auto timeout = decode_job(job.body).timeout;
  current_ = &contexts_.emplace_back(calls_, job.run, std::chrono::steady_clock::now() + timeout);
  if (contexts_.size() > kContextsKept) contexts_.pop_front();
  return Next::job;
}

void Session::run(const Queued& job) {
  const auto message = decode_job(job.body);
  set_cpu_limit();
  link_.send(FrameType::begun, job.run, {});
  library_->run(current_->table(), message.task, message.job_json, outcome_);
  current_->end();
  calls_.wake();

  if (time_to_measure()) measure();
  const ResultMessage result{.status = outcome_.status,
                             .delay_ms = outcome_.delay_ms,
                             .code = outcome_.code,
                             .message = outcome_.message,
                             .result = outcome_.result,
                             .cpu = cpu_,
                             .max_rss_bytes = max_rss_bytes_,
                             .threads = left_.threads,
                             .descriptors = left_.descriptors,
                             .children = left_.children};
  body_.clear();
  encode_to(body_, result);
  {
    const std::scoped_lock lock(mutex_);
    current_ = nullptr;
    ended_ = ended_ || ends_worker(result);
  }
  try {
    link_.keep(FrameType::result, job.run, body_);
  } catch (const Error& error) {
    body_.clear();
    encode_to(body_, {.status = TIMMY_PERMANENT, .code = "too_large", .message = error.message()});
    link_.keep(FrameType::result, job.run, body_);
  }
}

// Whether it is time to measure. That takes longer than a run that does nothing, so in a row of
// such runs it is done about every millisecond, and after the last of them.
bool Session::time_to_measure() {
  if (outcome_.status != TIMMY_OK || std::chrono::steady_clock::now() - measured_ >= kMeasured)
    return true;
  const std::scoped_lock lock(mutex_);
  return inbox_.empty() || quit_;
}

// The limit counts the whole process: it moves along with what earlier runs used. Set again only
// once the run before has used a part of the slack.
void Session::set_cpu_limit() {
  if (hello_.cpu_per_run <= Duration::zero()) return;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto until = std::chrono::ceil<std::chrono::seconds>(cpu_used(usage) + hello_.cpu_per_run);
  if (until.count() == cpu_limit_) return;
  cpu_limit_ = until.count();
  const rlimit limit{static_cast<rlim_t>(cpu_limit_), RLIM_INFINITY};
  ::setrlimit(RLIMIT_CPU, &limit);
}

void Session::measure() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  cpu_ = cpu_used(usage);
  max_rss_bytes_ = memory_.bytes();
  left_ = leftovers_.beyond_baseline();
  measured_ = std::chrono::steady_clock::now();
}

void Session::leave() {
  link_.flush();
  destroy();
  ::fflush(nullptr);
  ::_exit(0);
}

// What it throws is nobody's failure any more: a line tells it.
void Session::destroy() {
  library_->destroy(outcome_);
  if (outcome_.status != TIMMY_OK)
    link_.send(FrameType::log, {}, encode(LogMessage{TIMMY_LOG_ERROR, outcome_.message}));
}

void Session::log(void* ctx, std::int32_t level, timmy_str text) {
  auto& self = *static_cast<Session*>(ctx);
  try {
    RunId run;
    {
      const std::scoped_lock lock(self.mutex_);
      if (self.current_ != nullptr) run = self.current_->run();
    }
    self.link_.send(FrameType::log, run, encode(LogMessage{level, view(text).substr(0, kLogCap)}));
  } catch (const std::exception&) {
    // Out of memory: the line is lost, as the interface allows.
  }
}

}  // namespace host::caged
