// SPDX-License-Identifier: Apache-2.0
//
// What the host itself runs for an item, in the cage that the item's agent has, but without a
// model: git in its clone, its setup, the gates' commands.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/loop.hpp"
#include "base/loop_door.hpp"
#include "dispatch/item.hpp"
#include "dispatch/playbook.hpp"
#include "runs/runner.hpp"
#include "workspaces/clone_bundle.hpp"

namespace host::dispatch {

// A playbook's limits, as a run takes them.
[[nodiscard]] runs::RunLimits limits_of(const Playbook& playbook);

class ItemCages;

// Where a command's errors go: both streams are one, since they are kept as one.
enum class Errors {
  in_output,  // the sink gets all of it: what is run is the work's
  // If it fails, the end of it all is the ending's errors, too: what is run is the host's, and on a
  // full disk it is to be tried again.
  in_ending,
};

// One for each piece of work on an item. run() on any thread but the loop's, one at a time.
class ItemCage final : public workspaces::CagedRunner {
 public:
  ItemCage(std::shared_ptr<ItemCages> cages, std::shared_ptr<const Playbook> playbook,
           Errors errors)
      : cages_(std::move(cages)), playbook_(std::move(playbook)), errors_(errors) {}

  // Throws Error{cancelled} after cancel(), {unavailable} when nothing can be started or the host
  // ends, {too_large} past the limits of memory, processes, disk or output.
  BoundedEnding run(const workspaces::CagedCommand& command, const OutputSink& sink) override;
  // What runs ends, and nothing is run any more. Any thread.
  void cancel(const std::string& why);

 private:
  BoundedEnding judge(const runs::RunEnding& ending, const std::filesystem::path& folder,
                      const std::string& tail) const;
  void check_cancelled() const;

  std::shared_ptr<ItemCages> cages_;
  std::shared_ptr<const Playbook> playbook_;
  Errors errors_;
  std::atomic<bool> cancelled_ = false;
  std::mutex mutex_;
  std::string why_;
  std::string running_;  // id of the run under way
};

struct CageFolders {
  std::filesystem::path runs;     // the Runner's
  std::filesystem::path scratch;  // with a folder for each run under way
};

// What all of them share: the way to the Runner, which belongs to the loop.
class ItemCages : public std::enable_shared_from_this<ItemCages> {
 public:
  // `life` tells this host's runs from those of hosts before. The Runner is not used any more after
  // close().
  ItemCages(Loop& loop, runs::Runner& runner, CageFolders folders, std::int64_t life);

  // Runs it to its end, with scratch_of() as its scratch folder (where it stands, if it has no
  // other), and gives `sink` what it printed; `result`, if there is one and it ended well, what it
  // left in result_of(). `begun` is called once cancel() can find it. Throws Error{unavailable}.
  // Any thread but the loop's.
  runs::RunEnding run(runs::RunSpec spec, const OutputSink& sink,
                      const std::function<void()>& begun = {}, const OutputSink& result = {});
  [[nodiscard]] std::filesystem::path scratch_of(const std::string& id) const {
    return folders_.scratch / id;
  }
  [[nodiscard]] std::filesystem::path result_of(const std::string& id) const {
    return scratch_of(id) / "result";
  }
  // A new one, fit for RunSpec::id.
  [[nodiscard]] std::string next_id();
  // Of which host's life such a name is; nothing: it is none.
  [[nodiscard]] static std::optional<std::int64_t> life_of(std::string_view id);
  void cancel(const std::string& id, const std::string& why);
  // Of the scratch folders, or of this one: no run there would last. Any thread.
  [[nodiscard]] bool is_disk_full(const std::filesystem::path& folder) const;
  // The host is ending: what runs is cancelled, and nothing is begun any more. Whoever waits gets
  // Error{unavailable} when nothing of its run is left. Loop thread.
  void end();
  // Everybody who waits gets an Error. Loop thread.
  void close();

 private:
  struct Waiting;
  [[nodiscard]] bool is_ending();

  std::shared_ptr<LoopDoor> door_;
  runs::Runner* runner_;
  CageFolders folders_;
  std::int64_t life_;
  std::atomic<std::uint64_t> count_ = 0;
  std::mutex mutex_;
  bool ending_ = false;
  bool closed_ = false;
  std::set<std::shared_ptr<Waiting>> waiting_;
};

}  // namespace host::dispatch
