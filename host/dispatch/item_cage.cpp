// SPDX-License-Identifier: Apache-2.0
#include "dispatch/item_cage.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <csignal>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "dispatch/verify_tree_file.hpp"
#include "runs/run_lock.hpp"
#include "runs/run_output.hpp"
#include "workspaces/clone_remove.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;
using Kind = runs::RunEnding::Kind;

constexpr std::size_t kPiece = 256 * 1024;
constexpr std::size_t kTail = 16 * 1024;
// Of bundles, which are larger than what anybody reads.
constexpr std::uint64_t kMostOutput = std::uint64_t{512} << 20;

constexpr const char* kStopping = "the host is stopping";

// Of a run that this host does not see to its end.
runs::RunEnding stopping() {
  runs::RunEnding ending;
  ending.evidence = kStopping;
  return ending;
}

// A program of the agent's may have had a hand in what lies there.
void pour_file(const fs::path& folder, const fs::path& name, const OutputSink& sink) {
  const Fd file = open_below(folder, name, O_RDONLY);
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))
    throw Error(Code::invalid, "what was run in the cage left no file as its result");
  std::string piece(kPiece, '\0');
  for (;;) {
    const auto got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error("reading a result from the cage");
    if (got == 0 || !sink({piece.data(), static_cast<std::size_t>(got)})) return;
  }
}

// That it can't be told must not look as if nothing were there.
bool is_left(const fs::path& lock) {
  const auto left = attempt([&] { return runs::still_runs(lock); });
  return !left.ok() || left.value();
}

}  // namespace

runs::RunLimits limits_of(const Playbook& playbook) {
  runs::RunLimits limits;
  limits.wall = playbook.limits.wall;
  limits.stall = playbook.limits.stall;
  limits.memory = playbook.limits.memory;
  limits.processes = playbook.limits.processes;
  limits.disk = playbook.limits.disk;
  return limits;
}

BoundedEnding ItemCage::run(const workspaces::CagedCommand& command, const OutputSink& sink) {
  runs::RunSpec spec;
  spec.id = cages_->next_id();
  spec.arguments = command.arguments;
  spec.folder = command.folder;
  spec.environment = command.environment;
  spec.writable = {command.folder};
  spec.network =
      playbook_->network == Network::open ? runs::Network::open : runs::Network::meter_only;
  spec.limits = limits_of(*playbook_);
  spec.limits.wall = command.limit;
  spec.limits.stall = {};
  spec.limits.output_kept = 0;
  spec.limits.output_most = kMostOutput;
  {
    const std::scoped_lock held(mutex_);
    check_cancelled();
    running_ = spec.id;
  }
  const auto id = spec.id;
  const auto result =
      std::find(spec.arguments.begin(), spec.arguments.end(), workspaces::kResultFile);
  const bool apart = result != spec.arguments.end();
  if (apart) {
    *result = cages_->result_of(id).string();
    if (spec.limits.disk != 0) spec.limits.disk += kMostOutput;
  }
  std::string tail;
  bool enough = false;
  const OutputSink hand_out = [&](std::string_view piece) {
    enough = !sink(piece);
    return !enough;
  };
  const auto ending = cages_->run(
      std::move(spec),
      [&](std::string_view piece) {
        tail.append(piece);
        if (tail.size() > 2 * kTail) tail.erase(0, tail.size() - kTail);
        return apart || hand_out(piece);
      },
      [&] {
        // Who cancelled it a moment ago found nothing to end.
        if (cancelled_) cages_->cancel(id, "it was cancelled");
      },
      apart ? hand_out : OutputSink{});
  const std::scoped_lock held(mutex_);
  running_.clear();
  check_cancelled();
  if (enough) return {.kind = BoundedEnding::Kind::stopped, .number = 0, .errors = {}};
  return judge(ending, command.folder, tail);
}

void ItemCage::check_cancelled() const {
  if (cancelled_) throw Error(Code::cancelled, why_);
}

BoundedEnding ItemCage::judge(const runs::RunEnding& ending, const fs::path& folder,
                              const std::string& tail) const {
  BoundedEnding made;
  switch (ending.kind) {
    case Kind::exited: made = {BoundedEnding::Kind::exited, ending.number, {}}; break;
    case Kind::signalled: made = {BoundedEnding::Kind::signalled, ending.number, {}}; break;
    case Kind::deadline:
    case Kind::stalled: made = {BoundedEnding::Kind::timed_out, SIGKILL, {}}; break;
    case Kind::disk:
      // What the host itself has run there did not fill it: it is full without that, too.
      if (errors_ == Errors::in_ending && cages_->is_disk_full(folder))
        throw Error(Code::unavailable,
                    "no space is left for what is to be run in the cage: " + ending.evidence,
                    "Free some space.");
      [[fallthrough]];
    // The work's own doing: a gate that needs so much fails.
    case Kind::memory:
    case Kind::processes:
    case Kind::output:
      return {BoundedEnding::Kind::signalled, SIGKILL, "it was ended: " + ending.evidence};
    case Kind::cancelled:
    case Kind::lost:
    case Kind::not_started:
      throw Error(Code::unavailable, "what is to be run in the cage can't be: " + ending.evidence,
                  "See timmy-host --doctor.");
  }
  if (errors_ == Errors::in_ending && !made.ok()) made.errors = tail;
  return made;
}

void ItemCage::cancel(const std::string& why) {
  std::string running;
  {
    const std::scoped_lock held(mutex_);
    why_ = why;
    cancelled_ = true;
    running = running_;
  }
  if (!running.empty()) cages_->cancel(running, why);
}

// Whoever waits for a run's end.
struct ItemCages::Waiting {
  explicit Waiting(std::string run) : id(std::move(run)) {}

  const std::string id;
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<runs::RunEnding> ending;
  bool closed = false;

  void end(runs::RunEnding made) {
    const std::scoped_lock held(mutex);
    if (!ending) ending = std::move(made);
    changed.notify_all();
  }
  void close(runs::RunEnding made) {
    const std::scoped_lock held(mutex);
    if (!ending) ending = std::move(made);
    closed = true;
    changed.notify_all();
  }
  // Its supervisor may have said its last before all of it was gone. Ends at close(), too.
  void wait_until_gone(const fs::path& lock) {
    Duration pause = std::chrono::milliseconds(5);
    std::unique_lock held(mutex);
    while (!closed && is_left(lock)) {
      changed.wait_for(held, pause);
      pause = std::min<Duration>(2 * pause, std::chrono::seconds(1));
    }
  }
  runs::RunEnding wait() {
    std::unique_lock held(mutex);
    changed.wait(held, [this] { return ending.has_value(); });
    return *ending;
  }
};

ItemCages::ItemCages(Loop& loop, runs::Runner& runner, CageFolders folders, std::int64_t life)
    : door_(std::make_shared<LoopDoor>(loop)),
      runner_(&runner),
      folders_(std::move(folders)),
      life_(life) {
  make_directories(folders_.scratch, 0700);
}

std::string ItemCages::next_id() { return fmt::format("h{}.{}", life_, ++count_); }

std::optional<std::int64_t> ItemCages::life_of(std::string_view id) {
  std::int64_t life = 0;
  std::uint64_t count = 0;
  const auto* const end = id.data() + id.size();
  if (!id.starts_with('h')) return std::nullopt;
  const auto [dot, fault] = std::from_chars(id.data() + 1, end, life);
  if (fault != std::errc() || dot == end || *dot != '.') return std::nullopt;
  const auto [rest, other] = std::from_chars(dot + 1, end, count);
  if (other != std::errc() || rest != end) return std::nullopt;
  return life;
}

runs::RunEnding ItemCages::run(runs::RunSpec spec, const OutputSink& sink,
                               const std::function<void()>& begun, const OutputSink& result) {
  const auto id = spec.id;
  spec.scratch = scratch_of(id);
  workspaces::remove_tree(spec.scratch);
  make_directories(spec.scratch, 0700);
  spec.writable.push_back(spec.scratch);
  if (spec.folder.empty()) spec.folder = spec.scratch;
  for (const auto& [name, value] : runs::base_environment(spec.scratch))
    spec.environment.try_emplace(name, value);
  const auto waiting = std::make_shared<Waiting>(id);
  {
    const std::scoped_lock held(mutex_);
    if (ending_ || closed_) throw Error(Code::unavailable, kStopping);
    waiting_.insert(waiting);
  }
  door_->post([this, self = shared_from_this(), spec = std::move(spec), waiting] {
    // Whoever ends all found nothing of it to end.
    if (is_ending()) return waiting->end(stopping());
    runner_->start(spec, {.started = {},
                          .output = {},
                          .ended = [waiting](const runs::RunEnding& end) { waiting->end(end); }});
  });
  if (begun) begun();
  const auto ending = waiting->wait();
  const auto folder = folders_.runs / id;
  waiting->wait_until_gone(runs::lock_path(folder));
  {
    const std::scoped_lock held(mutex_);
    waiting_.erase(waiting);
    // What is still at work in there is not for this thread to clear away.
    if (closed_) throw Error(Code::unavailable, kStopping);
  }
  if (ending.kind != Kind::not_started)
    for (std::uint64_t at = 0;;) {
      const auto piece = runs::read_output(folder, at, kPiece);
      if (piece.text.empty() || !sink(piece.text)) break;
      at = piece.next;
    }
  if (result && ending.exited_zero()) pour_file(scratch_of(id), result_of(id).filename(), result);
  workspaces::remove_tree(scratch_of(id));
  workspaces::remove_tree(folder);
  return ending;
}

void ItemCages::cancel(const std::string& id, const std::string& why) {
  door_->post([this, self = shared_from_this(), id, why] { runner_->cancel(id, why); });
}

bool ItemCages::is_disk_full(const fs::path& folder) const {
  // Less than a supervisor leaves to others.
  constexpr std::uintmax_t kAsGoodAsFull = std::uintmax_t{64} << 20;
  for (const auto& each : {folder, folders_.scratch}) {
    std::error_code failed;
    const auto space = fs::space(each, failed);
    if (!failed && space.available < kAsGoodAsFull) return true;
  }
  return false;
}

bool ItemCages::is_ending() {
  const std::scoped_lock held(mutex_);
  return ending_;
}

void ItemCages::end() {
  std::vector<std::string> under_way;
  {
    const std::scoped_lock held(mutex_);
    ending_ = true;
    for (const auto& each : waiting_) under_way.push_back(each->id);
  }
  for (const auto& id : under_way) runner_->cancel(id, kStopping);
}

void ItemCages::close() {
  door_->close();
  const std::scoped_lock held(mutex_);
  closed_ = true;
  for (const auto& each : waiting_) each->close(stopping());
}

}  // namespace host::dispatch
