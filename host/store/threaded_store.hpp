// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "store/store.hpp"

namespace host {

struct StoreOptions {
  std::filesystem::path path;      // the database; its folder must exist
  bool init = false;               // make a new one even though the marker says there was one
  std::size_t capacity = 65536;    // operations that may wait
  std::size_t group_limit = 1024;  // operations in one transaction
  std::uint64_t check_in_background = 256ull << 20;  // bytes; smaller files are checked at once
  Duration lock_wait = std::chrono::seconds(5);      // for a lock of another program's
  Duration probe_every = std::chrono::seconds(1);    // while nothing can be written
  Duration patience = std::chrono::milliseconds(2);  // of an operation that is patient
  std::string vfs;                                   // a registered SQLite VFS; empty: the system's
};

// The real store: a file, and a thread of its own that alone writes and checkpoints it.
//
// Opening refuses, and leaves untouched: a file without SQLite's header, a damaged one, somebody
// else's (application_id), one of a newer schema (Error{corrupt} or {invalid}), and a missing
// or empty one where the marker file "<path>.initialised" says that there was one. `quick_check`
// runs after an unclean stop and on every small file. The caller holds the host's lock: two stores
// on one file are not detected here.
class ThreadedStore final : public Store {
 public:
  // Opens, checks and migrates, then starts the thread. Loop outlives the store. `fatal` is called
  // on the loop, once, when the store can't go on: end the host. Throws Error.
  ThreadedStore(StoreOptions options, Loop& loop, Log log, std::function<void(const Error&)> fatal);
  // Runs and commits what was asked for (its replies are not called, but for those at a door),
  // checkpoints, notes the clean stop.
  ~ThreadedStore() override;

  // Called on the loop each time the store becomes unwritable or writable again. Loop thread.
  void set_health_handler(std::function<void(const StoreHealth&)> handler);

  // Copies the database to `file` (absolute) while the store works on, as store/backup.hpp has it;
  // `done` gets the copy's size in bytes. Error{conflict} while another backup runs. Loop thread.
  void back_up(std::filesystem::path file, bool replace, Reply<std::uint64_t> done);
  // Looks for damage beside the work, on a thread and a connection of its own, which keeps the log
  // from being written back meanwhile. Error{corrupt} with what it found, {conflict} while another
  // check runs. Loop thread.
  void check(Reply<Done> done);

  void submit_all(std::vector<Operation> operations) override;
  void when_checked(std::function<void()> then) override;
  [[nodiscard]] StoreStats stats() const override;

 protected:
  void run_blocking(Work work) override;

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace host
