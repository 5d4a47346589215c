// SPDX-License-Identifier: Apache-2.0
//
// Files into an agent's scratch before it runs, and out of it after. What comes out was the
// agent's: nothing there is opened but by a name below a folder that is held open, and no link is
// followed.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "dispatch/agent.hpp"
#include "dispatch/agent_scratch.hpp"
#include "dispatch/verify_tree_file.hpp"
#include "workspaces/git_path.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostCopied = std::uint64_t{64} << 20;
constexpr std::uint64_t kMostKept = std::uint64_t{256} << 20;
constexpr int kMostFiles = 10'000;
constexpr int kMostDepth = 32;

void make_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    throw system_error("making \"" + folder.string() + "\"");
}

void write_new(const AgentFile& file) {
  const Fd fd(
      ::open(file.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, file.mode));
  if (!fd) throw system_error("making \"" + file.path.string() + "\"");
  std::string_view left = file.content;
  while (!left.empty()) {
    const auto written = ::write(fd.get(), left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_error("writing \"" + file.path.string() + "\"");
    left.remove_prefix(static_cast<std::size_t>(written));
  }
}

// Copies one file or folder, within a bound that all of its copies share.
class Copier {
 public:
  // `strict`: what can't be taken is an Error. Else it is left out, and `left_out` says why.
  Copier(std::uint64_t most_bytes, bool strict) : bytes_left_(most_bytes), strict_(strict) {}

  // `folder` holds it, open; no link is followed. Nothing happens where there is nothing.
  void copy(int folder, const std::string& name, const fs::path& to) {
    copy_at(folder, name.c_str(), to, name, 0);
  }
  [[nodiscard]] const std::vector<std::string>& left_out() const { return left_out_; }

 private:
  void copy_at(int folder, const char* name, const fs::path& to, const std::string& shown,
               int depth) {
    const Fd fd(::openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (!fd) {
      if (errno != ENOENT) leave_out(shown, errno == ELOOP ? "is a link" : "can't be read");
      return;
    }
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) throw system_error("looking at a file of an agent's");
    if (S_ISDIR(info.st_mode))
      copy_folder(fd, to, shown, depth);
    else if (S_ISREG(info.st_mode))
      copy_file(fd, info, to, shown);
    else
      leave_out(shown, "is no file");
  }

  void copy_folder(const Fd& fd, const fs::path& to, const std::string& shown, int depth) {
    if (depth >= kMostDepth) return leave_out(shown, "lies too deep");
    make_folder(to);
    for (const auto& name : names_in(fd))
      copy_at(fd.get(), name.c_str(), to / name, shown + "/" + name, depth + 1);
  }

  std::vector<std::string> names_in(const Fd& fd) {
    std::vector<std::string> names;
    DIR* stream = ::fdopendir(fd.duplicate().release());
    if (stream == nullptr) throw system_error("reading a folder of an agent's");
    while (const dirent* entry = ::readdir(stream)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != ".." && names.size() <= kMostFiles) names.emplace_back(name);
    }
    ::closedir(stream);
    std::sort(names.begin(), names.end());
    return names;
  }

  void copy_file(const Fd& fd, const struct stat& info, const fs::path& to,
                 const std::string& shown) {
    if (files_ >= kMostFiles) return leave_out(shown, "is one file too many", Code::too_large);
    if (static_cast<std::uint64_t>(info.st_size) > bytes_left_)
      return leave_out(shown, "is too large", Code::too_large);
    ++files_;
    const Fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                        0600 | (info.st_mode & 0100)));
    if (!out) throw system_error("making \"" + to.string() + "\"");
    pour(fd, out, to);
  }

  // The file may grow meanwhile: no more than what is left is taken.
  void pour(const Fd& from, const Fd& out, const fs::path& to) {
    std::array<char, 65536> piece{};
    while (bytes_left_ > 0) {
      const auto wanted = std::min<std::uint64_t>(piece.size(), bytes_left_);
      const auto got = ::read(from.get(), piece.data(), wanted);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw system_error("reading for \"" + to.string() + "\"");
      if (got == 0) return;
      for (ssize_t done = 0; done < got;) {
        const auto written =
            ::write(out.get(), piece.data() + done, static_cast<std::size_t>(got - done));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw system_error("writing \"" + to.string() + "\"");
        done += written;
      }
      bytes_left_ -= static_cast<std::uint64_t>(got);
    }
  }

  void leave_out(const std::string& shown, std::string_view why, Code code = Code::invalid) {
    const auto text = workspaces::shown_path(shown) + " " + std::string(why);
    if (strict_ && code == Code::too_large)
      throw Error(code, text + " to be copied for an agent", "Make the folder smaller.");
    if (left_out_.size() < 20) left_out_.push_back(text);
  }

  std::uint64_t bytes_left_;
  bool strict_;
  int files_ = 0;
  std::vector<std::string> left_out_;
};

}  // namespace

void prepare(const AgentLaunch& launch) {
  for (const auto& folder : launch.folders) make_folder(folder);
  Copier copier(kMostCopied, true);
  for (const auto& each : launch.copies) {
    // The operator's own may be a link, to where he keeps it.
    std::error_code none;
    const auto real = fs::canonical(each.from, none);
    if (!none) copier.copy(AT_FDCWD, real.string(), each.to);
  }
  for (const auto& file : launch.files) write_new(file);
}

std::vector<std::string> keep(const fs::path& scratch, const std::vector<fs::path>& kept,
                              const fs::path& folder) {
  make_directories(folder, 0700);
  Copier copier(kMostKept, false);
  for (const auto& each : kept) {
    const auto inside = each.lexically_relative(scratch);
    const Fd parent = open_below(scratch, inside.parent_path(), O_RDONLY | O_DIRECTORY);
    if (parent) copier.copy(parent.get(), each.filename().string(), folder / each.filename());
  }
  return copier.left_out();
}

}  // namespace host::dispatch
