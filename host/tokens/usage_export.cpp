// SPDX-License-Identifier: Apache-2.0
#include "tokens/usage_export.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/failpoint.hpp"
#include "base/json.hpp"
#include "tokens/ledger_reads.hpp"
#include "tokens/usage_line.hpp"

namespace host {
namespace {

constexpr int kBatch = 500;  // some 200 KiB
constexpr Duration kDelay = std::chrono::milliseconds(200);
constexpr Duration kFirstPause = std::chrono::milliseconds(50);
constexpr Duration kLongestPause = std::chrono::seconds(60);
constexpr Duration kPatience = std::chrono::seconds(10);  // with somebody's lock

constexpr const char* kKey = "token_usage_export";

// What the settings keep.
struct Note {
  std::int64_t through = 0;  // is written
  std::int64_t writing = 0;  // may be, as far as this, in `file`
  FileIdentity file;
};

void keep(Unit& unit, const Note& note) {
  unit.run(
      "INSERT INTO settings(key, value) VALUES(?1, ?2)"
      " ON CONFLICT(key) DO UPDATE SET value = excluded.value",
      kKey,
      to_text({{"through", note.through},
               {"writing", note.writing},
               {"device", note.file.device},
               {"inode", note.file.inode}}));
}

Note kept(Unit& unit) {
  auto& row = unit.query("SELECT value FROM settings WHERE key = ?", kKey);
  if (!row.step()) return {};
  const Json note = parse_json(row.text(0), "the ledger's place in token_usage.jsonl");
  return Note{note.at("through"), note.at("writing"), {note.at("device"), note.at("inode")}};
}

}  // namespace

struct UsageExport::Start {
  std::string ledger;
  Note note;
};

struct UsageExport::Batch {
  FileIdentity file;
  std::vector<UsageLine> lines;
  std::int64_t through = 0;  // imported rows included, which are not written
  bool full = false;         // there may be more
};

UsageExport::UsageExport(Store& store, Loop& loop, Log log, std::filesystem::path file)
    : store_(&store), loop_(&loop), log_(std::move(log)), path_(std::move(file)) {}
UsageExport::~UsageExport() = default;

// A reply that is dropped when this is gone by then, and whose errors are tried again.
template <class T, class Then>
Reply<T> UsageExport::guarded(Then then) {
  return [this, alive = std::weak_ptr(alive_), then = std::move(then)](Result<T> result) {
    if (alive.expired()) return;
    busy_ = false;
    if (!result.ok()) return failed(result.error());
    const auto done = attempt([&] { then(std::move(result).value()); });
    if (!done.ok()) failed(done.error());
  };
}

void UsageExport::start() { find_place(); }

void UsageExport::find_place() {
  busy_ = true;
  store_->run(
      [](Unit& unit) {
        return Start{ledger_name(unit), kept(unit)};
      },
      guarded<Start>([this](const Start& start) { placed(start); }));
}

void UsageExport::placed(const Start& start) {
  file_.emplace(path_, start.ledger);
  const auto& note = start.note;
  const auto found = file_->look();
  if (found.last) {
    state_.through = *found.last;
  } else if (found.torn) {
    state_.through = *found.torn - 1;
  } else {
    state_.through = note.through;
    if (note.writing > note.through && found.file != note.file)
      state_.through = std::max(note.through, file_->last_in_renamed(note.file).value_or(0));
  }
  unfinished_ = note.writing > state_.through;
  // What is written was noted before.
  if (const auto most = std::max(note.through, note.writing); state_.through > most) {
    log_.warn(
        "{} has rows up to {}, this database had written none above {}: an older one was "
        "restored. Ids from {} on come a second time",
        path_.string(), state_.through, most, note.through + 1);
    state_.through = note.through;
  }
  if (found.file) (void)file_->append({}, found.file, unfinished_);
  noted_ = note.writing == note.through ? note.through : -1;
  placed_ = true;
  write_more();
}

void UsageExport::rows_committed() {
  if (busy_ || !placed_) {
    more_ = true;
  } else if (!timer_) {
    later(kDelay);
  }
}

void UsageExport::write_more() {
  timer_.cancel();
  busy_ = true;
  more_ = false;
  const auto file = attempt([&] { return file_->identity(); });
  if (!file.ok()) return busy_ = false, failed(file.error());
  store_->run(
      [through = state_.through, file = file.value(), ledger = file_->ledger()](Unit& unit) {
        const auto rows = rows_after(unit, through, kBatch);
        Batch batch{
            .file = file, .lines = {}, .through = through, .full = std::ssize(rows) == kBatch};
        for (const auto& row : rows) {
          batch.through = row.id;
          if (!is_imported(row)) batch.lines.push_back({row.id, usage_line(row, ledger)});
        }
        if (file && !batch.lines.empty()) keep(unit, {through, batch.lines.back().id, file});
        return batch;
      },
      guarded<Batch>([this](const Batch& batch) { write(batch); }));
}

void UsageExport::write(const Batch& batch) {
  if (!batch.lines.empty()) {
    noted_ = -1;
    if (!batch.file) {
      (void)file_->create();
      return write_more();
    }
    TIMMY_FAILPOINT("tokens.export.noted");
    const auto appended = file_->append(batch.lines, batch.file, unfinished_);
    if (appended.moved) return write_more();
    if (appended.through) state_.through = *appended.through;
    unfinished_ = appended.failure.has_value();
    if (appended.failure) return failed(*appended.failure);
    TIMMY_FAILPOINT("tokens.export.written");
  }
  wrote(batch.through);
  if (batch.full || more_) return write_more();
  if (noted_ != state_.through) note_idle();
}

void UsageExport::wrote(std::int64_t through) {
  state_.through = through;
  pause_ = {};
  if (state_.trouble.empty()) return;
  state_.trouble.clear();
  log_.info("{} is written again, up to row {}", path_.string(), through);
}

// Who renames the file while nothing is written to it, and ends this host, finds no row twice.
void UsageExport::note_idle() {
  busy_ = true;
  store_->run(
      [through = state_.through](Unit& unit) {
        keep(unit, {through, through, {}});
      },
      guarded<Done>([this, through = state_.through](Done) {
        noted_ = through;
        if (more_) later(kDelay);
      }));
}

void UsageExport::failed(const Error& error) {
  if (pause_ == Duration::zero()) failing_since_ = loop_->clock().wall();
  pause_ = std::clamp(2 * pause_, kFirstPause, kLongestPause);
  const bool somebodys_lock = error.code() == Code::unavailable;
  const bool tell = !somebodys_lock || loop_->clock().wall() - failing_since_ >= kPatience;
  if (tell && state_.trouble.empty()) {
    state_.trouble = error.what();
    log_.warn("rows of the ledger wait to be written to {}: {}", path_.string(), error.what());
  }
  later(pause_);
}

void UsageExport::later(Duration delay) {
  timer_ = loop_->after(delay, [this] {
    timer_ = {};
    if (busy_) return void(more_ = true);
    if (placed_)
      write_more();
    else
      find_place();
  });
}

std::optional<std::filesystem::path> UsageExport::rotate(WallTime now, int keep) {
  if (!file_) return std::nullopt;
  return file_->rotate(now, keep);
}

}  // namespace host
