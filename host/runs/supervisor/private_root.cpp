// SPDX-License-Identifier: Apache-2.0
#include "runs/supervisor/private_root.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "runs/supervisor/system_paths.hpp"

namespace host::runs::supervisor {
namespace {

namespace fs = std::filesystem;

// Of /dev/shm: memory that no limit on the size of a process sees.
constexpr const char* kSharedMemory = "268435456";

void must(bool done, const std::string& doing) {
  if (!done) throw system_error(doing);
}

void set_attributes(const Fd& tree, std::uint64_t set, const fs::path& path) {
  mount_attr attributes{};
  attributes.attr_set = set;
  must(::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                       sizeof attributes) == 0,
       "making a mount of " + path.string());
}

// A copy of the mount of what `object` stands for, which nothing is attached to yet.
Fd detached(const Fd& object, std::uint64_t attributes, const fs::path& path) {
  Fd tree(::open_tree(object.get(), "",
                      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE));
  must(static_cast<bool>(tree), "taking " + path.string());
  set_attributes(tree, attributes, path);
  return tree;
}

Fd open_object(const fs::path& path, int flags = 0) {
  Fd object(::open(path.c_str(), O_PATH | O_CLOEXEC | flags));
  must(static_cast<bool>(object), "opening " + path.string());
  return object;
}

bool is_folder(const Fd& object) {
  struct stat info {};
  return ::fstat(object.get(), &info) == 0 && S_ISDIR(info.st_mode);
}

// By what was opened, so that nobody can change the way after the look.
Fd open_without_links(const fs::path& path) {
  Fd object = open_object(path, O_NOFOLLOW | O_DIRECTORY);
  const auto real = fs::read_symlink("/proc/self/fd/" + std::to_string(object.get()));
  if (real != path)
    throw Error(Code::not_granted,
                path.string() + " passes through a symbolic link, to " + real.string(),
                "Name the path that it leads to.");
  return object;
}

// A file system of the kernel's, not attached to anything. `options`: name, value; a null value: a
// flag.
Fd new_mount(const char* type, std::uint64_t attributes,
             std::initializer_list<std::pair<const char*, const char*>> options) {
  const Fd context(::fsopen(type, FSOPEN_CLOEXEC));
  must(static_cast<bool>(context), std::string("a new ") + type);
  for (const auto& [name, value] : options)
    must(::fsconfig(context.get(), value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, name, value,
                    0) == 0,
         std::string("setting ") + name + " of " + type);
  must(::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0,
       std::string("making a ") + type);
  Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
  must(static_cast<bool>(mount), std::string("mounting a ") + type);
  return mount;
}

// The folder that holds `path`'s last part, made where it is missing; never through a link.
Fd parent_of(int root, const fs::path& path) {
  Fd at(::openat(root, ".", O_PATH | O_CLOEXEC | O_DIRECTORY));
  for (const auto& part : path.parent_path().relative_path()) {
    (void)::mkdirat(at.get(), part.c_str(), 0755);
    Fd next(::openat(at.get(), part.c_str(), O_PATH | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW));
    must(static_cast<bool>(next), "the way to " + path.string());
    at = std::move(next);
  }
  return at;
}

// What a mount can be put on.
Fd mount_point(int root, const fs::path& path, bool folder) {
  const Fd parent = parent_of(root, path);
  const auto last = path.filename();
  if (folder)
    (void)::mkdirat(parent.get(), last.c_str(), 0755);
  else
    Fd(::openat(parent.get(), last.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644));
  Fd point(::openat(parent.get(), last.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
  must(static_cast<bool>(point), "the place for " + path.string());
  return point;
}

void attach(const Fd& tree, const Fd& point, const fs::path& path) {
  must(::move_mount(tree.get(), "", point.get(), "",
                    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0,
       "mounting " + path.string());
}

void link(int root, const fs::path& path, const std::string& target) {
  const Fd parent = parent_of(root, path);
  must(::symlinkat(target.c_str(), parent.get(), path.filename().c_str()) == 0 || errno == EEXIST,
       "the link " + path.string());
}

constexpr std::uint64_t kPlain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
constexpr std::uint64_t kReadOnly = kPlain | MOUNT_ATTR_RDONLY;

}  // namespace

PrivateRoot::PrivateRoot(const RunSpec& spec, bool own_pids, std::vector<std::string>& notes)
    : over_(spec.scratch), own_pids_(own_pids), notes_(&notes) {
  add_system();
  add_readable(spec, notes);
  add_writable(spec);
  // A folder before what lies in it.
  std::stable_sort(parts_.begin(), parts_.end(),
                   [](const Part& a, const Part& b) { return a.path < b.path; });
}

void PrivateRoot::add_system() {
  const auto add = [&](const fs::path& path, std::uint64_t attributes) {
    const Fd object(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (object) parts_.push_back({path, detached(object, attributes, path), is_folder(object)});
  };
  for (const fs::path path : kProgramFolders) {
    std::error_code failed;
    const auto target = fs::read_symlink(path, failed);
    if (failed)
      add(path, kReadOnly);
    else
      links_.emplace_back(path, target);
  }
  for (const fs::path path : kSettings) {
    std::error_code failed;
    const auto target = fs::read_symlink(path, failed);
    // Some read where it leads to: the zone's name.
    if (!failed && target.native().starts_with("/usr/"))
      links_.emplace_back(path, target);
    else
      add(path, kReadOnly);
  }
  for (const fs::path path : kKernelFolders) add(path, kReadOnly);
  for (const fs::path path : kDevices) add(path, MOUNT_ATTR_NOSUID);
}

void PrivateRoot::add_readable(const RunSpec& spec, std::vector<std::string>& notes) {
  for (const auto& path : spec.readable) {
    const Fd object(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (object)
      parts_.push_back({path, detached(object, kReadOnly, path), is_folder(object)});
    else
      notes.push_back("readable, but not to be had: " + system_error(path.string()).message());
  }
}

void PrivateRoot::add_writable(const RunSpec& spec) {
  for (const auto& path : spec.writable)
    parts_.push_back({path, detached(open_without_links(path), kPlain, path), true});
  const fs::path own = spec.scratch / "tmp";
  parts_.push_back({"/tmp", detached(open_without_links(own), kPlain, own), true});
}

void PrivateRoot::enter() {
  must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0,
       "parting from the others' mounts");
  const Fd root = new_mount("tmpfs", kPlain, {{"mode", "0755"}, {"size", "4194304"}});
  attach(root, open_object(over_, O_DIRECTORY), over_);
  for (const auto& [path, target] : links_) link(root.get(), path, target);
  mount_parts(root.get());
  mount_devices(root.get());
  if (own_pids_) mount_proc(root.get());
  must(::fchdir(root.get()) == 0 && ::syscall(SYS_pivot_root, ".", ".") == 0, "changing the root");
  must(::umount2(".", MNT_DETACH) == 0 && ::chdir("/") == 0, "leaving the old root");
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  must(::mount_setattr(root.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0,
       "closing the new root");
}

void PrivateRoot::mount_parts(int root) const {
  for (const auto& part : parts_)
    attach(part.tree, mount_point(root, part.path, part.folder), part.path);
}

void PrivateRoot::mount_devices(int root) const {
  link(root, "/dev/fd", "/proc/self/fd");
  link(root, "/dev/stdin", "/proc/self/fd/0");
  link(root, "/dev/stdout", "/proc/self/fd/1");
  link(root, "/dev/stderr", "/proc/self/fd/2");
  const fs::path shared = "/dev/shm";
  attach(
      new_mount("tmpfs", kPlain | MOUNT_ATTR_NOEXEC, {{"mode", "1777"}, {"size", kSharedMemory}}),
      mount_point(root, shared, true), shared);
  try {
    const fs::path terminals = "/dev/pts";
    const Fd mount = new_mount("devpts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                               {{"newinstance", nullptr}, {"ptmxmode", "0666"}, {"mode", "0620"}});
    attach(mount, mount_point(root, terminals, true), terminals);
    link(root, "/dev/ptmx", "pts/ptmx");
  } catch (const Error& error) {
    notes_->push_back("it has no terminals: " + error.message());
  }
}

// Read-only: /proc/sys is the machine's, and where the run is root's it could be written.
void PrivateRoot::mount_proc(int root) const {
  const fs::path proc = "/proc";
  try {
    attach(new_mount("proc", kReadOnly | MOUNT_ATTR_NOEXEC, {}), mount_point(root, proc, true),
           proc);
  } catch (const Error& error) {
    notes_->push_back("it has no /proc: " + error.message());
  }
}

}  // namespace host::runs::supervisor
