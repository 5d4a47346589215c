// SPDX-License-Identifier: Apache-2.0
#include "workspaces/clone_bundle.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "workspaces/clone_files.hpp"
#include "workspaces/git_error.hpp"

namespace host::workspaces {
namespace {

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_error("writing a bundle", "Check the free space.");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

Fd new_file(const std::filesystem::path& path) {
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) throw system_error("making \"" + path.string() + "\"");
  return file;
}

CagedCommand command_for(const Git& git, const Clone& clone) {
  // The settings spare an honest agent an accident with its own; a dishonest one has its cage.
  return {
      .arguments = {git.program().string(), "-c", "core.fsmonitor=false", "-c",
                    "core.hooksPath=/dev/null", "-c", "pack.threads=1", "bundle", "create",
                    "--quiet", std::string(kResultFile), "HEAD", "^" + clone.record.base.text()},
      .folder = clone.tree(),
      // The configuration there may name a FIFO to be read: that ends here.
      .limit = std::chrono::minutes(1),
      // What git says is read below.
      .environment = {{"LC_ALL", "C"}}};
}

}  // namespace

bool bundle_work(CagedRunner& cage, const Git& git, const Clone& clone, std::uint64_t most_bytes) {
  check_git_files(clone);
  const Fd file = new_file(clone.bundle());
  std::uint64_t bytes = 0;
  const auto ending = cage.run(command_for(git, clone), [&](std::string_view piece) {
    bytes += piece.size();
    if (bytes > most_bytes) return false;
    write_all(file.get(), piece);
    return true;
  });
  const auto of =
      fmt::format("the work on {}#{}", clone.record.item.repository, clone.record.item.number);
  if (ending.kind == BoundedEnding::Kind::stopped)
    throw Error(Code::too_large,
                fmt::format("{} is larger than {} bytes as a bundle", of, most_bytes),
                "Leave built files and data out of the commits.");
  if (ending.kind == BoundedEnding::Kind::timed_out)
    throw Error(Code::timed_out, "bundling " + of + " took too long");
  if (ending.ok()) return true;
  if (ending.errors.find("empty bundle") != std::string::npos) return false;
  // No fault of the work's: it comes out as soon as there is room.
  if (ending.errors.find("No space left on device") != std::string::npos)
    throw git_error("bundling " + of, ending.number, one_line(ending.errors));
  throw Error(Code::invalid,
              fmt::format("git makes no bundle of {}: {}", of, one_line(ending.errors)),
              "Look at the clone: " + clone.tree().string());
}

}  // namespace host::workspaces
