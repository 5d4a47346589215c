// SPDX-License-Identifier: Apache-2.0
#include "runs/supervised_runner.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <utility>

#include "runs/run_channel.hpp"
#include "runs/run_lock.hpp"
#include "runs/run_output.hpp"

namespace host::runs {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = 64 * 1024;
constexpr std::size_t kEndingCap = 64 * 1024;
constexpr int kGoodbyeMs = 5000;

fs::path ending_path(const fs::path& folder) { return folder / "ending.json"; }

fs::path make_folder(const fs::path& runs, const std::string& id) {
  make_directories(runs, 0700);
  const auto folder = runs / id;
  if (::mkdir(folder.c_str(), 0700) == 0) return folder;
  if (errno == EEXIST)
    throw Error(Code::conflict, "there has been a run " + id + " already, in " + folder.string());
  throw system_error("making " + folder.string());
}

// A regular file: others could be waited for without end.
Fd open_input(const fs::path& path) {
  if (path.empty()) return {};
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) throw system_error("opening " + path.string());
  if (!S_ISREG(info.st_mode))
    throw Error(Code::invalid, path.string() + " is no file that could be a standard input");
  return file;
}

RunEnding not_started(std::string evidence) {
  RunEnding ending;
  ending.kind = RunEnding::Kind::not_started;
  ending.evidence = std::move(evidence);
  return ending;
}

}  // namespace

// One that is under way.
class SupervisedRunner::Run {
 public:
  Run(SupervisedRunner& runner, RunSpec spec, Events events)
      : runner_(runner),
        spec_(std::move(spec)),
        events_(std::move(events)),
        folder_(make_folder(runner.folder_, spec_.id)),
        output_(folder_, spec_.limits.output_kept, runner.redactor_) {
    const Fd lock = take_lock(lock_path(folder_));
    const Fd input = open_input(spec_.input);
    auto supervisor = runner.supervisors_.start();
    child_ = std::move(supervisor.child);
    channel_ = std::make_unique<RunChannel>(
        runner.context_, runner.loop_, std::move(supervisor.channel),
        RunChannel::Events{.frame = [this](const RunFrame& frame) { take(frame); },
                           .after_frames = [this] { after_frames(); },
                           .lost = [this](std::optional<Error> error) { lost(std::move(error)); }});
    std::vector<int> descriptors{lock.get()};
    if (input) descriptors.push_back(input.get());
    const Json first{{"version", kRunFrameVersion},
                     {"run", to_json(spec_)},
                     {"input", static_cast<bool>(input)}};
    channel_->send_first(RunFrameType::spec, to_text(first), descriptors);
  }

  void cancel(const std::string& why) { channel_->send(RunFrameType::cancel, why); }
  void alive() { channel_->send(RunFrameType::alive, {}); }
  [[nodiscard]] const Events& events() const { return events_; }
  [[nodiscard]] Child take_child() { return std::move(child_); }

 private:
  void take(const RunFrame& frame) {
    switch (frame.type) {
      case RunFrameType::started:
        in_force_ = in_force_from(parse_json(frame.body, "what holds a run"));
        if (events_.started) events_.started(in_force_);
        return;
      case RunFrameType::output:
        if (failed_.empty()) keep(frame.body);
        printed_ = true;
        return;
      case RunFrameType::ended:
        return end(run_ending_from(parse_json(frame.body, "a run's ending")));
      default: throw Error(Code::invalid, "a supervisor's frame of an unknown type");
    }
  }

  // A disk that takes no more ends the run: what it prints is evidence.
  void keep(std::string_view bytes) {
    try {
      output_.append(bytes);
    } catch (const Error& error) {
      failed_ = "its output can't be kept: " + error.message();
      cancel(failed_);
    }
  }

  void after_frames() {
    if (!std::exchange(printed_, false)) return;
    runner_.wake(spec_.id);
    if (events_.output) events_.output(output_.total());
  }

  void lost(std::optional<Error> error) {
    RunEnding ending;
    ending.in_force = in_force_;
    ending.evidence = error ? "its supervisor broke the protocol: " + error->message()
                            : "its supervisor is gone without a word";
    end(std::move(ending));
  }

  void end(RunEnding ending) {
    if (std::exchange(ended_, true)) return;
    try {
      output_.finish();
      write_atomically(ending_path(folder_), to_indented_text(to_json(ending)), 0600);
    } catch (...) {
      ending.evidence += "; its output can't be kept whole: " + current_error().message();
    }
    runner_.ended(spec_.id, ending);
  }

  SupervisedRunner& runner_;
  RunSpec spec_;
  Events events_;
  fs::path folder_;
  OutputWriter output_;
  Child child_;
  std::unique_ptr<RunChannel> channel_;
  InForce in_force_;
  bool printed_ = false;  // since after_frames()
  std::string failed_;
  bool ended_ = false;
};

struct SupervisedRunner::Follower {
  std::string id;
  std::uint64_t offset = 0;
  Reply<OutputPiece> reply;
  Timer timer;
};

// A supervisor that has said its last.
class SupervisedRunner::Ended {
 public:
  Ended(boost::asio::io_context& context, Child child)
      : child_(std::move(child)), end_(context, ::fcntl(child_.pidfd(), F_DUPFD_CLOEXEC, 3)) {}

  void wait(std::function<void()> gone) {
    end_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this, gone = std::move(gone)](const boost::system::error_code& failed) {
                      if (failed) return;
                      (void)child_.reap();
                      gone();
                    });
  }
  void wait_blocking(int patience_ms) {
    pollfd ended{child_.pidfd(), POLLIN, 0};
    (void)::poll(&ended, 1, patience_ms);
  }

 private:
  Child child_;
  boost::asio::posix::stream_descriptor end_;
};

SupervisedRunner::SupervisedRunner(boost::asio::io_context& context, Loop& loop,
                                   Supervisors& supervisors, fs::path runs,
                                   std::shared_ptr<Redactor> redactor, Log log)
    : context_(context),
      loop_(loop),
      supervisors_(supervisors),
      folder_(std::move(runs)),
      redactor_(std::move(redactor)),
      log_(std::move(log)) {}

SupervisedRunner::~SupervisedRunner() {
  *lives_ = false;
  // Killed before its run has ended, a supervisor might leave some of it.
  for (auto& [id, run] : runs_)
    if (Child child = run->take_child())
      ended_.push_back(std::make_unique<Ended>(context_, std::move(child)));
  runs_.clear();
  for (auto& each : ended_) each->wait_blocking(kGoodbyeMs);
}

void SupervisedRunner::start(RunSpec spec, Events events) {
  loop_.post([this, lives = lives_, spec = std::move(spec), events = std::move(events)]() mutable {
    if (*lives) begin(std::move(spec), std::move(events));
  });
}

void SupervisedRunner::begin(RunSpec spec, Events events) {
  const auto id = spec.id;
  try {
    check(spec);
    // By its constructor's end it may have heard nothing: that comes by the loop.
    auto run = std::make_unique<Run>(*this, std::move(spec), events);
    runs_.emplace(id, std::move(run));
  } catch (...) {
    const auto error = current_error();
    log_.warn("run {} is not started: {}", id, error.what());
    if (events.ended) events.ended(not_started(error.what()));
  }
}

void SupervisedRunner::cancel(const std::string& id, std::string why) {
  loop_.post([this, lives = lives_, id, why = std::move(why)] {
    if (!*lives) return;
    if (const auto found = runs_.find(id); found != runs_.end()) found->second->cancel(why);
  });
}

void SupervisedRunner::alive(const std::string& id) {
  if (const auto found = runs_.find(id); found != runs_.end()) found->second->alive();
}

void SupervisedRunner::ended(const std::string& id, const RunEnding& ending) {
  const auto found = runs_.find(id);
  auto run = std::move(found->second);
  runs_.erase(found);
  log_.info("run {}: {}, {}", id, name(ending.kind), ending.evidence);
  if (Child child = run->take_child()) reap(std::move(child));
  wake(id);
  const auto events = run->events();
  // It is its channel that called.
  loop_.post([run = std::shared_ptr<Run>(std::move(run))] {});
  if (events.ended) events.ended(ending);
}

void SupervisedRunner::reap(Child child) {
  auto ended = std::make_unique<Ended>(context_, std::move(child));
  auto* const which = ended.get();
  ended_.push_back(std::move(ended));
  which->wait([this, which, lives = lives_] {
    if (!*lives) return;
    // Not while its handler runs.
    loop_.post([this, which, lives] {
      if (*lives) std::erase_if(ended_, [&](const auto& each) { return each.get() == which; });
    });
  });
}

OutputPiece SupervisedRunner::read(const std::string& id, std::uint64_t offset) const {
  if (id.empty() || id.front() == '.' || id.find('/') != std::string::npos)
    throw Error(Code::not_found, "no run is named \"" + id + "\"");
  // Before the look: what comes after it is seen by the next one.
  const bool under_way = runs_.contains(id);
  auto piece = read_output(folder_ / id, offset, kPiece);
  piece.ended = !under_way && read_output(folder_ / id, piece.next, 1).text.empty();
  return piece;
}

void SupervisedRunner::follow(const std::string& id, std::uint64_t offset, Duration wait,
                              Reply<OutputPiece> reply) {
  auto follower = std::make_shared<Follower>(Follower{id, offset, std::move(reply), {}});
  loop_.post([this, lives = lives_, follower, wait] {
    if (!*lives) return;
    const auto there = attempt([&] { return read(follower->id, follower->offset); });
    if (!there || !there.value().text.empty() || there.value().ended || wait <= Duration::zero())
      return answer(*follower);
    followers_.emplace(follower->id, follower);
    follower->timer = loop_.after(wait, [this, follower] {
      std::erase_if(followers_, [&](const auto& each) { return each.second == follower; });
      answer(*follower);
    });
  });
}

void SupervisedRunner::answer(const Follower& follower) {
  follower.reply(attempt([&] { return read(follower.id, follower.offset); }));
}

void SupervisedRunner::wake(const std::string& id) {
  const auto [first, last] = followers_.equal_range(id);
  if (first == last) return;
  std::vector<std::shared_ptr<Follower>> woken;
  for (auto at = first; at != last; ++at) {
    at->second->timer.cancel();
    woken.push_back(at->second);
  }
  followers_.erase(first, last);
  loop_.post([this, lives = lives_, woken = std::move(woken)] {
    for (const auto& follower : woken) {
      if (!*lives) return;
      answer(*follower);
    }
  });
}

RunEnding read_ending(const fs::path& run_folder) {
  return run_ending_from(parse_json(read_file(ending_path(run_folder), kEndingCap), "ending.json"));
}

}  // namespace host::runs
