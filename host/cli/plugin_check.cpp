// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ostream>

#include "app/installation.hpp"
#include "authoring/check.hpp"
#include "base/error.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"

namespace host::cli {
namespace {

constexpr std::size_t kNameWidth = 20;

Json json_of(const CheckReport& report) {
  Json json{
      {"check", report.check}, {"result", name(report.grade)}, {"ms", report.took.count() / 1000}};
  if (!report.message.empty()) json["message"] = report.message;
  if (!report.fix.empty()) json["fix"] = report.fix;
  return json;
}

void print(std::ostream& out, const CheckReport& report) {
  if (report.message.empty())
    out << fmt::format("{:<5}  {}\n", name(report.grade), report.check);
  else
    out << fmt::format("{:<5}  {:<{}}{}\n", name(report.grade), report.check, kNameWidth,
                       printable(report.message));
  if (!report.fix.empty()) out << std::string(7, ' ') << "fix: " << printable(report.fix) << '\n';
}

int list_all(Session& session) {
  Json all = Json::array();
  Table table({"CHECK", "WHAT IT LOOKS FOR"});
  for (const auto& info : list_checks()) {
    all.push_back({{"check", info.name}, {"about", info.about}});
    table.add({std::string(info.name), std::string(info.about)});
  }
  if (session.json)
    session.out << all.dump(2) << '\n';
  else
    table.print(session.out);
  return 0;
}

int check(Session& session, const options::variables_map& given) {
  if (given.count("list")) return list_all(session);
  if (!given.count("file"))
    throw Error(Code::usage, "which plugin?",
                "Give its file; see timmy-host plugins check --help.");
  const std::filesystem::path file = given["file"].as<std::string>();
  CheckOptions options;
  options.worker = Installation::find().worker;
  options.in_process = given.count("in-process") > 0;
  if (given.count("only")) options.only = given["only"].as<std::string>();
  if (given.count("seed")) options.seed = given["seed"].as<unsigned>();
  Json reports = Json::array();
  std::map<Grade, int> counts;
  const bool well = check_plugin(file, options, [&](const CheckReport& report) {
    ++counts[report.grade];
    if (session.json)
      reports.push_back(json_of(report));
    else
      print(session.out, report);
    session.out.flush();
  });
  if (session.json) {
    session.out << Json{{"file", file.string()}, {"passed", well}, {"checks", reports}}.dump(2)
                << '\n';
  } else {
    std::string all;
    for (const auto& [grade, count] : counts)
      all += fmt::format("{}{} {}", all.empty() ? "" : ", ", count, name(grade));
    session.out << all << '\n';
  }
  return well ? 0 : 1;
}

void declare(options::options_description& own,
             options::positional_options_description& positional) {
  own.add_options()("file", options::value<std::string>()->value_name("FILE"),
                    "the plugin, a NAME.so (same as the argument)")(
      "only", options::value<std::string>()->value_name("REGEX"),
      "run the checks whose names REGEX is found in, and what they build on")(
      "seed", options::value<unsigned>()->value_name("NUMBER"),
      "make up other configs; the same number makes up the same")(
      "in-process",
      "run its code in this process, without a cage and without an end to a hang: for a debugger")(
      "list", "print every check and what it looks for");
  positional.add("file", 1);
}

}  // namespace

std::vector<Command> plugin_check_commands() {
  return {
      {.words = "plugins check",
       .arguments = "FILE",
       .summary = "check a plugin file against the rules of the SDK",
       .details =
           "Looks at the file, its manifest and its config schema, then makes the plugin and runs "
           "its tasks, with everything granted that it asks for, on services in memory: no Gitea, "
           "no network. Its code only runs in caged workers, which are killed when they take too "
           "long. Each line is pass, skip, warn, fail or crash, with the fix. Exit status: 0 "
           "unless "
           "a check failed or crashed, then 1.",
       .examples = {"timmy-host plugins check ./hello.so",
                    "timmy-host plugins check ./hello.so --only ^run --json",
                    "gdb --args timmy-host plugins check ./hello.so --only run.survives "
                    "--in-process"},
       .declare = declare,
       .reads_files = false,
       .run = check},
  };
}

}  // namespace host::cli
