// SPDX-License-Identifier: Apache-2.0
//
// Where Hermes is, what it needs of the machine, and whether its operator has stopped it.
#include <sys/stat.h>

#include <algorithm>

#include "base/error.hpp"
#include "dispatch/agent_hermes.hpp"
#include "dispatch/agent_scratch.hpp"
#include "workspaces/git_error.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostStop = 4096;

std::string text_of(const fs::path& file, std::size_t most) {
  try {
    return read_file(file, most);
  } catch (const Error&) {
    return {};
  }
}

// "home = /opt/python/bin" of a pyvenv.cfg: where the Python is that it was made of.
fs::path python_of(const fs::path& environment) {
  const auto text = text_of(environment / "pyvenv.cfg", 65536);
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = std::string_view(text).substr(at, end - at);
    const auto equals = line.find('=');
    if (line.starts_with("home") && equals != line.npos) {
      const auto begin = line.find_first_not_of(" \t", equals + 1);
      if (begin != line.npos) {
        auto value = std::string(line.substr(begin));
        value.erase(value.find_last_not_of(" \t\r") + 1);
        return value;
      }
    }
    at = end + 1;
  }
  return {};
}

class Readable {
 public:
  explicit Readable(const AgentPlaces& places) : places_(&places) {}

  void add(const fs::path& path) {
    std::error_code none;
    const auto real = fs::canonical(path, none);
    for (const auto& each : {path, real})
      if (!none && is_fit_to_show(each, *places_) &&
          std::find(all_.begin(), all_.end(), each) == all_.end())
        all_.push_back(each);
  }
  [[nodiscard]] std::vector<fs::path> all() && { return std::move(all_); }

 private:
  const AgentPlaces* places_;
  std::vector<fs::path> all_;
};

}  // namespace

std::optional<fs::path> find_hermes(const fs::path& program, const AgentPlaces& places) {
  if (!program.empty()) return is_program(program) ? std::optional(program) : std::nullopt;
  const auto own = places.hermes_home / "hermes-agent" / "venv" / "bin" / "hermes";
  if (is_program(own)) return own;
  return find_program("hermes", places.path);
}

std::vector<fs::path> hermes_files(const fs::path& program, const AgentPlaces& places) {
  Readable readable(places);
  readable.add(program);
  std::error_code none;
  const auto real = fs::canonical(program, none);
  if (none) return std::move(readable).all();
  const auto environment = real.parent_path().parent_path();
  if (fs::exists(environment / "pyvenv.cfg", none)) {
    readable.add(environment);
    readable.add(environment / "bin" / "python3");
    if (const auto python = python_of(environment); !python.empty())
      readable.add(python.parent_path());
  }
  // Installed so that its sources are run where they lie.
  const auto sources = places.hermes_home / "hermes-agent";
  if (fs::is_directory(sources, none)) readable.add(sources);
  return std::move(readable).all();
}

std::optional<std::string> hermes_stop(const fs::path& hermes_home) {
  const auto file = hermes_home / "ESTOP";
  struct stat info {};
  if (::lstat(file.c_str(), &info) != 0) return std::nullopt;
  std::string reason;
  try {
    const auto json = parse_json(text_of(file, kMostStop), "ESTOP");
    if (json.is_object() && json.contains("reason") && json["reason"].is_string())
      reason = json["reason"].get<std::string>();
  } catch (const Error&) {
    // It stops Hermes whatever it holds.
  }
  const auto text = "Hermes is stopped: \"" + file.string() + "\" is there";
  return workspaces::one_line(reason.empty() ? text : text + " (" + reason + ")");
}

}  // namespace host::dispatch
