// SPDX-License-Identifier: Apache-2.0
#include "base/file_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/file.hpp"
#include "base/quiet.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kGone = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT;
constexpr std::uint32_t kItself =
    IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
// Of its folder, or the nearest parent that is there: what comes and goes, not what is written.
constexpr std::uint32_t kBeside =
    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;

}  // namespace

class FileWatch::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(boost::asio::io_context& context, Loop& loop, Log log, fs::path file,
       std::function<void()> changed, Duration settle)
      : stream_(context),
        log_(std::move(log)),
        file_(std::move(file)),
        quiet_(loop, settle, std::move(changed)) {}

  void start() {
    Fd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!fd) return give_up();
    stream_.assign(fd.release());
    arm();
    wait();
  }

  void stop() {
    stopped_ = true;
    quiet_.cancel();
    boost::system::error_code ignored;
    stream_.close(ignored);
  }

  [[nodiscard]] std::size_t wakeups() const { return wakeups_; }

 private:
  void give_up() {
    log_.warn("{} can't be watched ({}); after a change run: timmy-host reload", file_.string(),
              std::strerror(errno));
  }

  // The nearest folder that is there; the level is 0 for the file's own.
  struct Place {
    int watch = -1;
    int level = 0;
    bool operator==(const Place&) const = default;
  };
  [[nodiscard]] Place folder() {
    Place at;
    for (fs::path path = file_.parent_path();; path = path.parent_path(), ++at.level) {
      at.watch = ::inotify_add_watch(stream_.native_handle(), path.c_str(), kBeside | IN_ONLYDIR);
      if (at.watch >= 0 || path.empty() || path == path.parent_path()) return at;
    }
  }

  // The folder first: a file that comes between the two makes an event there.
  void arm() {
    Place at = folder();
    // What appeared before the parent's watch stood made no event: look again until it holds.
    for (Place next; at.level > 0 && (next = folder()).level != at.level;) at = next;
    if (at.watch < 0) give_up();
    if (at != folder_) forget(folder_.watch);
    folder_ = at;
    const int file =
        at.level > 0 ? -1 : ::inotify_add_watch(stream_.native_handle(), file_.c_str(), kItself);
    if (file != itself_) forget(itself_);
    itself_ = file;
  }

  void forget(int watch) {
    if (watch >= 0) ::inotify_rm_watch(stream_.native_handle(), watch);
  }

  void wait() {
    stream_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                         if (!error && !self->stopped_) self->read();
                       });
  }

  void read() {
    ++wakeups_;
    alignas(inotify_event) std::array<char, 16384> block;
    bool changed = false, rearm = false;
    for (;;) {
      const auto got = ::read(stream_.native_handle(), block.data(), block.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
        inotify_event event;
        std::memcpy(&event, block.data() + at, sizeof event);
        const char* name = event.len > 0 ? block.data() + at + sizeof event : "";
        at += sizeof event + event.len;
        note(event, name, changed, rearm);
      }
    }
    const bool was_there = folder_.level == 0;
    if (rearm) arm();
    if (changed || (rearm && (was_there || folder_.level == 0))) quiet_.touch();
    wait();
  }

  void note(const inotify_event& event, const char* name, bool& changed, bool& rearm) const {
    const bool lost = (event.mask & IN_Q_OVERFLOW) != 0;
    const bool of_folder = event.wd == folder_.watch;
    const bool comes_or_goes =
        of_folder && ((event.mask & kGone) != 0 || folder_.level > 0 || file_.filename() == name);
    if (lost || comes_or_goes || (event.wd == itself_ && (event.mask & kGone) != 0)) rearm = true;
    if (lost || event.wd == itself_) changed = true;
  }

  boost::asio::posix::stream_descriptor stream_;
  Log log_;
  fs::path file_;
  Quiet quiet_;
  Place folder_;
  int itself_ = -1;
  std::size_t wakeups_ = 0;
  bool stopped_ = false;
};

FileWatch::FileWatch(boost::asio::io_context& context, Loop& loop, Log log, fs::path file,
                     std::function<void()> changed, Duration settle)
    : impl_(std::make_shared<Impl>(context, loop, std::move(log), std::move(file),
                                   std::move(changed), settle)) {
  impl_->start();
}

FileWatch::~FileWatch() { impl_->stop(); }

std::size_t FileWatch::wakeups() const { return impl_->wakeups(); }

}  // namespace host
