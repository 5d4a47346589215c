// SPDX-License-Identifier: Apache-2.0
#include "hermes_home.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "clean_text.hpp"
#include "file_bytes.hpp"

namespace provenance {
namespace {

constexpr std::size_t kEntriesCap = 2000;
constexpr std::size_t kTroublesCap = 100;

class Finder {
 public:
  explicit Finder(Stores& stores) : stores_(stores) {}

  void home(const std::string& place) {
    const auto path = real(place);
    if (path.empty()) return;
    of_home(path);
    for (const auto& name : names_in(path + "/profiles"))
      if (const auto profile = path + "/profiles/" + name; is(profile, S_IFDIR)) of_home(profile);
  }
  void runs(const std::string& place) {
    const auto path = real(place);
    if (path.empty()) return;
    for (const auto& name : names_in(path)) {
      if (!is(path + "/" + name, S_IFDIR)) continue;
      const auto store = path + "/" + name + "/state.db";
      database(store);
      stores_.runs.emplace(store, name);
    }
  }
  void transcripts(const std::string& place) {
    if (const auto path = real(place); !path.empty()) folder(path);
  }
  void exports(const std::string& place) {
    const auto path = real(place);
    if (path.empty()) return;
    if (is(path, S_IFREG)) return add(stores_.exports, path);
    for (const auto& name : names_in(path)) {
      if (!name.ends_with(".jsonl") && !name.ends_with(".json")) continue;
      if (is(path + "/" + name, S_IFREG)) add(stores_.exports, path + "/" + name);
    }
  }

 private:
  void of_home(const std::string& path) {
    database(path + "/state.db");
    folder(path + "/sessions");
  }
  void database(const std::string& path) {
    if (is(path, S_IFREG)) add(stores_.databases, path);
  }
  void folder(const std::string& path) {
    if (is(path, S_IFDIR)) add(stores_.folders, path);
  }

  // Two places may lead to one store.
  static void add(std::vector<std::string>& all, const std::string& path) {
    if (std::find(all.begin(), all.end(), path) == all.end()) all.push_back(path);
  }

  // Empty: there is none. The operator may have named it by a link.
  std::string real(const std::string& place) {
    const std::unique_ptr<char, void (*)(void*)> path(::realpath(place.c_str(), nullptr),
                                                      &std::free);
    if (path && is_utf8(path.get())) return path.get();
    if (path)
      pass_over(path.get());
    else if (errno != ENOENT)
      trouble(place);
    return {};
  }

  [[nodiscard]] static bool is(const std::string& path, mode_t kind) {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0 && (info.st_mode & S_IFMT) == kind;
  }

  // Of a folder that is no link, in order.
  std::vector<std::string> names_in(const std::string& path) {
    std::vector<std::string> names;
    if (!is(path, S_IFDIR)) return names;
    const auto folder = entries_of(path);
    if (!folder) {
      trouble(path);
      return names;
    }
    while (const auto* entry = ::readdir(folder.get())) {
      if (entry->d_name[0] == '.') continue;
      if (is_utf8(entry->d_name))
        names.emplace_back(entry->d_name);
      else
        pass_over(path + "/" + entry->d_name);
    }
    std::sort(names.begin(), names.end());
    if (names.size() > kEntriesCap) {
      stores_.troubles.push_back(path + " has more than " + std::to_string(kEntriesCap) +
                                 " entries: only the last of them are looked at");
      names.erase(names.begin(), names.end() - kEntriesCap);
    }
    return names;
  }

  // Nothing that is said of it could be written down.
  void pass_over(const std::string& path) {
    if (stores_.troubles.size() < kTroublesCap)
      stores_.troubles.push_back(cleaned(path) + " is passed over: its name is no UTF-8");
  }

  void trouble(const std::string& path) {
    stores_.troubles.push_back(path + " can't be looked at: " + std::strerror(errno) +
                               ": grant fs.read for it");
  }

  Stores& stores_;
};

}  // namespace

Stores find_stores(const Places& places) {
  Stores stores;
  Finder finder(stores);
  for (const auto& place : places.homes) finder.home(place);
  for (const auto& place : places.runs) finder.runs(place);
  for (const auto& place : places.exports) finder.exports(place);
  for (const auto& place : places.transcripts) finder.transcripts(place);
  return stores;
}

}  // namespace provenance
