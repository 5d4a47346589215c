// SPDX-License-Identifier: Apache-2.0
#include "workspaces/clone_refs.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "base/file.hpp"

namespace host::workspaces {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestRef = 4096;
constexpr std::size_t kLargestPacked = std::size_t{4} << 20;
constexpr std::size_t kMostRefs = 10'000;
constexpr std::string_view kSymbolic = "ref: ";

[[noreturn]] void refuse(const std::string& what) { throw Error(Code::invalid, what); }

std::string read_regular(const fs::path& path, std::size_t cap) {
  if (!fs::is_regular_file(fs::symlink_status(path)))
    refuse("\"" + path.filename().string() + "\" is no regular file");
  auto text = read_file(path, cap);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

void add(CloneRefs& refs, const std::string& name, std::string_view id) {
  const auto parsed = ObjectId::parse(id);
  if (!parsed) refuse("\"" + name + "\" names no object");
  if (refs.ids.size() == kMostRefs) throw Error(Code::too_large, "there are too many refs");
  refs.ids.insert_or_assign(name, *parsed);
}

void read_packed(CloneRefs& refs, const fs::path& file) {
  if (!fs::exists(fs::symlink_status(file))) return;
  const std::string text = read_regular(file, kLargestPacked);
  for (std::string_view rest = text; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.starts_with('#') || line.starts_with('^')) continue;
    if (line.size() < 42 || line[40] != ' ') refuse("packed-refs is not of its form");
    add(refs, std::string(line.substr(41)), line.substr(0, 40));
  }
}

// Loose refs stand above packed ones.
void read_loose(CloneRefs& refs, const fs::path& git_dir) {
  if (!fs::is_directory(fs::symlink_status(git_dir / "refs"))) refuse("\"refs\" is no folder");
  for (fs::recursive_directory_iterator at(git_dir / "refs"), end; at != end; ++at) {
    if (at.depth() > 32) refuse("refs are nested too deep");
    if (fs::is_directory(at->symlink_status())) continue;
    const auto text = read_regular(at->path(), kLargestRef);
    // What it leads to is read by its own name.
    if (text.starts_with(kSymbolic)) continue;
    add(refs, at->path().lexically_relative(git_dir).string(), text);
  }
}

void read_head(CloneRefs& refs, const fs::path& git_dir) {
  const auto text = read_regular(git_dir / "HEAD", kLargestRef);
  if (!text.starts_with(kSymbolic)) return add(refs, "HEAD", text);
  const auto target = refs.ids.find(text.substr(kSymbolic.size()));
  if (target != refs.ids.end()) refs.ids.insert_or_assign("HEAD", target->second);
}

}  // namespace

CloneRefs read_refs(const fs::path& git_dir) {
  try {
    CloneRefs refs;
    read_packed(refs, git_dir / "packed-refs");
    read_loose(refs, git_dir);
    read_head(refs, git_dir);
    return refs;
  } catch (const fs::filesystem_error& failed) {
    throw Error(Code::io, std::string("its refs can't be read: ") + failed.what());
  }
}

}  // namespace host::workspaces
