// SPDX-License-Identifier: Apache-2.0
#include "proc.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "base/error.hpp"

namespace bench {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(pid_t pid) { return "/proc/" + std::to_string(pid); }

// The number of a line "NAME:   123 ..." in one of /proc's files; nothing if it, or the file, isn't
// there.
std::optional<double> figure_in(const fs::path& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string first;
    double number = 0;
    if (words >> first >> number && first == name + ":") return number;
  }
  return std::nullopt;
}

double figure_of(const fs::path& path, const std::string& name) {
  if (const auto figure = figure_in(path, name)) return *figure;
  throw host::Error(host::Code::io, "no " + name + " in " + path.string());
}

}  // namespace

double memory_of(pid_t pid, const std::string& name) {
  return figure_of(folder_of(pid) / "smaps_rollup", name);
}

double wakeups(pid_t pid) {
  double all = 0;
  for (const auto& thread : fs::directory_iterator(folder_of(pid) / "task"))
    all += figure_of(thread.path() / "status", "voluntary_ctxt_switches");
  return all;
}

int open_descriptors(pid_t pid) {
  const fs::directory_iterator all(folder_of(pid) / "fd");
  return static_cast<int>(std::distance(begin(all), end(all)));
}

std::vector<pid_t> children(pid_t pid) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    if (!std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; }))
      continue;
    if (figure_in(entry.path() / "status", "PPid") == static_cast<double>(pid))
      found.push_back(static_cast<pid_t>(std::stol(name)));
  }
  return found;
}

}  // namespace bench
