// SPDX-License-Identifier: Apache-2.0
#include "workspaces/mirror.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/error.hpp"
#include "http/url.hpp"

namespace host::workspaces {
namespace {

namespace fs = std::filesystem;

// All of a mirror's configuration. Written anew whenever it is opened.
constexpr std::string_view kConfig =
    "[core]\n"
    "\trepositoryFormatVersion = 0\n"
    "\tfileMode = true\n"
    "\tbare = true\n"
    "\thooksPath = /dev/null\n"
    "\tfsync = all\n"
    "[gc]\n"
    "\tauto = 0\n"
    "[maintenance]\n"
    "\tauto = false\n"
    "[uploadpack]\n"
    "\tallowAnySHA1InWant = true\n";

// Large enough for any fetch's pack, small enough to leave a disk alive.
constexpr std::uint64_t kLargestPack = std::uint64_t{8} << 30;

// What a clone or an import that began before may still need.
constexpr const char* kOld = "1.hour.ago";

constexpr auto kLockPause = std::chrono::milliseconds(50);

void check_closed(const fs::path& folder) {
  struct stat info {};
  if (::lstat(folder.c_str(), &info) != 0)
    throw system_error("examining \"" + folder.string() + "\"");
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 077) != 0)
    throw Error(Code::denied,
                "\"" + folder.string() + "\" is no folder of this host's user's alone",
                "Run: chmod 700 " + folder.string());
}

bool is_check_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

// What is there before any of it goes: a folder must not change while it is listed.
template <class Wanted>
std::vector<fs::path> found_below(const fs::path& folder, const Wanted& wanted) {
  std::vector<fs::path> found;
  std::error_code failed;
  for (fs::recursive_directory_iterator at(folder, failed), end; !failed && at != end;
       at.increment(failed))
    if (wanted(*at)) found.push_back(at->path());
  if (failed)
    throw system_error(failed.value(), "looking for what is left in \"" + folder.string() + "\"");
  return found;
}

// git's own: a folder of refs may have such a name, a ref may not.
bool is_lock(const fs::directory_entry& entry) {
  return entry.path().extension() == ".lock" && fs::is_regular_file(entry.symlink_status());
}

// Only among objects. Elsewhere it may be a branch.
bool is_unfinished(const fs::directory_entry& entry) {
  return entry.path().filename().string().starts_with("tmp_");
}

// Less than that once it is pulled.
void wait_for_lock(const StopLine* stop) {
  pollfd pulled{stop != nullptr ? stop->fd() : -1, POLLIN, 0};
  (void)::poll(&pulled, 1, static_cast<int>(kLockPause.count()));
  if (pulled.revents != 0) throw Error(Code::unavailable, "the host is stopping");
}

void remove(const std::vector<fs::path>& paths) {
  std::error_code ignored;
  for (const auto& path : paths) fs::remove_all(path, ignored);
}

}  // namespace

MirrorLock::MirrorLock(const fs::path& path, const StopLine* stop, Duration limit)
    : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
  if (!file_) throw system_error("opening \"" + path.string() + "\"");
  const auto end = std::chrono::steady_clock::now() + limit;
  struct flock whole {};
  whole.l_type = F_WRLCK;
  // The kernel's own waiting has no deadline.
  while (::fcntl(file_.get(), F_OFD_SETLK, &whole) != 0) {
    if (errno != EAGAIN && errno != EACCES && errno != EINTR)
      throw system_error("locking \"" + path.string() + "\"");
    if (std::chrono::steady_clock::now() >= end)
      throw Error(
          Code::unavailable,
          fmt::format("\"{}\" is locked for longer than {}", path.string(), format_duration(limit)),
          "Look for a git that hangs: fuser -v " + path.string());
    wait_for_lock(stop);
  }
}

Mirror::Mirror(const Git& git, fs::path folder) : git_(&git), folder_(std::move(folder)) {
  make_directories(folder_, 0700);
  check_closed(folder_);
  create();
}

bool Mirror::is_whole() const {
  const auto config = git_dir() / "config";
  return fs::exists(quarantines()) && fs::exists(git_dir() / "HEAD") && fs::exists(config) &&
         read_file(config, 1 << 16) == kConfig;
}

void Mirror::create() const {
  // Its configuration comes last. Whoever only reads waits for no fetch.
  if (is_whole()) return;
  const auto held = lock();
  make_directories(quarantines(), 0700);
  if (!fs::exists(git_dir() / "HEAD")) {
    auto init =
        GitCommand{.arguments = {"init", "--quiet", "--bare",
                                 "--template=", "--initial-branch=none", git_dir().string()}};
    init.held = held.fd();
    (void)git_->must(init, "making a mirror in " + folder_.string());
  }
  const auto config = git_dir() / "config";
  if (!fs::exists(config) || read_file(config, 1 << 16) != kConfig)
    write_atomically(config, kConfig, 0600);
}

void Mirror::describe(const std::string& repository) const {
  const auto file = git_dir() / "description";
  const auto text = repository + "\n";
  if (!fs::exists(file) || read_file(file, 4096) != text) write_atomically(file, text, 0600);
}

void Mirror::fetch(const GitRemote& remote, const GitCredential* credential,
                   const std::vector<std::string>& tolerated) const {
  auto fetch = remote_command({"fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head",
                               "--no-auto-maintenance", "--no-recurse-submodules",
                               "--refmap=", "--", remote.url, "+refs/heads/*:refs/forge/heads/*"},
                              remote, credential);
  fetch.largest_file = kLargestPack;
  // Always a pack, never a file for each object.
  fetch.settings = {{"fetch.unpackLimit", "1"}};
  for (const auto& check : tolerated) {
    if (!is_check_name(check))
      throw Error(Code::invalid, "\"" + check + "\" is no name of a check of git-fsck(1)");
    fetch.settings.emplace_back("fetch.fsck." + check, "ignore");
  }
  const auto held = lock();
  fetch.held = held.fd();
  describe(remote.repository);
  try {
    (void)git_->must(fetch, "fetching " + remote.repository);
  } catch (const Error&) {
    remove_unfinished(held);
    throw;
  }
}

std::optional<ObjectId> Mirror::head(const std::string& ref) const {
  const auto ending =
      git_->run(command({"rev-parse", "--verify", "--quiet", "--end-of-options", ref}));
  std::string_view text = ending.output;
  if (text.ends_with('\n')) text.remove_suffix(1);
  return ending.status == 0 ? ObjectId::parse(text) : std::nullopt;
}

std::optional<ObjectId> Mirror::forge_head(std::string_view branch) const {
  check_branch(branch, "the branch");
  return head(forge_ref(branch));
}

std::optional<ObjectId> Mirror::work_head(std::string_view branch) const {
  check_branch(branch, "the branch");
  return head(work_ref(branch));
}

bool Mirror::is_ancestor(const ObjectId& older, const ObjectId& newer) const {
  return git_->run(command({"merge-base", "--is-ancestor", older.text(), newer.text()})).status ==
         0;
}

void Mirror::remove_unfinished(const MirrorLock&) const {
  remove(found_below(git_dir(), is_lock));
  remove(found_below(git_dir() / "objects", is_unfinished));
}

void Mirror::recover() const {
  const auto held = lock();
  remove_unfinished(held);
  remove(found_below(quarantines(), [](const auto&) { return true; }));
}

std::map<std::string, ObjectId> Mirror::refs_below(const std::string& folder) const {
  auto list = command({"for-each-ref", "--format=%(objectname) %(refname)", folder});
  list.most_output = std::size_t{16} << 20;
  const auto text = git_->must(list, "listing the work in " + folder_.string());
  std::map<std::string, ObjectId> found;
  for (std::string_view rest = text; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const auto space = line.find(' ');
    if (space == line.npos || !line.substr(space + 1).starts_with(folder)) continue;
    if (const auto id = ObjectId::parse(line.substr(0, space)))
      found.emplace(line.substr(space + 1 + folder.size()), *id);
  }
  return found;
}

std::map<std::string, ObjectId> Mirror::work() const { return refs_below(work_ref("")); }

std::map<int, ObjectId> Mirror::kept_work(std::string_view branch) const {
  check_branch(branch, "the branch");
  std::map<int, ObjectId> kept;
  for (const auto& [name, id] : refs_below(fmt::format("refs/timmy/kept/{}/", branch))) {
    int number = 0;
    const char* const end = name.data() + name.size();
    const auto read = std::from_chars(name.data(), end, number);
    if (read.ec == std::errc() && read.ptr == end) kept.emplace(number, id);
  }
  return kept;
}

void Mirror::change_refs(const MirrorLock& held, const std::string& changes,
                         const std::string& doing) const {
  const auto input = memory_file(changes);
  auto update = command({"update-ref", "--no-deref", "--stdin"});
  update.input = input.get();
  update.held = held.fd();
  (void)git_->must(update, doing);
}

bool Mirror::forget_work(std::string_view branch, const ObjectId& head) const {
  check_branch(branch, "the branch");
  const auto held = lock();
  if (work_head(branch) != head) return false;
  auto changes = fmt::format("delete {} {}\n", work_ref(branch), head.text());
  if (const auto sealed = this->head(sealed_ref(branch)))
    changes += fmt::format("delete {} {}\n", sealed_ref(branch), sealed->text());
  for (const auto& [number, id] : kept_work(branch))
    changes += fmt::format("delete {} {}\n", kept_ref(branch, number), id.text());
  change_refs(held, changes, fmt::format("giving up the work on {}", branch));
  return true;
}

void Mirror::set_work_aside(std::string_view branch) const {
  check_branch(branch, "the branch");
  const auto held = lock();
  const auto work = work_head(branch);
  if (!work) return;
  auto kept = kept_work(branch);
  const int next = kept.empty() ? 1 : kept.rbegin()->first + 1;
  auto changes = fmt::format("create {} {}\ndelete {} {}\n", kept_ref(branch, next), work->text(),
                             work_ref(branch), work->text());
  for (; kept.size() >= kMostKept; kept.erase(kept.begin()))
    changes += fmt::format("delete {} {}\n", kept_ref(branch, kept.begin()->first),
                           kept.begin()->second.text());
  change_refs(held, changes, fmt::format("setting the work on {} aside", branch));
}

void Mirror::tidy(Duration limit, std::size_t most_packs) const {
  const auto held = lock();
  const auto packs = found_below(git_dir() / "objects" / "pack", [](const auto& entry) {
    return entry.path().extension() == ".pack";
  });
  if (packs.size() <= most_packs) return;
  const auto run = [&](std::vector<std::string> arguments) {
    auto step = command(std::move(arguments));
    step.held = held.fd();
    step.limit = limit;
    step.largest_file = kLargestPack;
    step.settings = {{"pack.windowMemory", "128m"}, {"pack.deltaCacheSize", "64m"}};
    (void)git_->must(step, "tidying up " + folder_.string());
  };
  try {
    run({"pack-refs", "--all"});
    run({"repack", "-A", "-d", "--quiet", std::string("--unpack-unreachable=") + kOld});
    run({"prune", std::string("--expire=") + kOld});
  } catch (const Error&) {
    remove_unfinished(held);
    throw;
  }
}

GitCommand Mirror::remote_command(std::vector<std::string> arguments, const GitRemote& remote,
                                  const GitCredential* credential) const {
  const bool tls = check_git_url(remote.url, remote.allow_plaintext) == "https";
  auto reach = command(std::move(arguments));
  reach.protocol = tls ? GitProtocol::https : GitProtocol::http;
  reach.credential = credential;
  reach.far = !parse_url(remote.url).loopback();
  reach.limit = remote.limit;
  return reach;
}

GitCommand Mirror::command(std::vector<std::string> arguments) const {
  GitCommand command;
  command.arguments = std::move(arguments);
  command.git_dir = git_dir();
  return command;
}

std::string Mirror::work_ref(std::string_view branch) {
  return fmt::format("refs/timmy/work/{}", branch);
}

std::string Mirror::sealed_ref(std::string_view branch) {
  return fmt::format("refs/timmy/sealed/{}", branch);
}

std::string Mirror::kept_ref(std::string_view branch, int number) {
  return fmt::format("refs/timmy/kept/{}/{}", branch, number);
}

std::string Mirror::forge_ref(std::string_view branch) {
  return fmt::format("refs/forge/heads/{}", branch);
}

}  // namespace host::workspaces
