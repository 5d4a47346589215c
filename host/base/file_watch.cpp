// SPDX-License-Identifier: Apache-2.0
#include "base/file_watch.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/inotify.hpp"
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

class FileWatch::Impl {
 public:
  Impl(boost::asio::io_context& context, Loop& loop, Log log, fs::path file,
       std::function<void()> changed, Duration settle)
      : inotify_(
            context, [this](const inotify_event& event, const char* name) { note(event, name); },
            [this] { look(); }),
        log_(std::move(log)),
        file_(std::move(file)),
        quiet_(loop, settle, std::move(changed)) {
    if (inotify_.open())
      arm();
    else
      give_up();
  }

  [[nodiscard]] std::size_t wakeups() const { return inotify_.wakeups(); }

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
      at.watch = inotify_.add(path, kBeside | IN_ONLYDIR);
      if (at.watch >= 0 || path.empty() || path == path.parent_path()) return at;
    }
  }

  // The folder first: a file that comes between the two makes an event there.
  void arm() {
    Place at = folder();
    // What appeared before the parent's watch stood made no event: look again until it holds.
    for (Place next; at.level > 0 && (next = folder()).level != at.level;) at = next;
    if (at.watch < 0) give_up();
    if (at != folder_) inotify_.remove(folder_.watch);
    folder_ = at;
    const int file = at.level > 0 ? -1 : inotify_.add(file_, kItself);
    if (file != itself_) inotify_.remove(itself_);
    itself_ = file;
  }

  void look() {
    const bool changed = std::exchange(changed_, false), rearm = std::exchange(rearm_, false);
    const bool was_there = folder_.level == 0;
    if (rearm) arm();
    if (changed || (rearm && (was_there || folder_.level == 0))) quiet_.touch();
  }

  void note(const inotify_event& event, const char* name) {
    const bool lost = (event.mask & IN_Q_OVERFLOW) != 0;
    const bool of_folder = event.wd == folder_.watch;
    const bool comes_or_goes =
        of_folder && ((event.mask & kGone) != 0 || folder_.level > 0 || file_.filename() == name);
    if (lost || comes_or_goes || (event.wd == itself_ && (event.mask & kGone) != 0)) rearm_ = true;
    if (lost || event.wd == itself_) changed_ = true;
  }

  Inotify inotify_;
  Log log_;
  fs::path file_;
  Quiet quiet_;
  Place folder_;
  int itself_ = -1;
  bool changed_ = false, rearm_ = false;  // by the events that came together
};

FileWatch::FileWatch(boost::asio::io_context& context, Loop& loop, Log log, fs::path file,
                     std::function<void()> changed, Duration settle)
    : impl_(std::make_unique<Impl>(context, loop, std::move(log), std::move(file),
                                   std::move(changed), settle)) {}

FileWatch::~FileWatch() = default;

std::size_t FileWatch::wakeups() const { return impl_->wakeups(); }

}  // namespace host
