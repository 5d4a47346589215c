// SPDX-License-Identifier: Apache-2.0
#include "workers/worker_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "workers/message.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;

// How long a process may live on without its channel before it counts as hiding from the host. One
// that ends closes its channel a moment before.
constexpr Duration kLingering = std::chrono::milliseconds(100);

fs::path make_scratch(const WorkerSpec& spec) {
  make_directories(spec.scratch, 0700);
  std::string name = (spec.scratch / (spec.plugin_id + ".XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr)
    throw system_error("making a scratch folder in " + spec.scratch.string());
  return name;
}

}  // namespace

// Says when the process has ended.
class WorkerProcess::Watch {
 public:
  Watch(boost::asio::io_context& context, int pidfd)
      : end_(context, ::fcntl(pidfd, F_DUPFD_CLOEXEC, 3)) {}

  void start(std::function<void()> ended) {
    end_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [ended = std::move(ended)](const boost::system::error_code& failed) {
                      if (!failed) ended();
                    });
  }

 private:
  boost::asio::posix::stream_descriptor end_;
};

namespace {

std::uint64_t peak_of(const rusage& usage) {
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

WorkerProcess::WorkerProcess(boost::asio::io_context& context, Loop& loop, WorkerProgram program,
                             const WorkerSpec& spec, const PoolSettings& settings, Events events)
    : loop_(loop),
      events_(std::make_shared<const Events>(std::move(events))),
      scratch_(make_scratch(spec)),
      child_(std::move(program.child)),
      pid_(child_.pid()),
      peak_before_(program.peak_before) {
  try {
    channel_ = std::make_unique<Channel>(
        context, std::move(program.channel),
        Channel::Events{.frame = [this](const Frame& frame) { on_frame(frame); },
                        .after_frames =
                            [this] {
                              output_taken_ = false;
                              events_->after_frames();
                            },
                        .lost = [this](std::optional<Error> error) { lost(std::move(error)); }});
    send_hello(spec, settings);
    output_ = std::make_unique<OutputPipe>(
        context, loop, std::move(program.output), [this] { channel_->read_now(); },
        [this](std::string_view line) { events_->line(line); });
    watch_ = std::make_unique<Watch>(context, child_.pidfd());
    watch();
  } catch (...) {
    remove_scratch(scratch_);
    throw;
  }
}

WorkerProcess::~WorkerProcess() {
  child_ = Child();
  remove_scratch(scratch_);
}

void WorkerProcess::send_hello(const WorkerSpec& spec, const PoolSettings& settings) {
  Hello hello;
  hello.plugin_id = spec.plugin_id;
  hello.config_json = spec.config_json;
  hello.cage = {.readable = spec.readable,
                .writable = spec.writable,
                .scratch = scratch_,
                .forbidden = settings.forbidden,
                .limits = spec.limits};
  hello.cpu_per_run = spec.limits.cpu;
  hello.rehearsals = spec.rehearsals;
  channel_->send_first(FrameType::hello, encode(hello), spec.image->fd());
}

// What a run printed is in the pipe when its result is in the channel: it is taken first, once for
// all the results that were read together.
void WorkerProcess::on_frame(const Frame& frame) {
  if (frame.type == FrameType::result && !std::exchange(output_taken_, true)) output_->read_now();
  events_->frame(frame);
}

void WorkerProcess::kill() {
  death_.killed = true;
  child_.signal_group(SIGKILL);
}

void WorkerProcess::lost(std::optional<Error> error) {
  if (error) {
    death_.protocol = error->message();
    return kill();
  }
  lingering_ = loop_.after(kLingering, [this] {
    death_.closed_channel = true;
    kill();
  });
}

void WorkerProcess::watch() {
  watch_->start([this] { reap(); });
}

void WorkerProcess::reap() {
  const auto exit = child_.reap();
  if (!exit) return watch();
  lingering_.cancel();
  death_.signalled = exit->signalled;
  death_.number = exit->number;
  death_.usage = exit->usage;
  const auto peak = peak_of(exit->usage);
  death_.max_rss_bytes = peak > peak_before_ ? peak : 0;
  const auto events = events_;
  channel_->read_rest();
  output_->read_rest();
  events->died(death_);
}

void remove_scratch(const fs::path& folder) noexcept {
  std::error_code failed;
  fs::remove_all(folder, failed);
  if (!failed) return;
  // A folder made with mode 0 can't be emptied before it has its mode back.
  for (int depth = 0; failed && depth < 64; ++depth) {
    const auto open = [](const fs::path& each) {
      std::error_code ignored;
      fs::permissions(each, fs::perms::owner_all, ignored);
    };
    open(folder);
    std::error_code stopped;
    for (fs::recursive_directory_iterator at(folder, stopped), end; !stopped && at != end;
         at.increment(stopped))
      if (at->is_directory(stopped) && !at->is_symlink(stopped)) open(at->path());
    fs::remove_all(folder, failed);
  }
}

}  // namespace host
