// SPDX-License-Identifier: Apache-2.0
#include "workers/output.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace host {

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(std::min(text.size(), kLineCap));
  for (const char c : text) {
    if (out.size() >= kLineCap) break;
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if ((byte < 0x20 && c != '\t') || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  out.resize(std::min(out.size(), kLineCap));
  return out;
}

void LineSplitter::feed(std::string_view bytes, const std::function<void(std::string_view)>& line) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto part = bytes.substr(0, end);
    begun_.append(part.substr(0, kLineCap - begun_.size()));
    if (end == std::string_view::npos) return;
    line(begun_);
    begun_.clear();
    bytes.remove_prefix(end + 1);
  }
}

void LineSplitter::finish(const std::function<void(std::string_view)>& line) {
  if (!begun_.empty()) line(begun_);
  begun_.clear();
}

bool LineLimit::pass(MonotonicTime now) {
  const std::chrono::duration<double> since = now - last_;
  left_ = std::min(burst_, left_ + since.count() * per_second_);
  last_ = now;
  if (left_ < 1) {
    ++dropped_;
    return false;
  }
  left_ -= 1;
  return true;
}

void LastLines::add(std::string_view line) {
  lines_.emplace_back(line.substr(0, cap_));
  size_ += lines_.back().size() + 1;
  while (size_ > cap_ && lines_.size() > 1) {
    size_ -= lines_.front().size() + 1;
    lines_.pop_front();
  }
}

void LastLines::clear() {
  lines_.clear();
  size_ = 0;
}

std::string LastLines::text() const {
  std::string out;
  for (const auto& line : lines_) (out += line) += '\n';
  if (!out.empty()) out.pop_back();
  return out;
}

class OutputPipe::Impl : public std::enable_shared_from_this<OutputPipe::Impl> {
 public:
  Impl(boost::asio::io_context& context, Loop& loop, Fd pipe, std::function<void()> readable,
       std::function<void(std::string_view)> line)
      : loop_(loop),
        pipe_(context, pipe.release()),
        readable_(std::move(readable)),
        line_(std::move(line)) {
    pipe_.native_non_blocking(true);
  }

  void wait() {
    pipe_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& failed) {
                       if (failed || self->closed_) return;
                       self->readable_();
                       self->read_now();
                       self->wait_or_pause();
                     });
  }

  void read_now() {
    while (!closed_ && !ended_ && taken_ < kReadCap && read_once()) {
    }
    if (taken_ > 0 && !pause_) pause_ = loop_.after(kReadPeriod, [this] { period_over(); });
  }

  void read_rest() {
    // Bounded by what a pipe holds: nobody writes any more.
    while (!closed_ && !ended_ && read_once()) {
    }
    splitter_.finish(line_);
  }

  void close() {
    if (std::exchange(closed_, true)) return;
    pause_.cancel();
    boost::system::error_code ignored;
    pipe_.close(ignored);
  }

 private:
  bool read_once() {
    std::array<char, 16 * 1024> bytes;
    const ssize_t got = ::read(pipe_.native_handle(), bytes.data(), bytes.size());
    if (got < 0) return errno == EINTR;
    if (got == 0) {
      ended_ = true;
      return false;
    }
    taken_ += static_cast<std::size_t>(got);
    splitter_.feed({bytes.data(), static_cast<std::size_t>(got)}, line_);
    return true;
  }

  void wait_or_pause() {
    if (closed_ || ended_) return;
    if (taken_ < kReadCap) return wait();
    paused_ = true;
  }

  void period_over() {
    pause_ = {};
    taken_ = 0;
    if (std::exchange(paused_, false)) wait();
  }

  Loop& loop_;
  boost::asio::posix::stream_descriptor pipe_;
  std::function<void()> readable_;
  std::function<void(std::string_view)> line_;
  LineSplitter splitter_;
  std::size_t taken_ = 0;  // in this period
  Timer pause_;
  bool paused_ = false;
  bool ended_ = false;
  bool closed_ = false;
};

OutputPipe::OutputPipe(boost::asio::io_context& context, Loop& loop, Fd pipe,
                       std::function<void()> readable, std::function<void(std::string_view)> line)
    : impl_(std::make_shared<Impl>(context, loop, std::move(pipe), std::move(readable),
                                   std::move(line))) {
  impl_->wait();
}

OutputPipe::~OutputPipe() { impl_->close(); }
void OutputPipe::read_now() { std::shared_ptr(impl_)->read_now(); }
void OutputPipe::read_rest() { std::shared_ptr(impl_)->read_rest(); }

}  // namespace host
