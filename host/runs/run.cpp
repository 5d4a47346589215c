// SPDX-License-Identifier: Apache-2.0
#include "runs/run.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace host::runs {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestId = 64;
// What execve() takes with room to spare; a longer prompt goes by the standard input.
constexpr std::size_t kMostArgumentBytes = 512 * 1024;

constexpr std::array<std::pair<RunEnding::Kind, std::string_view>, 11> kKinds = {
    {{RunEnding::Kind::exited, "exited"},
     {RunEnding::Kind::signalled, "signalled"},
     {RunEnding::Kind::deadline, "deadline"},
     {RunEnding::Kind::stalled, "stalled"},
     {RunEnding::Kind::memory, "memory"},
     {RunEnding::Kind::processes, "processes"},
     {RunEnding::Kind::disk, "disk"},
     {RunEnding::Kind::output, "output"},
     {RunEnding::Kind::cancelled, "cancelled"},
     {RunEnding::Kind::lost, "lost"},
     {RunEnding::Kind::not_started, "not_started"}}};

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Code::invalid, "a run that can't be started: " + what);
}

bool is_id(const std::string& id) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !id.empty() && id.size() <= kLongestId && id.front() != '.' &&
         std::all_of(id.begin(), id.end(), fits);
}

// It goes through JSON on its way.
bool is_text(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto character = character_at(text, at);
    if (!character.point || *character.point == 0) return false;
    at += character.size;
  }
  return true;
}

void check_path(const fs::path& path, const char* what) {
  const bool ends_in_slash = path != "/" && !path.has_filename();
  if (!path.is_absolute() || !is_text(path.native()) || path.lexically_normal() != path ||
      ends_in_slash)
    refuse(std::string(what) + " \"" + path.string() +
           "\", expected an absolute path without \".\", \"..\" and a slash at its end");
  if (path == "/") refuse(std::string(what) + " \"/\" would be the whole machine");
}

bool is_below(const fs::path& path, const fs::path& folder) {
  const auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

void check_texts(const RunSpec& spec) {
  if (spec.arguments.empty() || spec.arguments.front().empty()) refuse("it has no program");
  std::size_t bytes = 0;
  for (const auto& argument : spec.arguments) {
    if (!is_text(argument)) refuse("an argument that is not UTF-8, or has a NUL in it");
    bytes += argument.size() + 1;
  }
  for (const auto& [name, value] : spec.environment) {
    if (name.empty() || !is_text(name) || !is_text(value) || name.find('=') != std::string::npos)
      refuse("an environment variable that is none, \"" + name + "\"");
    bytes += name.size() + value.size() + 2;
  }
  if (bytes > kMostArgumentBytes)
    refuse("arguments and environment of " + std::to_string(bytes) + " bytes, of " +
           std::to_string(kMostArgumentBytes) + " at most");
}

void check_folders(const RunSpec& spec) {
  if (spec.writable.empty()) refuse("it may write nowhere, so it has no folder to work in");
  for (const auto& path : spec.writable) check_path(path, "writable folder");
  for (const auto& path : spec.readable) check_path(path, "readable path");
  check_path(spec.folder, "working folder");
  const auto holds = [&](const fs::path& folder) { return is_below(spec.folder, folder); };
  if (std::none_of(spec.writable.begin(), spec.writable.end(), holds))
    refuse("its working folder " + spec.folder.string() + " is in no writable one");
  if (std::find(spec.writable.begin(), spec.writable.end(), spec.scratch) == spec.writable.end())
    refuse("its scratch folder \"" + spec.scratch.string() + "\" is none of the writable ones");
}

Json numbers(const RunLimits& limits) {
  return {{"wall", limits.wall.count()},       {"stall", limits.stall.count()},
          {"grace", limits.grace.count()},     {"memory", limits.memory},
          {"processes", limits.processes},     {"disk", limits.disk},
          {"output_kept", limits.output_kept}, {"output_most", limits.output_most}};
}

RunLimits limits_from(const Json& json) {
  RunLimits limits;
  limits.wall = Duration(json.at("wall").get<std::int64_t>());
  limits.stall = Duration(json.at("stall").get<std::int64_t>());
  limits.grace = Duration(json.at("grace").get<std::int64_t>());
  limits.memory = json.at("memory").get<std::uint64_t>();
  limits.processes = json.at("processes").get<int>();
  limits.disk = json.at("disk").get<std::uint64_t>();
  limits.output_kept = json.at("output_kept").get<std::uint64_t>();
  limits.output_most = json.at("output_most").get<std::uint64_t>();
  return limits;
}

Json texts(const std::vector<fs::path>& paths) {
  Json out = Json::array();
  for (const auto& path : paths) out.push_back(path.native());
  return out;
}

std::vector<fs::path> paths_from(const Json& json) {
  std::vector<fs::path> paths;
  for (const auto& text : json) paths.emplace_back(text.get<std::string>());
  return paths;
}

RunSpec read_spec(const Json& json) {
  RunSpec spec;
  spec.id = json.at("id").get<std::string>();
  spec.arguments = json.at("arguments").get<std::vector<std::string>>();
  spec.folder = json.at("folder").get<std::string>();
  spec.environment = json.at("environment").get<std::map<std::string, std::string>>();
  spec.input = json.at("input").get<std::string>();
  spec.writable = paths_from(json.at("writable"));
  spec.scratch = json.at("scratch").get<std::string>();
  spec.readable = paths_from(json.at("readable"));
  spec.network = json.at("network") == "open" ? Network::open : Network::meter_only;
  if (json.contains("meter"))
    spec.meter = SocketAddress::parse(json.at("meter").get<std::string>());
  spec.limits = limits_from(json.at("limits"));
  return spec;
}

RunEnding::Kind kind_from(const std::string& text) {
  for (const auto& [kind, word] : kKinds)
    if (word == text) return kind;
  throw Error(Code::invalid, "an ending of the unknown kind \"" + text + "\"");
}

RunUsage usage_from(const Json& json) {
  RunUsage usage;
  usage.cpu = Duration(json.at("cpu").get<std::int64_t>());
  usage.wall = Duration(json.at("wall").get<std::int64_t>());
  usage.peak_memory = json.at("peak_memory").get<std::uint64_t>();
  usage.peak_processes = json.at("peak_processes").get<int>();
  usage.output = json.at("output").get<std::uint64_t>();
  usage.last_output = Duration(json.at("last_output").get<std::int64_t>());
  return usage;
}

// What nlohmann_json throws, as this house's error.
template <class Work>
auto reading(const char* what, Work work) {
  try {
    return work();
  } catch (const Json::exception& error) {
    throw Error(Code::invalid, std::string(what) + " that is none: " + error.what());
  }
}

}  // namespace

std::map<std::string, std::string> base_environment(const fs::path& scratch) {
  return {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
          {"LANG", "C.UTF-8"},
          {"HOME", (scratch / "home").native()},
          {"TMPDIR", (scratch / "tmp").native()},
          // Where Landlock alone hides it, git takes a file that it may not read for a fault.
          {"GIT_CONFIG_NOSYSTEM", "1"}};
}

std::vector<std::pair<std::string_view, const InForce::Layer*>> InForce::layers() const {
  return {{"pid namespace", &pid_namespace},
          {"private root", &private_root},
          {"network", &network},
          {"cgroup", &cgroup},
          {"processes", &processes},
          {"landlock", &landlock},
          {"seccomp", &seccomp}};
}

std::string_view name(RunEnding::Kind kind) noexcept {
  for (const auto& [each, word] : kKinds)
    if (each == kind) return word;
  return "lost";
}

void check(const RunSpec& spec) {
  if (!is_id(spec.id))
    refuse("the id \"" + spec.id + "\", expected 1 to 64 of a-z, A-Z, 0-9, '-', '_' and '.'");
  check_texts(spec);
  check_folders(spec);
  if (!spec.input.empty()) check_path(spec.input, "standard input");
  if (spec.meter && (!spec.meter->is_loopback() || spec.meter->port == 0))
    refuse("the meter " + spec.meter->text() + " is no address on loopback");
  if (spec.limits.grace < Duration::zero() || spec.limits.wall < Duration::zero() ||
      spec.limits.stall < Duration::zero() || spec.limits.processes < 0)
    refuse("a limit below zero");
}

Json to_json(const RunSpec& spec) {
  Json json{{"id", spec.id},
            {"arguments", spec.arguments},
            {"folder", spec.folder.native()},
            {"environment", spec.environment},
            {"input", spec.input.native()},
            {"writable", texts(spec.writable)},
            {"scratch", spec.scratch.native()},
            {"readable", texts(spec.readable)},
            {"network", spec.network == Network::open ? "open" : "meter_only"},
            {"limits", numbers(spec.limits)}};
  if (spec.meter) json["meter"] = spec.meter->text();
  return json;
}

Json to_json(const InForce& in_force) {
  Json layers = Json::object();
  for (const auto& [name, layer] : in_force.layers())
    layers[std::string(name)] = {{"in_force", layer->in_force}, {"detail", layer->detail}};
  return {{"layers", layers}, {"notes", in_force.notes}};
}

Json to_json(const RunEnding& ending) {
  const auto& usage = ending.usage;
  return {{"kind", name(ending.kind)},
          {"number", ending.number},
          {"killed", ending.killed},
          {"evidence", ending.evidence},
          {"usage",
           {{"cpu", usage.cpu.count()},
            {"wall", usage.wall.count()},
            {"peak_memory", usage.peak_memory},
            {"peak_processes", usage.peak_processes},
            {"output", usage.output},
            {"last_output", usage.last_output.count()}}},
          {"in_force", to_json(ending.in_force)}};
}

RunSpec run_spec_from(const Json& json) {
  return reading("a run", [&] { return read_spec(json); });
}

InForce in_force_from(const Json& json) {
  return reading("a run's cage", [&] {
    InForce in_force;
    for (const auto& [name, layer] : in_force.layers()) {
      const Json& from = json.at("layers").at(std::string(name));
      *const_cast<InForce::Layer*>(layer) = {from.at("in_force").get<bool>(),
                                             from.at("detail").get<std::string>()};
    }
    in_force.notes = json.at("notes").get<std::vector<std::string>>();
    return in_force;
  });
}

RunEnding run_ending_from(const Json& json) {
  return reading("a run's ending", [&] {
    RunEnding ending;
    ending.kind = kind_from(json.at("kind").get<std::string>());
    ending.number = json.at("number").get<int>();
    ending.killed = json.at("killed").get<bool>();
    ending.evidence = json.at("evidence").get<std::string>();
    ending.usage = usage_from(json.at("usage"));
    ending.in_force = in_force_from(json.at("in_force"));
    return ending;
  });
}

}  // namespace host::runs
