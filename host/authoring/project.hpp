// SPDX-License-Identifier: Apache-2.0
//
// `plugins new`: a plugin's project, from the templates in sdk/templates.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace host {

// A file of a template, as it stands in sdk/templates.
struct TemplateFile {
  std::string_view language;  // "c++", "c"; empty: of both
  std::string_view name;      // may hold @NAME@
  std::string_view text;      // may hold the tokens below
};
[[nodiscard]] const std::vector<TemplateFile>& template_files();

struct NewProject {
  std::string name;              // the plugin's id, and the folder's name
  std::string language = "c++";  // or "c"
  std::filesystem::path parent;  // where the folder is made
};

// Makes the folder with a project that builds, is tested and passes the checks, and returns its
// files, relative to `parent`. Made whole or not at all. In names and texts @NAME@ stands for the
// name, @NAME_C@ for it as an identifier, @CLASS@ for it in CamelCase, @TASK@ for its one task,
// @SOURCE@ for its source file and @SDK@ for the version of the SDK.
// Throws Error: usage (the name is none for a plugin, an unknown language), conflict (the folder is
// there), io.
[[nodiscard]] std::vector<std::filesystem::path> make_project(const NewProject& project);

}  // namespace host
