// SPDX-License-Identifier: Apache-2.0
//
// Checks that read the file and run none of its code. They run in this process: their work is
// bounded by the sizes of file, manifest and sections, and what is made up for a schema by
// sample.hpp.
#include <fmt/format.h>
#include <timmy/abi.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "authoring/examination.hpp"
#include "base/error.hpp"

namespace host {
namespace {

constexpr const char* kUseOurCmake = "Build it with timmy_add_plugin(), which sees to that.";

// What any machine with a host has.
constexpr std::array kAtHome{"libc.so",     "libm.so",      "libpthread.so", "libdl.so",
                             "librt.so",    "libstdc++.so", "libgcc_s.so",   "ld-linux",
                             "libc++.so",   "libc++abi.so", "libunwind.so",  "libasan.so",
                             "libubsan.so", "libtsan.so",   "liblsan.so"};

// What timmy_plugin had in the first release.
constexpr std::size_t kTableOfMinor0 = offsetof(timmy_plugin, destroy) + sizeof(void (*)(void*));
constexpr std::size_t kLargeManifest = 64 * 1024;  // bytes; each listing reads it

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

Observation file_plugin(Examination& it) {
  return {Grade::pass,
          fmt::format("{} bytes, sha256 {}", it.candidate().image->size,
                      it.candidate().image->sha256.substr(0, 12)),
          ""};
}

Observation manifest_json(Examination& it) {
  const auto& reading = it.candidate().reading;
  if (reading.manifest) return {};
  return {Grade::fail, joined(reading.problems),
          "Mend manifest.json, then build again. " + std::string(kUseOurCmake)};
}

Observation manifest_size(Examination& it) {
  const auto size = to_text(it.candidate().reading.manifest->raw).size();
  const auto text = fmt::format("{} KiB", size / 1024);
  if (size <= kLargeManifest) return {Grade::pass, text, ""};
  return {Grade::warn, text + " of manifest, which every listing reads",
          "Keep documentation in the plugin's README."};
}

// What suits its author's machine. The checks give it folders of their own instead.
Observation manifest_folders(Examination& it) {
  std::vector<std::string> foreign;
  for (const auto& need : it.manifest().needs) {
    if (!need.grant.starts_with("fs.")) continue;
    for (const auto& value : need.values)
      if (!value.starts_with("$") && !value.starts_with("~")) foreign.push_back(value);
  }
  if (foreign.empty()) return {};
  return {Grade::warn, "suggests " + joined(foreign) + ", which not every operator has",
          "Suggest a folder below $TIMMY_HOME, and let its config name it."};
}

// Which check a problem of the manifest belongs to, by its pointer.
std::string_view check_of(const std::string& problem) {
  const auto pointer = std::string_view(problem).substr(0, problem.find(':'));
  if (pointer.ends_with("/schedule") || pointer.ends_with("/zone")) return "manifest.schedules";
  if (pointer.starts_with("/config_schema/examples")) return "config.examples";
  return "manifest.valid";
}

Observation problems_of(Examination& it, std::string_view check, const char* fix) {
  std::vector<std::string> wrong;
  for (const auto& problem : it.candidate().reading.problems)
    if (check_of(problem) == check) wrong.push_back(problem);
  return wrong.empty() ? Observation{} : Observation{Grade::fail, joined(wrong), fix};
}

Observation manifest_valid(Examination& it) {
  return problems_of(it, "manifest.valid", "Mend manifest.json, then build again.");
}

Observation manifest_schedules(Examination& it) {
  // They are looked at in a manifest that is valid otherwise.
  if (manifest_valid(it).grade == Grade::fail) return {Grade::skip, "needs manifest.valid", ""};
  return problems_of(it, "manifest.schedules", "Mend \"schedule\" or \"zone\" in manifest.json.");
}

Observation manifest_version(Examination& it) {
  const auto& reading = it.candidate().reading;
  if (reading.version_refusal) return {Grade::fail, *reading.version_refusal, reading.version_fix};
  const auto& abi = reading.manifest->abi;
  return {Grade::pass,
          fmt::format("built for {}.{}, runs on {}.{} and later", abi.major, abi.minor, abi.major,
                      abi.minimum),
          ""};
}

Observation file_exports(Examination& it) {
  std::vector<std::string> others;
  bool found = false;
  for (const auto& symbol : it.symbols().defined) {
    if (symbol.name == "timmy_plugin_v1")
      found = true;
    else if (!symbol.unique)
      others.push_back(symbol.name);
  }
  if (!found)
    return {Grade::fail, "it does not export timmy_plugin_v1",
            "Define it: TIMMY_PLUGIN(...) in C++, TIMMY_EXPORT const timmy_plugin timmy_plugin_v1 "
            "in C."};
  if (others.empty()) return {};
  const auto count = others.size();
  others.resize(std::min<std::size_t>(count, 3));
  return {Grade::fail,
          fmt::format("exports {} symbols besides timmy_plugin_v1: {}{}", count, joined(others),
                      count > others.size() ? ", ..." : ""),
          kUseOurCmake};
}

Observation file_unique(Examination& it) {
  const auto& symbols = it.symbols().defined;
  const auto unique = std::count_if(symbols.begin(), symbols.end(),
                                    [](const auto& symbol) { return symbol.unique; });
  if (unique == 0) return {};
  return {
      Grade::fail,
      fmt::format("has {} STB_GNU_UNIQUE symbols, which keep a library in memory for ever", unique),
      "Compile with -fno-gnu-unique, or hide all symbols but timmy_plugin_v1. " +
          std::string(kUseOurCmake)};
}

Observation file_needs(Examination& it) {
  std::vector<std::string> foreign;
  for (const auto& library : it.symbols().needed)
    if (std::none_of(kAtHome.begin(), kAtHome.end(),
                     [&](const char* known) { return library.starts_with(known); }))
      foreign.push_back(library);
  if (foreign.empty()) return {Grade::pass, joined(it.symbols().needed), ""};
  return {Grade::warn, "needs " + joined(foreign) + " on the operator's machine",
          "Link them statically, or name the packages in the plugin's README."};
}

Observation file_paths(Examination& it) {
  const auto& paths = it.symbols().paths;
  if (paths.empty()) return {};
  return {Grade::warn, "has the dynamic linker look for libraries in " + joined(paths),
          "Link without -rpath (CMake: BUILD_WITH_INSTALL_RPATH): whoever can write there decides "
          "what runs."};
}

Observation file_stack(Examination& it) {
  if (!it.symbols().executable_stack) return {};
  return {Grade::fail, "wants its stack to be executable, which a worker refuses",
          "Link with -Wl,-z,noexecstack, and end assembler files with a .note.GNU-stack section."};
}

Observation manifest_matches(Examination& it) {
  const auto header = it.table_header();
  if (!header) return {Grade::fail, "timmy_plugin_v1 is not plain data in the file", kUseOurCmake};
  const auto& abi = it.manifest().abi;
  if (header->size < kTableOfMinor0)
    return {Grade::fail,
            fmt::format("timmy_plugin_v1.size is {}, expected at least {}", header->size,
                        kTableOfMinor0),
            "Set it to sizeof(timmy_plugin), as a constant."};
  if (static_cast<int>(header->abi_minor) != abi.minor)
    return {
        Grade::fail,
        fmt::format("timmy_plugin_v1 was compiled for ABI minor {}, its manifest says {}",
                    header->abi_minor, abi.minor),
        "Embed the manifest with the headers that you compile with. " + std::string(kUseOurCmake)};
  return {};
}

// What is listed is read from the file, so it must be what the file says, whoever looks and when.
Observation manifest_constant(Examination& it) {
  const ElfFile file(it.candidate().image->fd(), it.file());
  const auto section = file.find(".timmy.manifest");
  if ((section->sh_flags & SHF_WRITE) != 0)
    return {Grade::fail, "its manifest lies in memory that it can write to",
            "Make it const. " + std::string(kUseOurCmake)};
  const auto again = Candidate::open(it.file());
  if (again.reading.manifest && again.reading.manifest->raw != it.manifest().raw)
    return {Grade::fail, "its manifest was another when it was read a second time",
            "Write the file to another name, then rename it."};
  return {};
}

Observation config_examples(Examination& it) {
  auto wrong =
      problems_of(it, "config.examples", "Mend the example or the schema in manifest.json.");
  if (wrong.grade != Grade::pass) return wrong;
  if (!it.config())
    return {Grade::fail, "no config is known that its config_schema takes",
            "Add \"examples\" to config_schema."};
  const Json& schema = it.manifest().config_schema;
  const Json examples = schema.value("examples", Json::array());
  if (examples.empty() && !schema.value("properties", Json::object()).empty())
    return {Grade::warn, "its config_schema has no examples",
            "Add \"examples\": operators copy them, and the checks below run with the first."};
  return {Grade::pass,
          fmt::format("{} example{}", examples.size(), examples.size() == 1 ? "" : "s"), ""};
}

// Each property of a schema, at any depth, with the names that lead to it.
void each_property(const Json& schema, const std::string& at,
                   const std::function<void(const std::string&, const Json&)>& visit) {
  if (!schema.is_object()) return;
  if (const auto properties = schema.find("properties"); properties != schema.end())
    for (const auto& [name, property] : properties->items()) {
      const auto below = at.empty() ? name : at + "." + name;
      visit(below, property);
      each_property(property, below, visit);
    }
  for (const char* keyword : {"items", "additionalProperties"})
    if (const auto part = schema.find(keyword); part != schema.end())
      each_property(*part, at + "[]", visit);
  if (const auto shared = schema.find("$defs"); shared != schema.end())
    for (const auto& [name, part] : shared->items()) each_property(part, name, visit);
}

Observation config_described(Examination& it) {
  const Json& schema = it.manifest().config_schema;
  std::vector<std::string> bare;
  each_property(schema, "", [&](const std::string& name, const Json& property) {
    if (property.is_object() && !property.contains("description") && !property.contains("$ref"))
      bare.push_back(name);
  });
  if (bare.empty()) return {};
  return {Grade::warn, "says nothing of " + joined(bare),
          "Add \"description\" to it in config_schema: plugins show prints it."};
}

Observation config_closed(Examination& it) {
  const Json& schema = it.manifest().config_schema;
  if (!fits(it.config_schema(), Json{{"no_key_of_this_name", 1}})) return {};
  if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object())
    return {Grade::pass, "its keys are the operator's to name", ""};
  return {Grade::warn, "its config_schema takes any key, so that a misspelt one goes unseen",
          "Add \"additionalProperties\": false to config_schema."};
}

}  // namespace

const std::vector<Check>& file_checks() {
  static const std::vector<Check> checks{
      {{"file.plugin", "a shared library for this machine, with a manifest"}, {}, file_plugin},
      {{"manifest.json", "its manifest is a JSON object with an id"},
       {"file.plugin"},
       manifest_json},
      {{"manifest.version", "this host's ABI can run it"}, {"manifest.json"}, manifest_version},
      {{"manifest.valid", "its manifest fits the published schema"},
       {"manifest.version"},
       manifest_valid},
      {{"manifest.schedules", "each schedule is one, in a known zone, and fires"},
       {"manifest.version"},
       manifest_schedules},
      {{"config.examples", "config_schema takes its own examples"},
       {"manifest.valid", "manifest.schedules"},
       config_examples},
      {{"config.described", "each key of its config is described"},
       {"config.examples"},
       config_described},
      {{"config.closed", "config_schema refuses keys that it does not know"},
       {"config.examples"},
       config_closed},
      {{"manifest.size", "its manifest has at most 64 KiB"}, {"manifest.valid"}, manifest_size},
      {{"manifest.folders", "it suggests no folder that only its author has"},
       {"config.examples"},
       manifest_folders},
      {{"manifest.constant", "its manifest is the same whenever it is read"},
       {"config.examples"},
       manifest_constant},
      {{"file.exports", "it exports timmy_plugin_v1 and nothing else"},
       {"file.plugin"},
       file_exports},
      {{"file.unique", "no STB_GNU_UNIQUE symbols"}, {"file.plugin"}, file_unique},
      {{"file.needs", "it needs no library that an operator may not have"},
       {"file.plugin"},
       file_needs},
      {{"file.paths", "it brings no folders for the dynamic linker to search"},
       {"file.plugin"},
       file_paths},
      {{"file.stack", "it needs no executable stack"}, {"file.plugin"}, file_stack},
      {{"manifest.matches", "manifest and code are of the same ABI"},
       {"manifest.constant", "file.exports"},
       manifest_matches},
  };
  return checks;
}

}  // namespace host
