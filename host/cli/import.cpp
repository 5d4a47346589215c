// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <ostream>

#include "app/offline.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/zone.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"
#include "schedule/import.hpp"

namespace host::cli {
namespace {

constexpr std::size_t kFileCap = 1 << 20;
constexpr int kWrongLines = 65;  // EX_DATAERR

std::string format_of(const std::string& file, const options::variables_map& given) {
  if (given.count("format")) return given["format"].as<std::string>();
  if (file.ends_with(".json")) return "hermes";
  if (file.ends_with(".yaml") || file.ends_with(".yml")) return "definitions";
  return "crontab";
}

std::vector<ImportEntry> read_entries(const std::string& file, const std::string& format,
                                      const std::string& zone) {
  const std::string shown = file == "-" ? "standard input" : file;
  const auto text =
      file == "-" ? read_all(STDIN_FILENO, kFileCap, shown) : read_file(file, kFileCap);
  if (format == "crontab") return read_crontab(text, shown, zone);
  if (format == "hermes") return read_hermes_jobs(text, shown, zone);
  if (format == "definitions") return read_definitions(text, shown, zone);
  throw Error(Code::usage, "\"" + format + "\" is not a format",
              "Use crontab, hermes or definitions.");
}

std::vector<ImportTask> known_tasks(Session& session) {
  const Json report =
      offline_tasks(session.config, session.host_name, session.paths, session.plugin_dirs);
  std::vector<ImportTask> tasks;
  for (const auto& row : report["tasks"])
    if (row["task"] != "" && row["state"] != "shadowed")
      tasks.push_back({row["task"], row["plugin"]});
  return tasks;
}

std::string_view verdict_text(ImportLine::Verdict verdict) {
  switch (verdict) {
    case ImportLine::Verdict::taken: return "taken over";
    case ImportLine::Verdict::left: return "not taken over";
    case ImportLine::Verdict::wrong: break;
  }
  return "wrong";
}

Json to_json(const ImportLine& line) {
  return {
      {"where", line.where},   {"label", line.label},       {"verdict", verdict_text(line.verdict)},
      {"task", line.task},     {"schedule", line.schedule}, {"zone", line.zone},
      {"reason", line.reason}, {"notes", line.notes}};
}

void print_report(std::ostream& out, const ImportPlan& plan) {
  for (const auto& line : plan.lines) {
    out << printable(line.where) << ": " << verdict_text(line.verdict);
    if (line.verdict == ImportLine::Verdict::taken)
      out << " as " << line.task << ", " << line.schedule << ' ' << line.zone;
    if (!line.reason.empty()) out << ": " << printable(line.reason);
    if (!line.label.empty()) out << " [" << printable(line.label) << ']';
    out << '\n';
    for (const auto& note : line.notes) out << "  note: " << printable(note) << '\n';
  }
}

// What is there already is somebody's work.
void write_fragment(const std::string& path, const std::string& fragment) {
  std::error_code ignored;
  if (std::filesystem::exists(std::filesystem::symlink_status(path, ignored)))
    throw Error(Code::conflict, path + " exists, and is not written over",
                "Give another name, and merge the two yourself.");
  write_atomically(path, fragment);
}

int import_schedules(Session& session, const options::variables_map& given) {
  if (!given.count("file"))
    throw Error(Code::usage, "which file?", "Give its path, or - for standard input.");
  const auto file = given["file"].as<std::string>();
  const auto format = format_of(file, given);
  const auto zone = given.count("zone") ? given["zone"].as<std::string>() : machine_zone_name();
  static_cast<void>(Zone::load(zone));
  const auto plan = plan_import(read_entries(file, format, zone), known_tasks(session),
                                format == "crontab" ? "skip" : "");
  const bool to_file = given.count("output") > 0;
  const bool dry = given.count("dry-run") > 0;
  if (session.json) {
    Json lines = Json::array();
    for (const auto& line : plan.lines) lines.push_back(to_json(line));
    const Json report{{"entries", std::move(lines)}, {"fragment", plan.fragment}};
    session.out << to_indented_text(report) << '\n';
  } else {
    // Without a file the fragment has standard output to itself.
    print_report(dry || to_file ? session.out : session.err, plan);
    if (!dry && !to_file) session.out << plan.fragment;
  }
  if (plan.lines.empty()) session.err << "timmy-host: " << printable(file) << " holds no jobs\n";
  if (!dry && to_file && !plan.fragment.empty())
    write_fragment(given["output"].as<std::string>(), plan.fragment);
  for (const auto& line : plan.lines)
    if (line.verdict == ImportLine::Verdict::wrong) return kWrongLines;
  return 0;
}

}  // namespace

std::vector<Command> import_commands() {
  return {
      {.words = "schedules import",
       .arguments = "FILE",
       .summary = "take over a crontab, Hermes' cron/jobs.json or definitions.yaml",
       .details =
           "Prints what becomes of each entry (on standard error, unless --dry-run or --output is "
           "given), and\n"
           "a piece of host.yaml with the schedules of those that name a task of a plugin found "
           "here. Runs\n"
           "nothing, and writes to no file but that of --output, which must be new. Entries of a "
           "crontab get\n"
           "`catch_up: skip`, as cron has it. A user's crontab is expected (crontab -l), not "
           "/etc/crontab with\n"
           "its column of users. Exit status 65 if an entry is wrong; the others are taken over "
           "all the same.",
       .examples = {"crontab -l | timmy-host schedules import -",
                    "timmy-host schedules import ~/.hermes/cron/jobs.json --dry-run",
                    "timmy-host schedules import cron/definitions.yaml --output schedules.yaml"},
       .declare =
           [](options::options_description& own,
              options::positional_options_description& positional) {
             own.add_options()("file", options::value<std::string>()->value_name("FILE"),
                               "what to read, - for standard input (same as the argument)")(
                 "format", options::value<std::string>()->value_name("FORMAT"),
                 "crontab, hermes or definitions; default: by the file's name")(
                 "zone", options::value<std::string>()->value_name("ZONE"),
                 "of entries that name none; default: this machine's")(
                 "output", options::value<std::string>()->value_name("NEW"),
                 "write the piece of host.yaml to this file")("dry-run", "only say what would be");
             positional.add("file", 1);
           },
       .run = import_schedules},
  };
}

}  // namespace host::cli
