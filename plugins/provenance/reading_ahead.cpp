// SPDX-License-Identifier: Apache-2.0
#include "reading_ahead.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace provenance {
namespace {

// Nobody takes any more. Leaves a source's read() and is seen nowhere else.
struct Stopped {};

// All that it holds in memory: whoever writes a store may write much into any of its texts.
std::size_t bytes_of(const Message& message) {
  std::size_t bytes = message.calls.capacity() * sizeof(ToolCall);
  for (const auto* text : {&message.content, &message.call_id, &message.tool_name,
                           &message.finish_reason, &message.anchor, &message.digest})
    bytes += text->capacity();
  for (const auto& call : message.calls)
    bytes += call.id.capacity() + call.name.capacity() + call.arguments.capacity();
  return bytes;
}

std::size_t bytes_of(const Session& session) {
  std::size_t bytes = sizeof session + session.messages.capacity() * sizeof(Message);
  for (const auto* text :
       {&session.id, &session.store.path, &session.source, &session.user, &session.chat,
        &session.provider, &session.model, &session.parent, &session.end_reason, &session.digest})
    bytes += text->capacity();
  for (const auto* notes : {&session.damaged, &session.remarks})
    for (const auto& note : *notes) bytes += sizeof note + note.capacity();
  for (const auto& message : session.messages) bytes += bytes_of(message);
  return bytes;
}

// Sessions on their way from the thread that reads to the one that takes.
class Handover {
 public:
  explicit Handover(std::size_t most) : most_(most) {}

  // Of who reads. Returns when the next one may be begun. Throws Stopped.
  void put(Session&& session) {
    const auto bytes = bytes_of(session);
    std::unique_lock lock(mutex_);
    waiting_.push_back({std::move(session), bytes});
    held_ += bytes;
    if (taker_waits_) changed_.notify_all();
    if (held_ > most_) {
      // Woken when half is gone, not for each session.
      reader_waits_ = true;
      changed_.wait(lock, [&] { return stopped_ || held_ <= most_ / 2; });
      reader_waits_ = false;
    }
    if (stopped_) throw Stopped();
  }
  void end(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    failure_ = std::move(failure);
    changed_.notify_all();
  }

  // Of who takes. False: there is none left. Throws what end() was given, after all that came
  // before it.
  template <class Take>
  bool next(const Take& take) {
    std::unique_lock lock(mutex_);
    taker_waits_ = true;
    changed_.wait(lock, [&] { return ended_ || !waiting_.empty(); });
    taker_waits_ = false;
    if (waiting_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return false;
    }
    const auto bytes = waiting_.front().bytes;
    {
      Session session = std::move(waiting_.front().session);
      waiting_.pop_front();
      lock.unlock();
      take(std::move(session));
    }
    lock.lock();
    held_ -= bytes;
    if (reader_waits_ && held_ <= most_ / 2) changed_.notify_all();
    return true;
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  struct Waiting {
    Session session;
    std::size_t bytes;
  };

  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
  std::size_t held_ = 0;  // bytes of those that wait, and of the one that is being taken
  bool taker_waits_ = false, reader_waits_ = false, stopped_ = false, ended_ = false;
  std::exception_ptr failure_;
};

class Joined {
 public:
  Joined(std::thread thread, Handover& handover)
      : thread_(std::move(thread)), handover_(handover) {}
  ~Joined() {
    handover_.stop();
    thread_.join();
  }
  Joined(const Joined&) = delete;
  Joined& operator=(const Joined&) = delete;

 private:
  std::thread thread_;
  Handover& handover_;
};

std::optional<std::thread> started(const std::function<void()>& what) {
  try {
    return std::thread(what);
  } catch (const std::system_error&) {
    return std::nullopt;
  }
}

}  // namespace

Passed ReadingAhead::read(const timmy::Json& cursor, const std::function<void(Session&&)>& take) {
  Handover handover(most_);
  Passed passed;
  auto thread = started([&] {
    try {
      passed = source_.read(cursor, [&](Session&& session) { handover.put(std::move(session)); });
      handover.end(nullptr);
    } catch (const Stopped&) {
    } catch (...) {
      handover.end(std::current_exception());
    }
  });
  if (!thread) return source_.read(cursor, take);
  const Joined joined(std::move(*thread), handover);
  while (handover.next(take)) {
  }
  return passed;
}

}  // namespace provenance
