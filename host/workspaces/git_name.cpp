// SPDX-License-Identifier: Apache-2.0
#include "workspaces/git_name.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/sha256.hpp"

namespace host::workspaces {
namespace {

constexpr std::size_t kLongestBranch = 200;
constexpr std::size_t kLongestPart = 40;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool stands_in_branch(unsigned char c) {
  return c > ' ' && c != 0x7f &&
         std::string_view("~^:?*[\\").find(static_cast<char>(c)) == std::string_view::npos;
}

// A part of a branch's name between two '/'.
bool is_part(std::string_view part) {
  return !part.empty() && part.front() != '.' && !part.ends_with(".lock");
}

bool is_branch(std::string_view name) {
  if (name.empty() || name.size() > kLongestBranch || name.front() == '-' || name == "@" ||
      name == "HEAD" || name.back() == '.')
    return false;
  if (name.find("..") != name.npos || name.find("@{") != name.npos) return false;
  if (!std::all_of(name.begin(), name.end(), stands_in_branch)) return false;
  for (std::size_t at = 0;;) {
    const auto slash = name.find('/', at);
    if (!is_part(name.substr(at, slash - at))) return false;
    if (slash == name.npos) return true;
    at = slash + 1;
  }
}

std::string readable(std::string_view text) {
  std::string out(text.substr(0, kLongestPart));
  for (char& c : out)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
          c == '_'))
      c = '-';
  if (!out.empty() && out.front() == '.') out.front() = '-';
  return out;
}

// No name of a repository is like it: it has no '/'.
std::string repo_name(std::int64_t id) { return fmt::format("repo-{}", id); }

std::string digest(const std::string& text) { return sha256_hex(text).substr(0, 12); }

}  // namespace

std::optional<ObjectId> ObjectId::parse(std::string_view text) {
  if (text.size() != 40 || !std::all_of(text.begin(), text.end(), is_hex)) return std::nullopt;
  return ObjectId(std::string(text));
}

void check_branch(std::string_view name, std::string_view what) {
  if (is_branch(name)) return;
  std::string shown(name.substr(0, kLongestBranch));
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  throw Error(Code::invalid, fmt::format("{} \"{}\" is no name that git takes", what, shown),
              "See git-check-ref-format(1): no blanks, no \"..\", no '-' at its start.");
}

std::string branch_of(const WorkItem& item) { return fmt::format("timmy/issue-{}", item.number); }

std::string folder_name(const WorkItem& item) {
  const bool known = item.repository_id != 0;
  const auto repository = known ? repo_name(item.repository_id) : item.repository;
  return fmt::format("{}-{}-{}-{}", readable(repository), item.number, readable(item.playbook),
                     digest(fmt::format("{}\n{}\n{}", repository, item.number, item.playbook)));
}

std::string folder_name(std::string_view repository, std::int64_t id) {
  if (id != 0) return repo_name(id);
  return readable(repository) + "-" + digest(std::string(repository));
}

}  // namespace host::workspaces
