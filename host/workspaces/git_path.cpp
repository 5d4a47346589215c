// SPDX-License-Identifier: Apache-2.0
#include "workspaces/git_path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/utf8.hpp"

namespace host::workspaces {
namespace {

constexpr std::size_t kLongestPath = 4096;
constexpr std::size_t kDeepest = 64;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0;;) {
    const auto slash = path.find('/', at);
    parts.push_back(path.substr(at, slash - at));
    if (slash == path.npos) return parts;
    at = slash + 1;
  }
}

bool breaks_line(char32_t c) { return c == 0x2028 || c == 0x2029; }

// HFS+ ignores joiners, too.
bool is_hidden(char32_t c) { return is_unseen(c) || c == 0x200C || c == 0x200D; }

std::optional<std::string> character_fault(std::string_view path) {
  for (std::size_t at = 0; at < path.size();) {
    const auto [point, size] = character_at(path, at);
    if (!point) return "is no UTF-8";
    if (is_control(*point) || breaks_line(*point)) return "holds a control character";
    if (is_hidden(*point)) return "holds a character that is not seen";
    if (point == U'\\') return "holds a backslash";
    at += size;
  }
  return std::nullopt;
}

// What a file system makes of a name: without what HFS+ ignores, up to a stream of NTFS, without
// blanks and dots at its end, in lower case.
std::string canonical(std::string_view part) {
  std::string out;
  for (std::size_t at = 0; at < part.size();) {
    const auto [point, size] = character_at(part, at);
    if (point == U':') break;
    if (!point || !is_hidden(*point)) out.append(part.substr(at, size));
    at += size;
  }
  while (!out.empty() && (out.back() == ' ' || out.back() == '.')) out.pop_back();
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool is_git_folder(std::string_view part) {
  const auto name = canonical(part);
  return name == ".git" || name == "git~1";
}

std::optional<std::string> part_fault(std::string_view part) {
  if (part.empty()) return "has an empty part";
  if (part == "." || part == "..") return fmt::format("has \"{}\" in it", part);
  if (is_git_folder(part)) return "is git's own folder to some file system";
  if (part.front() == '-') return "has a part that begins with '-', like an option";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> path_fault(std::string_view path) {
  if (path.size() > kLongestPath) return fmt::format("is longer than {} bytes", kLongestPath);
  if (auto fault = character_fault(path)) return fault;
  const auto parts = parts_of(path);
  if (parts.size() > kDeepest) return fmt::format("lies more than {} folders deep", kDeepest);
  for (const auto part : parts)
    if (auto fault = part_fault(part)) return fault;
  return std::nullopt;
}

std::optional<std::string> link_fault(std::string_view path, std::string_view target) {
  if (target.empty() || target.size() > kLongestPath) return "leads nowhere";
  if (target.find('\0') != target.npos) return "holds a control character";
  if (target.front() == '/' || target.find(':') != target.npos || target.find('\\') != target.npos)
    return "is not relative to its folder";
  auto depth = static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
  bool down = false;
  for (const auto part : parts_of(target)) {
    if (is_git_folder(part)) return "leads into git's own folder";
    if (part == "..") {
      if (down) return "has \"..\" behind a name, which another link could turn to anywhere";
      if (depth-- == 0) return "leads out of the repository";
    } else if (!part.empty() && part != ".") {
      down = true;
    }
  }
  return std::nullopt;
}

bool is_gitmodules(std::string_view path) {
  if (path.find('/') != path.npos) return false;
  const auto name = canonical(path);
  // NTFS gives the name short forms: gitmod~1 to gitmod~4, then gi7eba~N.
  return name == ".gitmodules" || name.starts_with("gitmod~") || name.starts_with("gi7eba~");
}

std::string folded(std::string_view path) {
  std::string out(path);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

std::string shown_path(std::string_view path) {
  std::string out;
  const bool readable = !character_fault(path);
  for (const char c : path.substr(0, 200)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (!readable && byte >= 0x80))
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  cut_text(out, 200);
  return out;
}

}  // namespace host::workspaces
