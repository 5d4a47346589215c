// SPDX-License-Identifier: Apache-2.0
//
// Keeps token_usage.jsonl up with the ledger: each row once, in order, whatever ends this host or
// becomes of the file. What was written is known from two places. The file's last whole own line
// counts wherever there is one. Where there is none (a new file after somebody renamed or removed
// the old one) the store's settings tell: before each write, which rows it is about to be, and into
// which file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "store/store.hpp"
#include "tokens/usage_file.hpp"

namespace host {

// Loop thread. Store and loop outlive it. An idle one has no timer.
class UsageExport {
 public:
  UsageExport(Store& store, Loop& loop, Log log, std::filesystem::path file);
  ~UsageExport();
  UsageExport(const UsageExport&) = delete;
  UsageExport& operator=(const UsageExport&) = delete;

  // Once the store has been recovered: finds its place and writes what is missing.
  void start();

  // Rows may have been added to the ledger: they are written some 200 ms later, with those that
  // come meanwhile.
  void rows_committed();

  // Puts the file away as UsageFile::rotate() does; what comes goes into a new one. Throws Error.
  std::optional<std::filesystem::path> rotate(WallTime now, int keep);

  struct State {
    std::int64_t through = 0;  // the last row that is dealt with
    std::string trouble;       // why rows wait; empty: they don't
  };
  [[nodiscard]] const State& state() const { return state_; }

 private:
  struct Start;
  struct Batch;
  void find_place();
  void placed(const Start& start);
  void write_more();
  void write(const Batch& batch);
  void wrote(std::int64_t through);
  void note_idle();
  void failed(const Error& error);
  void later(Duration delay);
  template <class T, class Then>
  Reply<T> guarded(Then then);

  Store* store_;
  Loop* loop_;
  Log log_;
  std::filesystem::path path_;
  std::optional<UsageFile> file_;  // once the ledger's name is known
  State state_;
  bool placed_ = false;
  bool busy_ = false;        // a step is under way
  bool more_ = false;        // rows were committed meanwhile
  bool unfinished_ = false;  // a write was begun that is not known to have been whole
  std::int64_t noted_ = -1;  // what the settings have as written
  Duration pause_{};         // before the next try
  WallTime failing_since_{};
  Timer timer_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace host
