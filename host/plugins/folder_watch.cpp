// SPDX-License-Identifier: Apache-2.0
#include "plugins/folder_watch.hpp"

#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "base/inotify.hpp"
#include "base/quiet.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kInside = IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_MOVED_FROM |
                                  IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
// Of a parent, only what may bring the missing folder.
constexpr std::uint32_t kAwaiting = IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;

}  // namespace

class FolderWatch::Impl {
 public:
  Impl(boost::asio::io_context& context, Loop& loop, Log log, std::vector<fs::path> folders,
       std::function<void()> changed, Duration settle)
      : inotify_(
            context, [this](const inotify_event& event, const char*) { note(event); },
            [this] { look(); }),
        log_(std::move(log)),
        folders_(std::move(folders)),
        quiet_(loop, settle, std::move(changed)) {
    if (inotify_.open())
      arm();
    else
      give_up(std::strerror(errno));
  }

  [[nodiscard]] bool working() const { return working_; }

 private:
  void give_up(const std::string& why) {
    working_ = false;
    log_.warn("plugin folders can't be watched ({}); after a change run: timmy-host reload", why);
  }

  // A watch on the folder or the nearest parent that is there, and which of them it is: 0 the
  // folder itself, 1 its parent...
  struct Place {
    int watch = -1;
    int level = 0;
  };
  Place place(const fs::path& folder) {
    Place at;
    for (fs::path path = folder;; path = path.parent_path(), ++at.level) {
      // IN_MASK_ADD: one folder may be a plugin folder and the parent of a missing one.
      const auto mask = (at.level == 0 ? kInside : kAwaiting) | IN_ONLYDIR | IN_MASK_ADD;
      at.watch = inotify_.add(path, mask);
      if (at.watch >= 0 || path.empty() || path == path.parent_path()) return at;
    }
  }

  // Puts a watch on each folder, or where it will appear. A watch that stands is left as it is by
  // the kernel. Returns whether a folder has come or gone.
  bool arm() {
    std::map<int, bool> watches;  // number -> of a plugin folder itself
    std::vector<bool> there;
    for (const auto& folder : folders_) {
      Place at = place(folder);
      // What appeared before the parent's watch stood made no event: look again until it holds.
      for (Place next; at.level > 0 && (next = place(folder)).level != at.level;) at = next;
      if (at.watch < 0) give_up(folder.string() + ": " + std::strerror(errno));
      const bool itself = at.watch >= 0 && at.level == 0;
      there.push_back(itself);
      if (at.watch >= 0) watches[at.watch] |= itself;
    }
    for (const auto& [watch, ignored] : watches_)
      if (watches.count(watch) == 0) inotify_.remove(watch);
    watches_ = std::move(watches);
    return std::exchange(there_, there) != there;
  }

  void look() {
    const bool rearm = std::exchange(rearm_, false);
    bool inside = std::exchange(inside_, false);
    if (rearm && arm()) inside = true;
    if (inside) quiet_.touch();
  }

  void note(const inotify_event& event) {
    constexpr std::uint32_t kLost =
        IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT;
    const auto watch = watches_.find(event.wd);
    const bool of_folder = watch != watches_.end() && watch->second;
    // A new folder inside may be one that is awaited.
    if ((event.mask & (kLost | IN_ISDIR)) != 0 || !of_folder) rearm_ = true;
    if (of_folder || (event.mask & IN_Q_OVERFLOW) != 0) inside_ = true;
  }

  Inotify inotify_;
  Log log_;
  std::vector<fs::path> folders_;
  Quiet quiet_;
  std::map<int, bool> watches_;
  std::vector<bool> there_;
  bool inside_ = false, rearm_ = false;  // by the events that came together
  bool working_ = true;
};

FolderWatch::FolderWatch(boost::asio::io_context& context, Loop& loop, Log log,
                         std::vector<fs::path> folders, std::function<void()> changed,
                         Duration settle)
    : impl_(std::make_unique<Impl>(context, loop, std::move(log), std::move(folders),
                                   std::move(changed), settle)) {}

FolderWatch::~FolderWatch() = default;

bool FolderWatch::working() const { return impl_->working(); }

}  // namespace host
