// SPDX-License-Identifier: Apache-2.0
#include "deadman/settings.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <numeric>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "base/sha256.hpp"
#include "config/document.hpp"
#include "config/host_config.hpp"
#include "config/json_schema.hpp"

namespace host::deadman {
namespace {

constexpr Duration kLongest = std::chrono::hours(24 * 7);
// So that what is kept stays within kStateBytes.
constexpr std::size_t kMostWatches = 100;
constexpr std::size_t kMostCommandBytes = std::size_t{16} << 10;

const JsonSchema& schema() {
  static const JsonSchema loaded(parse_json(schema_text(), "deadman.schema.json"),
                                 "deadman.schema.json");
  return loaded;
}

// Part of a unit's name, of a file's and of a command line.
bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= 64 && text.front() >= 'a' && text.front() <= 'z' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

class SettingsReader {
 public:
  SettingsReader(Document document, const Paths& paths)
      : document_(std::move(document)), paths_(paths) {}

  Settings read() {
    const Json given = document_.value().is_null() ? Json::object() : document_.value();
    for (const auto& violation : schema().validate(given))
      complain(violation.pointer, to_text(violation), violation.at_key);
    if (problems_.empty()) take(schema().with_defaults(given));
    if (!problems_.empty()) throw ConfigError(std::move(problems_));
    return std::move(settings_);
  }

 private:
  void complain(const std::string& pointer, const std::string& message, bool at_key = false) {
    const auto where = at_key ? document_.key_position(pointer) : document_.position(pointer);
    problems_.push_back({where, pointer, dotted_path(pointer) + " " + message});
  }

  void take(const Json& json) {
    settings_.dry_run = json.at("dry_run").get<bool>();
    if (json.contains("alert")) settings_.alert = command(json.at("alert"), "/alert");
    if (json.at("watch").size() > kMostWatches)
      complain("/watch", fmt::format("names more than {} watches", kMostWatches));
    int hosts = 0;
    for (const auto& [name, watch] : json.at("watch").items()) {
      const auto pointer = child_pointer("/watch", name);
      if (!is_name(name))
        complain(pointer,
                 "is no name; expected lower-case letters, digits, - and _, a letter first", true);
      settings_.watches.push_back(take_watch(name, watch, pointer));
      if (watch.value("host", false) && ++hosts > 1)
        complain(pointer + "/host", "is watched twice; expected one watch of the host");
    }
    if (settings_.watches.empty())
      complain("/watch", "names nothing to watch; expected one watch at least");
    refuse_shared_restarts();
    refuse_shared_lanes();
    refuse_circles();
  }

  void refuse_shared_restarts() {
    std::map<std::string, std::string> restarted;  // by subject, which watch does it
    for (const auto& watch : settings_.watches) {
      if (!watch.restart) continue;
      const auto [other, first] = restarted.emplace(subject(watch), watch.name);
      if (!first)
        complain(child_pointer("/watch", watch.name) + "/restart",
                 "restarts what watch." + other->second +
                     " restarts, so more often than either may; keep `restart` in one of them");
    }
  }

  void refuse_shared_lanes() {
    for (const auto& watch : settings_.watches) {
      if (!watch.dispatch) continue;
      const auto [other, first] = lanes_.emplace(watch.dispatch->from, &watch);
      if (!first)
        complain(dispatch_pointer(watch) + "/from",
                 "is lane " + watch.dispatch->from + ", whose work watch." + other->second->name +
                     " hands over; keep `dispatch` in one of them");
    }
  }

  // With all of a circle dead, its work would go round without end.
  void refuse_circles() {
    for (const auto& [from, watch] : lanes_) {
      auto at = lanes_.find(watch->dispatch->to);
      for (std::size_t steps = 0; at != lanes_.end() && steps < lanes_.size(); ++steps) {
        if (at->first == from) {
          complain(
              dispatch_pointer(*watch) + "/to",
              "leads back to lane " + from + "; expected a lane that hands nothing over to it");
          break;
        }
        at = lanes_.find(at->second->dispatch->to);
      }
    }
  }

  static std::string dispatch_pointer(const Watch& watch) {
    return child_pointer("/watch", watch.name) + "/dispatch";
  }

  Watch take_watch(const std::string& name, const Json& json, const std::string& pointer) {
    Watch watch{.name = name, .user = json.value("user", "")};
    take_kind(watch, json, pointer);
    if (watch.kind != Watch::Kind::stamp && json.contains("user"))
      complain(pointer + "/user", "goes with a stamp: who may own it");
    const auto time = [&](const char* key) { return duration(json.at(key), pointer, key); };
    watch.rules = {.after = time("after"),
                   .restarts = json.contains("restart"),
                   .max_retries = json.at("max_retries").get<int>(),
                   .window = time("window"),
                   .pause = time(json.contains("pause") ? "pause" : "after"),
                   .healthy_after = time("healthy_after")};
    if (watch.rules.restarts) watch.restart = restart(json.at("restart"), pointer + "/restart");
    if (json.contains("dispatch")) {
      watch.dispatch = {json.at("dispatch").at("from"), json.at("dispatch").at("to")};
      if (watch.kind == Watch::Kind::host)
        complain(pointer + "/dispatch", "is done by the host, which is what is dead then");
    }
    return watch;
  }

  void take_kind(Watch& watch, const Json& json, const std::string& pointer) {
    int kinds = 0;
    const auto is = [&](Watch::Kind kind, bool given) {
      if (given) watch.kind = kind, ++kinds;
    };
    is(Watch::Kind::stamp, json.contains("stamp"));
    is(Watch::Kind::host, json.value("host", false));
    is(Watch::Kind::task, json.contains("task"));
    is(Watch::Kind::work, json.contains("work"));
    if (kinds != 1)
      return complain(pointer,
                      "is to watch one thing; expected one of `stamp`, `host: true`, `task`, "
                      "`work`");
    if (json.contains("stamp")) watch.stamp = path(json.at("stamp"), pointer + "/stamp");
    watch.task = json.value("task", "");
    if (json.contains("work"))
      watch.work = {json.at("work").at("repositories").get<std::vector<std::string>>(),
                    json.at("work").at("user").get<std::string>()};
  }

  std::filesystem::path path(const Json& json, const std::string& pointer) {
    try {
      auto found = expand_home(json.get<std::string>(), paths_).lexically_normal();
      if (!found.has_filename()) complain(pointer, "names a folder; expected a file");
      return found;
    } catch (const Error& error) {
      complain(pointer, ": " + error.message());
      return {};
    }
  }

  Duration duration(const Json& json, const std::string& pointer, const std::string& key) {
    try {
      const auto found = parse_duration(json.get<std::string>());
      if (found > kLongest) complain(child_pointer(pointer, key), "is longer than 7d");
      return found;
    } catch (const Error& error) {
      complain(child_pointer(pointer, key), ": " + error.message());
      return kLongest;
    }
  }

  std::vector<std::string> command(const Json& json, const std::string& pointer) {
    auto found = json.get<std::vector<std::string>>();
    if (!found.front().starts_with('/'))
      complain(child_pointer(pointer, std::size_t{0}),
               "is \"" + found.front() + "\", expected the program's absolute path");
    for (const auto& each : found)
      if (each.find('\0') != std::string::npos) complain(pointer, "holds a NUL");
    const auto bytes =
        std::accumulate(found.begin(), found.end(), std::size_t{0},
                        [](std::size_t sum, const std::string& each) { return sum + each.size(); });
    if (bytes > kMostCommandBytes)
      complain(pointer, fmt::format("is longer than {} bytes", kMostCommandBytes));
    return found;
  }

  Restart restart(const Json& json, const std::string& pointer) {
    Restart found{
        .manager = json.at("manager") == "user" ? Restart::Manager::user : Restart::Manager::system,
        .unit = json.value("unit", "")};
    if (json.contains("unit") == json.contains("command"))
      complain(pointer, "is to do one thing; expected either `unit` or `command`");
    if (json.contains("unit") && !is_service_name(found.unit))
      complain(pointer + "/unit",
               "is \"" + found.unit + "\", expected the name of one service, such as a.service");
    if (json.contains("command")) found.command = command(json.at("command"), pointer + "/command");
    return found;
  }

  Document document_;
  const Paths& paths_;
  Settings settings_;
  std::map<std::string, const Watch*> lanes_;  // whose work is handed over, and by which watch
  std::vector<Problem> problems_;
};

}  // namespace

std::string_view name(Watch::Kind kind) noexcept {
  switch (kind) {
    case Watch::Kind::stamp: return "stamp";
    case Watch::Kind::host: return "host";
    case Watch::Kind::task: return "task";
    case Watch::Kind::work: return "work";
  }
  return "stamp";
}

std::string watched(const Watch& watch) {
  switch (watch.kind) {
    case Watch::Kind::stamp: return watch.stamp.string();
    case Watch::Kind::host: return "the host";
    case Watch::Kind::task: return "task " + watch.task;
    case Watch::Kind::work: break;
  }
  std::string repositories;
  for (const auto& each : watch.work.repositories)
    repositories += (repositories.empty() ? "" : ", ") + each;
  return "work of " + watch.work.user + " in " + repositories;
}

std::string subject(const Watch& watch) {
  if (!watch.restart) return watch.name;
  const auto& [manager, unit, command] = *watch.restart;
  const std::string whose = manager == Restart::Manager::user ? "user:" : "system:";
  // A command may be longer than a key should be.
  return whose + (unit.empty() ? "command:" + sha256_hex(to_text(Json(command))) : unit);
}

bool seen_from_outside(const Watch& watch) {
  return watch.kind == Watch::Kind::stamp || watch.kind == Watch::Kind::host;
}

bool seen_from_inside(const Watch& watch) { return watch.kind != Watch::Kind::host; }

std::string_view looked_at_by(const Watch& watch) {
  if (!seen_from_inside(watch)) return "timmy-host deadman --once";
  return seen_from_outside(watch) ? "timmy-host deadman --once, and a plugin of the running host"
                                  : "a plugin of the running host";
}

const Watch& Settings::find(const std::string& name) const {
  std::string all;
  for (const auto& watch : watches) {
    if (watch.name == name) return watch;
    all += (all.empty() ? "" : ", ") + watch.name;
  }
  throw Error(Code::not_found, "deadman.yaml has no watch \"" + name + "\"",
              "Name one of: " + all + ".");
}

Settings seen_from_outside(Settings settings) {
  std::erase_if(settings.watches, [](const Watch& watch) { return !seen_from_outside(watch); });
  return settings;
}

Settings load_settings(const std::filesystem::path& file, const Paths& paths) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd && errno == ENOENT)
    throw Error(Code::not_found, "there is no " + file.string(),
                "Write one (docs/deadman.md shows how), or name another with --file.");
  if (!fd) throw system_error("reading " + file.string());
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw system_error("examining " + file.string());
  if (!S_ISREG(info.st_mode)) throw Error(Code::invalid, file.string() + " is not a regular file");
  check_trusted(fd.get(), file, true);
  return parse_settings(read_all(fd.get(), kYamlBytes, file.string()), file.string(), paths);
}

Settings parse_settings(std::string_view text, const std::string& file, const Paths& paths) {
  try {
    return SettingsReader(parse_yaml(text, file), paths).read();
  } catch (const ConfigError&) {
    throw;
  } catch (const Error& error) {  // of the YAML itself, with its place before the message
    const std::string& message = error.message();
    const auto end = message.find(": ", file.size());
    const bool placed = message.starts_with(file + ":") && end != std::string::npos;
    throw ConfigError(
        {{placed ? message.substr(0, end) : file, "", placed ? message.substr(end + 2) : message}},
        error.code(), error.next_step());
  }
}

}  // namespace host::deadman
