// SPDX-License-Identifier: Apache-2.0
#include "authoring/project.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>

#include "base/error.hpp"
#include "base/file.hpp"
#include "plugins/manifest.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestName = 64;  // as the manifest's schema has it

void check_name(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (!name.empty() && name.size() <= kLongestName && name[0] >= 'a' && name[0] <= 'z' &&
      std::all_of(name.begin(), name.end(), allowed))
    return;
  throw Error(Code::usage, "\"" + name + "\" is no name for a plugin",
              "Begin with a lower-case letter; go on with letters, digits, _ and -, 64 at most.");
}

std::string camel_case(const std::string& name) {
  std::string made;
  bool upper = true;
  for (const char c : name) {
    if (c == '_' || c == '-') {
      upper = true;
      continue;
    }
    made += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return made;
}

// A folder of its own beside the one that it becomes; removed unless it does.
class Unfinished {
 public:
  Unfinished(const fs::path& parent, const std::string& name) {
    make_directories(parent, 0755);
    std::string path = (parent / ("." + name + ".XXXXXX")).string();
    if (::mkdtemp(path.data()) == nullptr)
      throw system_error("making a folder in " + parent.string());
    path_ = path;
    fs::permissions(path_, fs::perms(0755));
  }
  ~Unfinished() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Unfinished(const Unfinished&) = delete;

  [[nodiscard]] const fs::path& path() const { return path_; }
  // Throws Error{io}, also when `folder` has come to be meanwhile and holds something.
  void become(const fs::path& folder) {
    std::error_code failed;
    fs::rename(path_, folder, failed);
    if (failed)
      throw Error(Code::io, "making \"" + folder.string() + "\": " + failed.message(),
                  "Look at the folder that it is to be made in.");
    path_.clear();
  }

 private:
  fs::path path_;
};

std::map<std::string, std::string> tokens_of(const NewProject& project) {
  std::string identifier = project.name;
  std::replace(identifier.begin(), identifier.end(), '-', '_');
  return {{"@NAME@", project.name},
          {"@NAME_C@", identifier},
          {"@CLASS@", camel_case(project.name)},
          {"@TASK@", identifier},
          {"@SOURCE@", project.name + (project.language == "c" ? ".c" : ".cpp")},
          {"@SDK@", std::to_string(kHostAbi.major) + "." + std::to_string(kHostAbi.minor)}};
}

std::string filled_in(std::string text, const std::map<std::string, std::string>& tokens) {
  for (const auto& [token, value] : tokens)
    for (auto at = text.find(token); at != std::string::npos;
         at = text.find(token, at + value.size()))
      text.replace(at, token.size(), value);
  return text;
}

}  // namespace

std::vector<fs::path> make_project(const NewProject& project) {
  check_name(project.name);
  if (project.language != "c++" && project.language != "c")
    throw Error(Code::usage, "there is no template in \"" + project.language + "\"",
                "Use --lang c++ or --lang c. A plugin may be in any language that can export a C "
                "table.");
  const auto folder = project.parent / project.name;
  if (fs::exists(fs::symlink_status(folder)))
    throw Error(Code::conflict, "\"" + folder.string() + "\" is there already",
                "Choose another name, or move it away.");
  const auto tokens = tokens_of(project);
  Unfinished unfinished(project.parent.empty() ? "." : project.parent, project.name);
  std::vector<fs::path> made;
  for (const auto& file : template_files()) {
    if (!file.language.empty() && file.language != project.language) continue;
    const auto name = filled_in(std::string(file.name), tokens);
    write_atomically(unfinished.path() / name, filled_in(std::string(file.text), tokens));
    made.push_back(fs::path(project.name) / name);
  }
  unfinished.become(folder);
  return made;
}

}  // namespace host
