// SPDX-License-Identifier: Apache-2.0
#include "plugins/plugin_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "plugins/elf.hpp"

namespace host {
namespace {

std::int64_t nanoseconds(const struct timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// The coarsest time stamps of a file system in use are those of FAT: two seconds.
constexpr std::int64_t kGrain = 2'500'000'000;

struct stat stat_of(int fd, const std::filesystem::path& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) throw system_error("examining \"" + path.string() + "\"");
  return info;
}

}  // namespace

Fd open_plugin_file(const std::filesystem::path& path) {
  const std::string quoted = "\"" + path.string() + "\"";
  // O_NONBLOCK, or a FIFO under this name would hang the host.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!fd && errno == ELOOP)
    throw RefusedError(Refusal::symbolic_link, Code::denied, quoted + " is a symbolic link",
                       "Put the file itself into the folder.");
  if (!fd) throw system_error("opening " + quoted, "Check its owner and mode.");
  if (!S_ISREG(stat_of(fd.get(), path).st_mode))
    throw RefusedError(Refusal::not_a_file, Code::invalid, quoted + " is not a regular file",
                       "Remove it.");
  return fd;
}

void check_plugin_trusted(int fd, const std::filesystem::path& path, bool allow_sticky) try {
  check_trusted(fd, path, allow_sticky);
} catch (const Error& error) {
  if (error.code() == Code::denied) throw RefusedError(Refusal::untrusted, error);
  throw;
}

struct PluginFiles::Open {
  Fd fd;
  Identity identity;
};

PluginFiles::Open PluginFiles::open(const std::filesystem::path& path) {
  Open file{.fd = open_plugin_file(path), .identity = {}};
  const auto info = stat_of(file.fd.get(), path);
  file.identity = {.device = info.st_dev,
                   .inode = info.st_ino,
                   .size = static_cast<std::uint64_t>(info.st_size),
                   .modified = nanoseconds(info.st_mtim),
                   .changed = nanoseconds(info.st_ctim)};
  return file;
}

bool PluginFiles::settled(const Identity& identity) {
  struct timespec now {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now) - std::max(identity.modified, identity.changed) > kGrain;
}

void PluginFiles::check(const Open& file, const std::filesystem::path& path, bool allow_sticky) {
  check_plugin_trusted(file.fd.get(), path, allow_sticky);
}

std::shared_ptr<const PluginFile> PluginFiles::read(const std::filesystem::path& path,
                                                    bool allow_sticky) {
  auto& known = files_[path];
  known.used = true;
  bool opened = false;
  try {
    const Open file = open(path);
    opened = true;
    if (!known.file || !known.settled || known.identity != file.identity) {
      known.identity = file.identity;
      known.settled = settled(file.identity);
      known.file = examine(file.fd.get(), path);
    }
    check(file, path, allow_sticky);
  } catch (const Error& error) {
    // What it holds may still be shown; that it isn't trusted is the first thing to say.
    auto refused = opened && known.file ? std::make_shared<PluginFile>(*known.file)
                                        : std::make_shared<PluginFile>();
    refused->refusal = host::refused(error);
    return refused;
  }
  return known.file;
}

std::shared_ptr<const PluginFile> PluginFiles::examine(int fd,
                                                       const std::filesystem::path& path) const {
  auto file = std::make_shared<PluginFile>();
  try {
    file->text = read_manifest_section(fd, path);
    file->reading = read_manifest(file->text, host_abi_);
  } catch (const Error& error) {
    file->refusal = refused(error);
  }
  return file;
}

std::shared_ptr<const PluginImage> PluginFiles::load(const std::filesystem::path& path,
                                                     bool allow_sticky, const std::string& text) {
  auto& known = files_[path];
  known.used = true;
  const Open file = open(path);
  check(file, path, allow_sticky);
  if (known.image && known.hash_settled && known.hashed == file.identity) return known.image;
  const bool is_settled = settled(file.identity);
  auto image = PluginImage::copy_of(file.fd.get(), path);
  if (read_manifest_section(image->fd(), path) != text)
    throw RefusedError(Refusal::changing, Code::conflict,
                       "\"" + path.string() + "\" changed while it was read",
                       "Install a plugin by writing it under another name and renaming it.");
  known.hashed = file.identity;
  known.hash_settled = is_settled;
  known.hash = image->sha256;
  // A file that was only touched is the same plugin: no worker has to go.
  if (!known.image || known.image->sha256 != image->sha256) known.image = std::move(image);
  return known.image;
}

std::string PluginFiles::sha256(const std::filesystem::path& path, bool allow_sticky) {
  auto& known = files_[path];
  known.used = true;
  const Open file = open(path);
  check(file, path, allow_sticky);
  if (!known.hash.empty() && known.hash_settled && known.hashed == file.identity) return known.hash;
  const bool is_settled = settled(file.identity);
  known.hash = sha256_of(file.fd.get(), path);
  known.hashed = file.identity;
  known.hash_settled = is_settled;
  if (known.image && known.image->sha256 != known.hash) known.image.reset();
  return known.hash;
}

void PluginFiles::unload(const std::filesystem::path& path) {
  if (const auto found = files_.find(path); found != files_.end()) found->second.image.reset();
}

void PluginFiles::forget_unused() {
  std::erase_if(files_, [](const auto& item) { return !item.second.used; });
  for (auto& [path, known] : files_) known.used = false;
}

}  // namespace host
