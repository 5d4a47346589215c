// SPDX-License-Identifier: Apache-2.0
//
// What a plugin prints and logs, on its way to the host's log: cut into lines, made harmless,
// bounded. Never parsed.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/loop.hpp"

namespace boost::asio {
class io_context;
}

namespace host {

inline constexpr std::size_t kLineCap = 8 * 1024;

// One line that is safe to print: control characters and line breaks are escaped ("\n", "\x1b"), at
// most kLineCap bytes.
[[nodiscard]] std::string printable(std::string_view text);

// Cuts a stream into lines without their ends. What goes beyond kLineCap in one line is left out.
class LineSplitter {
 public:
  // Calls `line` for each that became whole.
  void feed(std::string_view bytes, const std::function<void(std::string_view)>& line);
  // The last one, if it has no end.
  void finish(const std::function<void(std::string_view)>& line);

 private:
  std::string begun_;
};

// How many lines may pass: a burst, and so many a second after it.
class LineLimit {
 public:
  LineLimit(double per_second, int burst) : per_second_(per_second), burst_(burst), left_(burst) {}
  // Whether one may pass at `now`; if not, it counts as dropped.
  [[nodiscard]] bool pass(MonotonicTime now);
  // How many were dropped since the last call.
  [[nodiscard]] std::uint64_t take_dropped() { return std::exchange(dropped_, 0); }

 private:
  double per_second_;
  double burst_;
  double left_;
  MonotonicTime last_{};
  std::uint64_t dropped_ = 0;
};

// The last lines of a run, up to a cap of bytes.
class LastLines {
 public:
  explicit LastLines(std::size_t cap) : cap_(cap) {}
  void add(std::string_view line);
  void clear();
  // Joined by line breaks.
  [[nodiscard]] std::string text() const;

 private:
  std::size_t cap_;
  std::size_t size_ = 0;
  std::deque<std::string> lines_;
};

// Reads the pipe behind a worker's stdout and stderr. A worker that floods it is slowed down, not
// its host: at most kReadCap bytes are taken in kReadPeriod. Loop thread.
class OutputPipe {
 public:
  static constexpr std::size_t kReadCap = 1u << 20;
  static constexpr Duration kReadPeriod = std::chrono::milliseconds(50);

  // `readable`: called before the lines are read when there are some, so that what the worker said
  // on its channel before it printed them can be taken first.
  OutputPipe(boost::asio::io_context& context, Loop& loop, Fd pipe, std::function<void()> readable,
             std::function<void(std::string_view)> line);
  ~OutputPipe();

  // Takes what is there now. Call it before what the worker said later is acted upon.
  void read_now();
  // The worker is dead: takes the rest, the unfinished line too.
  void read_rest();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace host
