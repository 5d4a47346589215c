// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "deadman/apart.hpp"
#include "deadman/silence.hpp"
#include "deadman/stamp.hpp"

namespace host::deadman {

// Looks at stamps without ever waiting longer than `limit` for one: a file system or a directory of
// users that is away answers no call, and nothing but the end of the process ends such a call. So
// each look is taken by a thread of its own. One that takes too long is left behind with it and
// says nothing either way; until it ends, the next looks at that stamp say so at once, so there is
// never more than one thread a stamp. The more of them hang, the shorter is waited for the next, so
// that a hundred take half a minute in all. What is left behind ends with the process and keeps
// neither this object nor the process from their ends; but for a wait that not even SIGKILL ends,
// as FUSE has them, which keeps the process until it is over. Its files are closed all the same and
// its locks free, as such a thread has none of them. What it sees at last is thrown away, and the
// next look is a new one: another deadman may have judged a later sign meanwhile, and an older one
// would pass for life. One thread at a time.
class StampLooker {
 public:
  using Look = std::function<Sign(const std::filesystem::path& stamp, const std::string& user)>;
  // Has `work` done by a thread that nobody waits for. Throws std::system_error where none is to be
  // had.
  using Start = std::function<void(std::function<void()> work)>;

  // `look` may still be running when this object is gone.
  explicit StampLooker(
      Duration limit = std::chrono::seconds(5), Look look = look_at_stamp,
      Start start = [](auto work) { start_apart(std::move(work)); });

  // See look_at_stamp(). Never throws for what is on the disk.
  [[nodiscard]] Sign look(const std::filesystem::path& stamp, const std::string& user);

 private:
  class Visit;
  using Key = std::pair<std::filesystem::path, std::string>;  // stamp and user
  struct LeftBehind {
    std::shared_ptr<Visit> visit;
    Duration waited;  // before it was
  };
  // How many looks hang now.
  [[nodiscard]] std::size_t hanging();

  Duration limit_;
  Look look_;
  Start start_;
  std::map<Key, LeftBehind> left_behind_;
};

}  // namespace host::deadman
