// SPDX-License-Identifier: Apache-2.0
#include "dispatch/playbook_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/file.hpp"
#include "config/json_schema.hpp"
#include "dispatch/playbook_problems.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 500;  // of a folder

// As for plugins: the file itself, no link, and nothing that could hang the host.
Fd open_file(const fs::path& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!fd && errno == ELOOP)
    throw Error(Code::denied, path.string() + " is a symbolic link",
                "Put the file itself into the folder.");
  if (!fd) throw system_error("reading " + path.string());
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw system_error("examining " + path.string());
  if (!S_ISREG(info.st_mode)) throw Error(Code::invalid, path.string() + " is not a regular file");
  return fd;
}

std::string read_trusted(const fs::path& path) {
  const Fd fd = open_file(path);
  check_trusted(fd.get(), path, true);
  return read_all(fd.get(), kYamlBytes, path.string());
}

// The file's text by `read`, parsed by `parse`; what either throws become problems.
template <class T, class Read, class Parse>
std::optional<T> taken(const fs::path& path, std::vector<Problem>& problems, Read read,
                       Parse parse) {
  try {
    return parse(read(path), path.string());
  } catch (const ConfigError& error) {
    problems = error.problems();
  } catch (const Error& error) {
    problems = {unread_problem(error, path.string())};
  }
  return std::nullopt;
}

template <class Read>
PlaybookFile load_file(const fs::path& path, Read read) {
  PlaybookFile file{.name = path.stem().string(), .path = path};
  file.playbook = taken<Playbook>(path, file.problems, read, parse_playbook);
  return file;
}

template <class Read>
LanesFile load_lanes(const fs::path& path, Read read) {
  LanesFile file{.path = path};
  file.lanes = taken<Lanes>(path, file.problems, read, parse_lanes);
  return file;
}

// The playbooks of a folder, sorted by name; whether it has lanes.
struct Listing {
  std::vector<fs::path> playbooks;
  bool has_lanes = false;
  std::string unread;  // why not all of it could be read
};

Listing list(const fs::path& folder, std::vector<std::string>& warnings) {
  Listing listing;
  std::error_code error;
  fs::directory_iterator each(folder, error);
  if (error == std::errc::no_such_file_or_directory) return listing;
  for (; !error && each != fs::directory_iterator(); each.increment(error)) {
    const auto path = each->path();
    const auto name = path.filename().string();
    if (name.starts_with('.')) continue;
    if (name == kLanesFile) listing.has_lanes = true;
    if (path.extension() == ".yaml") listing.playbooks.push_back(path);
    if (path.extension() == ".yml")
      warnings.push_back(path.string() + " is passed over; a playbook's name ends with .yaml");
  }
  if (error) listing.unread = "can't read " + folder.string() + ": " + error.message();
  std::sort(listing.playbooks.begin(), listing.playbooks.end());
  if (listing.playbooks.size() > kMostFiles) {
    listing.unread = fmt::format("{} holds more than {} playbooks; those after {} are passed over",
                                 folder.string(), kMostFiles,
                                 listing.playbooks[kMostFiles - 1].filename().string());
    listing.playbooks.resize(kMostFiles);
  }
  return listing;
}

std::string lane_problem(const std::string& lane, const LanesFile& lanes) {
  if (lanes.path.empty())
    return fmt::format("is \"{}\", and there is no {}; write one (docs/playbooks.md shows how)",
                       lane, kLanesFile);
  if (!lanes.lanes) return fmt::format("is \"{}\", and {} is wrong", lane, lanes.path.string());
  std::vector<std::string> names;
  for (const auto& each : lanes.lanes->by_name) names.push_back(each.first);
  const auto near = nearest(lane, names);
  return fmt::format("is \"{}\", expected a lane of {}{}", lane, lanes.path.string(),
                     near.empty() ? ": " + fmt::format("{}", fmt::join(names, ", "))
                                  : fmt::format("; did you mean \"{}\"?", near));
}

// What a playbook and the lanes lack together.
void check_together(PlaybookFile& file, const LanesFile& lanes) {
  if (!file.playbook) return;
  const auto& playbook = *file.playbook;
  const auto complain = [&](const std::string& pointer, const std::string& message) {
    file.problems.push_back(
        {playbook.document.position(pointer), pointer, dotted_path(pointer) + " " + message});
  };
  const auto* lane = lanes.lanes ? lanes.lanes->find(playbook.lane) : nullptr;
  if (lane == nullptr) return complain("/lane", lane_problem(playbook.lane, lanes));
  if (const auto fault = agent_fault(laid_over(lane->agent, playbook.agent)))
    complain("/agent", fmt::format("over that of lane {} {}", lane->name, *fault));
}

void sort_by_name(std::vector<PlaybookFile>& files) {
  std::stable_sort(files.begin(), files.end(),
                   [](const auto& a, const auto& b) { return a.name < b.name; });
}

}  // namespace

const PlaybookFile* PlaybookSet::find(const std::string& name) const {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const PlaybookFile& file) { return file.name == name; });
  return found == files.end() ? nullptr : &*found;
}

PlaybookSet load_playbooks(const std::vector<fs::path>& folders) {
  PlaybookSet set;
  std::map<std::string, std::size_t> known;  // name -> index
  std::string unread;                        // why nobody knows what a folder of higher rank has
  for (const auto& folder : folders) {
    const auto listing = list(folder, set.warnings);
    for (const auto& path : listing.playbooks) {
      const auto [at, fresh] = known.emplace(path.stem().string(), set.files.size());
      if (!fresh) {
        set.files[at->second].shadowed.push_back(path);
        continue;
      }
      set.files.push_back(load_file(path, read_trusted));
      if (!unread.empty())
        set.files.back().problems.push_back(
            {path.string(), "", unread + "; what it has of this name would count instead"});
    }
    if (listing.has_lanes && set.lanes.path.empty()) {
      set.lanes = load_lanes(folder / kLanesFile, read_trusted);
      if (!unread.empty()) {
        set.lanes.lanes.reset();
        set.lanes.problems.push_back(
            {set.lanes.path.string(), "", unread + "; the lanes that it has would count instead"});
      }
    }
    if (listing.unread.empty()) continue;
    set.warnings.push_back(listing.unread);
    if (unread.empty()) unread = listing.unread;
  }
  for (auto& file : set.files) check_together(file, set.lanes);
  sort_by_name(set.files);
  return set;
}

PlaybookSet check_playbooks(const std::vector<fs::path>& files, const LanesFile& otherwise) {
  PlaybookSet set;
  const auto read = [&](const fs::path& path) {
    const Fd fd = open_file(path);
    try {
      check_trusted(fd.get(), fs::absolute(path), true);
    } catch (const Error& error) {
      set.warnings.push_back("no host would take it as it is: " + error.message());
    }
    return read_all(fd.get(), kYamlBytes, path.string());
  };
  for (const auto& path : files) {
    if (path.filename() == kLanesFile)
      set.lanes = load_lanes(path, read);
    else
      set.files.push_back(load_file(path, read));
  }
  if (set.lanes.path.empty()) set.lanes = otherwise;
  for (auto& file : set.files) check_together(file, set.lanes);
  sort_by_name(set.files);
  return set;
}

}  // namespace host::dispatch
