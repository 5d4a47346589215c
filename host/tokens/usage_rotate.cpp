// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <tuple>

#include "tokens/usage_file.hpp"
#include "tokens/usage_line.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;

struct Rotated {
  std::string day;
  int number = 1;
  fs::path path;
  auto order() const { return std::tie(day, number); }
};

// Files of this form only: STEM-YYYY-MM-DD.jsonl or STEM-YYYY-MM-DD-N.jsonl.
std::optional<Rotated> rotated(const fs::path& file, const fs::path& of) {
  const auto name = file.stem().string();
  const auto start = of.stem().string() + "-";
  if (file.extension() != of.extension() || !name.starts_with(start)) return std::nullopt;
  const auto rest = name.substr(start.size());
  Rotated found{.day = rest.substr(0, 10), .number = 1, .path = file};
  try {
    if (day_text(parse_day(found.day)) != found.day) return std::nullopt;
    if (rest.size() == 10) return found;
    std::size_t used = 0;
    const auto number = rest.substr(10);
    if (number.size() < 2 || number[0] != '-') return std::nullopt;
    found.number = std::stoi(number.substr(1), &used);
    if (fmt::format("-{}", found.number) != number || found.number < 2) return std::nullopt;
    return found;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::vector<Rotated> all_rotated(const fs::path& of) {
  std::vector<Rotated> all;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(of.parent_path(), error))
    if (auto one = rotated(entry.path(), of)) all.push_back(std::move(*one));
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.order() < b.order(); });
  return all;
}

}  // namespace

std::optional<fs::path> UsageFile::rotate(WallTime now, int keep) const {
  const auto file = open_locked();
  if (!file.fd || file.size == 0) return std::nullopt;
  const auto day = day_text(std::chrono::floor<std::chrono::days>(now).time_since_epoch().count());
  int number = 1;
  for (const auto& other : all_rotated(path_))
    if (other.day == day) number = other.number + 1;
  const auto name = path_.stem().string() + "-" + day +
                    (number == 1 ? "" : fmt::format("-{}", number)) + path_.extension().string();
  const auto target = path_.parent_path() / name;
  if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) != 0)
    throw system_error("renaming \"" + path_.string() + "\" to " + name);
  remove_oldest(keep);
  return target;
}

void UsageFile::remove_oldest(int keep) const {
  auto all = all_rotated(path_);
  for (std::size_t i = 0; i + static_cast<std::size_t>(std::max(keep, 0)) < all.size(); ++i) {
    std::error_code error;
    fs::remove(all[i].path, error);
    if (error)
      throw Error(Code::io, "removing \"" + all[i].path.string() + "\": " + error.message());
  }
}

}  // namespace host
