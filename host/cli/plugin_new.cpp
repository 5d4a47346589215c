// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "authoring/project.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/command.hpp"

namespace host::cli {
namespace {

int make(Session& session, const options::variables_map& given) {
  if (!given.count("name"))
    throw Error(Code::usage, "what is the plugin called?", "Write: timmy-host plugins new NAME");
  const NewProject project{.name = given["name"].as<std::string>(),
                           .language = given["lang"].as<std::string>(),
                           .parent = given["dir"].as<std::string>()};
  const auto files = make_project(project);
  if (session.json) {
    Json made = Json::array();
    for (const auto& file : files) made.push_back(file.string());
    session.out << to_indented_text({{"files", made}}) << '\n';
    return 0;
  }
  for (const auto& file : files) session.out << file.string() << '\n';
  session.err << "next: cd " << (project.parent / project.name).lexically_normal().string()
              << " && cmake -B build -DCMAKE_PREFIX_PATH=SDK && cmake --build build && ctest "
                 "--test-dir build"
                 "\n  SDK: where cmake --install BUILD --component sdk --prefix SDK put it\n"
              << "then: timmy-host plugins check build/" << project.name << ".so\n";
  return 0;
}

}  // namespace

std::vector<Command> plugin_new_commands() {
  return {
      {.words = "plugins new",
       .arguments = "NAME",
       .summary = "make the project of a new plugin",
       .details = "Makes a folder NAME with manifest, code, test, CMakeLists.txt and README. It "
                  "builds against an installed SDK, its test passes, and so does plugins check. "
                  "Nothing that is there is touched.",
       .examples = {"timmy-host plugins new greeter", "timmy-host plugins new counter --lang c"},
       .declare =
           [](options::options_description& own,
              options::positional_options_description& positional) {
             own.add_options()("name", options::value<std::string>()->value_name("NAME"),
                               "the plugin's id: lower-case letters, digits, _ and -")(
                 "lang", options::value<std::string>()->value_name("LANG")->default_value("c++"),
                 "c++ or c")("dir",
                             options::value<std::string>()->value_name("DIR")->default_value("."),
                             "where the folder is made");
             positional.add("name", 1);
           },
       .reads_files = false,
       .run = make},
  };
}

}  // namespace host::cli
