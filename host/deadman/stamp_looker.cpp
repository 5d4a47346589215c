// SPDX-License-Identifier: Apache-2.0
#include "deadman/stamp_looker.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <system_error>

namespace host::deadman {
namespace {

Sign nothing_seen(std::string why) { return {Sign::Kind::untrusted, std::move(why)}; }

}  // namespace

// One look, shared by who waits for it and the thread that takes it.
class StampLooker::Visit {
 public:
  void end(Sign sign) {
    const std::scoped_lock lock(mutex_);
    sign_ = std::move(sign);
    ended_.notify_all();
  }
  // None when it takes longer.
  [[nodiscard]] std::optional<Sign> wait(Duration limit) {
    std::unique_lock lock(mutex_);
    ended_.wait_for(lock, limit, [this] { return sign_.has_value(); });
    return sign_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  std::optional<Sign> sign_;
};

StampLooker::StampLooker(Duration limit, Look look, Start start)
    : limit_(limit), look_(std::move(look)), start_(std::move(start)) {}

Sign StampLooker::look(const std::filesystem::path& stamp, const std::string& user) {
  const Key key(stamp, user);
  // The same text each time, so that it is told once.
  const auto hangs = [&](Duration waited) {
    return nothing_seen("looking at " + stamp.string() + " takes longer than " +
                        format_duration(waited) +
                        "; see after its file system and the directory of " + "users");
  };
  if (const auto last = left_behind_.find(key); last != left_behind_.end()) {
    if (!last->second.visit->wait(Duration::zero())) return hangs(last->second.waited);
    left_behind_.erase(last);
  }
  const auto visit = std::make_shared<Visit>();
  try {
    start_([visit, look = look_, stamp, user] {
      try {
        visit->end(look(stamp, user));
      } catch (const std::exception& failure) {
        visit->end(nothing_seen(failure.what()));
      }
    });
  } catch (const std::system_error& failure) {
    return nothing_seen(std::string("no thread can be had to look at it: ") + failure.what());
  }
  const auto limit = limit_ / (1 << std::min<std::size_t>(hanging(), 5));
  if (auto sign = visit->wait(limit)) return *std::move(sign);
  left_behind_.emplace(key, LeftBehind{visit, limit});
  return hangs(limit);
}

// Those that ended meanwhile and that nobody asked for again, as nobody watches them any more, go.
std::size_t StampLooker::hanging() {
  std::erase_if(left_behind_, [](const auto& each) {
    return each.second.visit->wait(Duration::zero()).has_value();
  });
  return left_behind_.size();
}

}  // namespace host::deadman
