// SPDX-License-Identifier: Apache-2.0
#include "workspaces/import_quarantine.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/bounded_process.hpp"
#include "base/error.hpp"
#include "workspaces/clone_remove.hpp"
#include "workspaces/git_error.hpp"
#include "workspaces/import_lines.hpp"

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
  if (line.ends_with(" missing"))
    throw Error(Code::corrupt, fmt::format("object {} is missing", line.substr(0, line.find(' '))));
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

NewObjects objects_in(std::string_view text) {
  NewObjects all;
  each_line(text, [&](std::string_view line) { all.insert(object_in(line)); });
  return all;
}

// "name type size" and a line feed, the content and a line feed, as git cat-file --batch prints it.
std::map<std::string, std::string> contents_in(std::string_view text, std::string_view type) {
  std::map<std::string, std::string> contents;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto [name, object] = object_in(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
    if (object.type != type || text.size() < object.bytes + 1)
      throw Error(Code::corrupt, fmt::format("object {} is no {}", name, type));
    contents.emplace(std::move(name), text.substr(0, object.bytes));
    text.remove_prefix(object.bytes + 1);
  }
  return contents;
}

// The names of a pack's objects, first to last, from its index: "offset name (crc)".
std::vector<std::string> in_order(std::string_view text) {
  std::vector<std::pair<std::uint64_t, std::string>> all;
  each_line(text, [&](std::string_view line) {
    std::uint64_t offset = 0;
    const auto end = std::from_chars(line.data(), line.data() + line.size(), offset).ptr;
    all.emplace_back(offset, line.substr(static_cast<std::size_t>(end - line.data()) + 1, 40));
  });
  std::sort(all.begin(), all.end());
  std::vector<std::string> names;
  for (auto& each : all) names.push_back(std::move(each.second));
  return names;
}

std::string lines_of(const std::vector<ObjectId>& ids) {
  std::string text;
  for (const auto& id : ids) text += id.text() + "\n";
  return text;
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

NewObjects Quarantine::objects(const ImportLimits& limits, std::uint32_t came) const {
  auto list = command({"cat-file", "--batch-all-objects", "--unordered",
                       "--batch-check=%(objectname) %(objecttype) %(objectsize)"});
  list.environment.erase("GIT_ALTERNATE_OBJECT_DIRECTORIES");
  list.most_output = std::size_t{64} << 20;
  auto all = objects_in(must(list, "listing what came"));
  std::uint64_t bytes = 0;
  for (const auto& each : all) bytes += each.second.bytes;
  if (bytes > limits.unpacked_bytes)
    throw Error(Code::too_large,
                fmt::format("the work is {} bytes unpacked, and {} are the most", bytes,
                            limits.unpacked_bytes),
                "Leave built files and data out of the commits.");
  // index-pack puts what completes a pack behind what came.
  const auto names = in_order(pack_index());
  std::set<std::string_view> sent(
      names.begin(), names.begin() + std::min<std::ptrdiff_t>(came, std::ssize(names)));
  for (auto& [name, object] : all) object.completes = !sent.contains(name);
  return all;
}

std::string Quarantine::pack_index() const {
  for (const auto& entry : fs::directory_iterator(folder_ / "pack")) {
    if (entry.path().extension() != ".idx") continue;
    const Fd file(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) throw system_error("opening a pack's index");
    auto show = command({"show-index"});
    show.input = file.get();
    show.most_output = std::size_t{64} << 20;
    return must(show, "reading a pack's index");
  }
  throw Error(Code::corrupt, "a pack has no index");
}

NewObjects Quarantine::look_up(const std::vector<ObjectId>& ids) const {
  const auto input = memory_file(lines_of(ids));
  auto look = command({"cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)"});
  look.input = input.get();
  look.most_output = (ids.size() + 1) * 128;
  return objects_in(must(look, "looking at the work's objects"));
}

std::map<std::string, std::string> Quarantine::contents(const std::vector<ObjectId>& ids,
                                                        std::string_view type,
                                                        std::size_t most_bytes) const {
  const auto input = memory_file(lines_of(ids));
  auto read = command({"cat-file", "--batch"});
  read.input = input.get();
  read.most_output = ids.size() * (most_bytes + 100);
  return contents_in(must(read, "reading the work's objects"), type);
}

}  // namespace host::workspaces
