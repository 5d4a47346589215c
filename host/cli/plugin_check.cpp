// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ostream>

#include "app/installation.hpp"
#include "authoring/check.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
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

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      default: safe += c;
    }
  }
  return safe;
}

// As the JUnit reports that CI services read. A warning is a pass there, with its text as output.
std::string junit_of(const std::string& file, const std::vector<CheckReport>& reports) {
  std::string cases;
  int failures = 0;
  int skipped = 0;
  for (const auto& report : reports) {
    const auto text = escaped(report.message + (report.fix.empty() ? "" : " Fix: " + report.fix));
    cases += fmt::format("  <testcase classname=\"plugins check\" name=\"{}\" time=\"{:.3f}\">",
                         report.check, static_cast<double>(report.took.count()) / 1e6);
    if (report.grade == Grade::fail || report.grade == Grade::crash) {
      ++failures;
      cases += fmt::format("<failure type=\"{}\" message=\"{}\"/>", name(report.grade), text);
    } else if (report.grade == Grade::skip) {
      ++skipped;
      cases += fmt::format("<skipped message=\"{}\"/>", text);
    } else if (report.grade == Grade::warn) {
      cases += fmt::format("<system-out>warn: {}</system-out>", text);
    }
    cases += "</testcase>\n";
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" "
      "failures=\"{}\" skipped=\"{}\">\n{}</testsuite>\n",
      escaped(file), reports.size(), failures, skipped, cases);
}

int list_all(Session& session) {
  Json all = Json::array();
  Table table({"CHECK", "WHAT IT LOOKS FOR"});
  for (const auto& info : list_checks()) {
    all.push_back({{"check", info.name}, {"about", info.about}});
    table.add({std::string(info.name), std::string(info.about)});
  }
  if (session.json)
    session.out << to_indented_text(all) << '\n';
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
  std::vector<CheckReport> all_reports;
  Json reports = Json::array();
  std::map<Grade, int> counts;
  const bool well = check_plugin(file, options, [&](const CheckReport& report) {
    ++counts[report.grade];
    all_reports.push_back(report);
    if (session.json)
      reports.push_back(json_of(report));
    else
      print(session.out, report);
    session.out.flush();
  });
  if (given.count("junit"))
    write_atomically(given["junit"].as<std::string>(), junit_of(file.string(), all_reports));
  if (session.json) {
    session.out << to_indented_text(
                       {{"file", file.string()}, {"passed", well}, {"checks", reports}})
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
      "junit", options::value<std::string>()->value_name("FILE"),
      "write a JUnit report there, besides")("list", "print every check and what it looks for");
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
           "no network, and folders of its own instead of those that it suggests. Its code only "
           "runs in caged workers, which are killed when they take too long. Each line is pass, "
           "skip, warn, fail or crash, with the fix. Exit status: 0 "
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
