// SPDX-License-Identifier: Apache-2.0
#include "new_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "files.hpp"
#include "pair_hash.hpp"

namespace provenance {
namespace {

constexpr std::size_t kBlock = 1 << 20;
constexpr std::size_t kAligned = 4096;  // in memory and in the file, for what passes the page cache
constexpr off_t kOnItsWay = 8 << 20;

struct Freed {
  void operator()(char* block) const { std::free(block); }
};

struct Block {
  std::unique_ptr<char, Freed> bytes;
  std::size_t size = 0;

  void take(std::string_view more) {
    if (!bytes) bytes.reset(static_cast<char*>(std::aligned_alloc(kAligned, kBlock)));
    if (!bytes) throw std::bad_alloc();
    std::memcpy(bytes.get() + size, more.data(), more.size());
    size += more.size();
  }
  [[nodiscard]] std::string_view text() const { return {bytes.get(), size}; }
};

}  // namespace

class NewFile::Writing {
 public:
  explicit Writing(const std::filesystem::path& path) : path_(path), file_(-1) {
    remove_file(path_);  // not opened with O_TRUNC, which the cage may deny
    file_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file_) fail_on("create", path_);
  }
  ~Writing() { end_thread(); }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

  void append(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto some = std::min(bytes.size(), kBlock - filling_.size);
      filling_.take(bytes.substr(0, some));
      bytes.remove_prefix(some);
      if (filling_.size == kBlock) hand_over();
    }
  }

  // Returns the hash.
  std::string finish() {
    end_thread();
    if (failure_) std::rethrow_exception(failure_);
    go_direct(false);
    put(filling_.text());
    if (::fsync(file_.get()) != 0) fail_on("sync", path_);
    return hash_.hex();
  }

 private:
  void hand_over() {
    if (!thread_.joinable() && !start_thread()) {
      put(filling_.text());
      filling_.size = 0;
      return;
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return leaving_.size == 0; });
    if (failure_) std::rethrow_exception(failure_);
    std::swap(filling_, leaving_);
    changed_.notify_all();
  }

  bool start_thread() {
    if (alone_) return false;
    go_direct(true);
    try {
      thread_ = std::thread([this] { write_what_comes(); });
    } catch (const std::system_error&) {
      alone_ = true;
    }
    return !alone_;
  }

  void end_thread() noexcept {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  // On the thread. After a failure nothing is written, and who hands over is told.
  void write_what_comes() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return leaving_.size > 0 || ended_; });
      if (leaving_.size == 0) return;
      lock.unlock();
      std::exception_ptr failure;
      try {
        put(leaving_.text());
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      leaving_.size = 0;
      if (failure) failure_ = failure;
      changed_.notify_all();
      if (failure) return;
    }
  }

  void put(std::string_view bytes) {
    hash_.update(bytes);
    write_all(bytes);
    // On its way to the disk while more is made, so that fsync waits for little. Where that can't
    // be asked for, fsync does it all.
    if (direct_ || written_ - started_ < kOnItsWay) return;
    (void)::sync_file_range(file_.get(), started_, written_ - started_, SYNC_FILE_RANGE_WRITE);
    started_ = written_;
  }

  void write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      // Some disks want larger blocks, and some file systems say only now that they don't do it.
      if (written < 0 && errno == EINVAL && direct_) {
        go_direct(false);
        continue;
      }
      if (written < 0) fail_on("write", path_);
      bytes.remove_prefix(static_cast<std::size_t>(written));
      written_ += written;
    }
  }

  // Whether writes pass the page cache. Where they can't they don't.
  void go_direct(bool on) {
    if (on == direct_) return;
    const int flags = ::fcntl(file_.get(), F_GETFL);
    if (flags < 0) return;
    const int wanted = on ? flags | O_DIRECT : flags & ~O_DIRECT;
    if (::fcntl(file_.get(), F_SETFL, wanted) == 0) direct_ = on;
  }

  const std::filesystem::path& path_;
  Descriptor file_;
  bool direct_ = false;
  Block filling_;
  Sha256 hash_;
  off_t written_ = 0, started_ = 0;  // bytes; and of those, which were sent on their way

  std::thread thread_;
  bool alone_ = false;  // none can be started
  std::mutex mutex_;
  std::condition_variable changed_;
  Block leaving_;  // of the thread, where it has a size
  bool ended_ = false;
  std::exception_ptr failure_;
};

NewFile::NewFile(std::filesystem::path path)
    : path_(std::move(path)), writing_(std::make_unique<Writing>(path_)) {}

NewFile::~NewFile() = default;

void NewFile::append(std::string_view bytes) { writing_->append(bytes); }

void NewFile::seal() {
  if (!writing_) return;
  sha256_ = writing_->finish();
  writing_.reset();
}

void NewFile::publish(const std::filesystem::path& as) {
  seal();
  if (::rename(path_.c_str(), as.c_str()) != 0) fail_on("publish", as);
}

}  // namespace provenance
