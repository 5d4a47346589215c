// SPDX-License-Identifier: Apache-2.0
#include "workspaces/import_quarantine.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "workspaces/clone_remove.hpp"
#include "workspaces/git_error.hpp"

namespace host::workspaces {
namespace {

namespace fs = std::filesystem;

// All that git-fsck(1) warns of, and some that it only mentions.
constexpr const char* kStrict =
    "--strict=badFilemode=error,gitmodulesParse=error,gitignoreSymlink=error,"
    "gitattributesSymlink=error";

constexpr std::string_view kDiskFull = "No space left on device";

fs::path new_folder(const fs::path& parent) {
  std::string name = (parent / "import.XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw system_error("making a quarantine");
  make_directories(fs::path(name) / "info", 0700);
  make_directories(fs::path(name) / "pack", 0700);
  return name;
}

// A path in a list of paths, which ':' would end.
std::string quoted(const fs::path& path) {
  std::string out = "\"";
  for (const char c : path.string()) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// "name type size" of git cat-file --batch-check.
std::pair<std::string, NewObject> object_in(std::string_view line) {
  const auto type_at = line.find(' ');
  const auto size_at = line.rfind(' ');
  NewObject object;
  if (type_at == line.npos || size_at == type_at ||
      std::from_chars(line.data() + size_at + 1, line.data() + line.size(), object.bytes).ec !=
          std::errc())
    throw Error(Code::internal, "git cat-file prints \"" + one_line(line) + "\"");
  object.type = line.substr(type_at + 1, size_at - type_at - 1);
  return {std::string(line.substr(0, type_at)), std::move(object)};
}

// "out of memory", "Out of memory".
bool lacks_memory(std::string_view text) { return text.find("ut of memory") != text.npos; }

[[noreturn]] void blame_the_work(const Error& error) {
  constexpr const char* kNextStep = "Nothing was taken in. Have the work made anew, and smaller.";
  if (error.message().find(kDiskFull) != std::string::npos) throw error;
  if (lacks_memory(error.message()))
    throw Error(Code::too_large, "the work needs too much memory: " + error.message(), kNextStep);
  if (error.code() == Code::timed_out) throw Error(Code::too_large, error.message(), kNextStep);
  if (error.code() == Code::io) throw Error(Code::corrupt, error.message(), kNextStep);
  throw error;
}

}  // namespace

Quarantine::Quarantine(const Mirror& mirror, int held, Duration limit)
    : mirror_(&mirror), held_(held), limit_(limit), folder_(new_folder(mirror.quarantines())) {}

Quarantine::~Quarantine() {
  try {
    remove_tree(folder_);
  } catch (const Error&) {  // Mirror::recover() removes it
  }
}

GitCommand Quarantine::command(std::vector<std::string> arguments) const {
  auto command = mirror_->command(std::move(arguments));
  command.environment = {
      {"GIT_OBJECT_DIRECTORY", folder_.string()},
      {"GIT_ALTERNATE_OBJECT_DIRECTORIES", quoted(mirror_->git_dir() / "objects")}};
  command.held = held_;
  command.limit = limit_;
  return command;
}

GitEnding Quarantine::run(const GitCommand& command) const {
  try {
    return mirror_->git().run(command);
  } catch (const Error& error) {
    blame_the_work(error);
  }
}

std::string Quarantine::must(const GitCommand& command, std::string_view doing) const {
  try {
    return mirror_->git().must(command, doing);
  } catch (const Error& error) {
    blame_the_work(error);
  }
}

void Quarantine::take(int pack, std::uint64_t most_bytes) const {
  auto index = command({"index-pack", kStrict, "--stdin", "--fix-thin", "--threads=1",
                        fmt::format("--max-input-size={}", most_bytes)});
  index.input = pack;
  const auto ending = run(index);
  if (ending.status == 0) return;
  if (ending.errors.find("maximum allowed size") != std::string::npos)
    throw Error(Code::too_large, fmt::format("the pack is larger than {} bytes", most_bytes));
  if (ending.errors.find(kDiskFull) != std::string::npos)
    throw git_error("taking in a bundle", ending.status, ending.errors);
  if (lacks_memory(ending.errors))
    throw Error(Code::too_large, "the pack needs too much memory: " + ending.errors);
  throw Error(Code::corrupt, "git takes no such pack: " + ending.errors,
              "Nothing was taken in. Have the work made anew in a fresh clone.");
}

std::map<std::string, NewObject> Quarantine::objects(const ImportLimits& limits) const {
  auto list = command({"cat-file", "--batch-all-objects", "--unordered",
                       "--batch-check=%(objectname) %(objecttype) %(objectsize)"});
  list.environment.erase("GIT_ALTERNATE_OBJECT_DIRECTORIES");
  list.most_output = std::size_t{64} << 20;
  const auto text = must(list, "listing what came");
  std::map<std::string, NewObject> all;
  std::uint64_t bytes = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    auto object = object_in(line);
    bytes += object.second.bytes;
    all.insert(std::move(object));
  }
  if (bytes > limits.unpacked_bytes)
    throw Error(Code::too_large,
                fmt::format("the work is {} bytes unpacked, and {} are the most", bytes,
                            limits.unpacked_bytes),
                "Leave built files and data out of the commits.");
  return all;
}

}  // namespace host::workspaces
