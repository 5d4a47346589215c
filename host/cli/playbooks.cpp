// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "app/playbook_report.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "cli/argument.hpp"
#include "cli/command.hpp"
#include "cli/issue_given.hpp"
#include "cli/items_text.hpp"
#include "cli/playbooks_text.hpp"
#include "cli/table.hpp"
#include "config/host_config.hpp"

namespace host::cli {
namespace {

using Given = options::variables_map;

constexpr std::size_t kFactsBytes = std::size_t{1} << 20;

ForgeAsker asker_of(const Session& session) {
  return {session.config, session.host_name, session.paths};
}

std::string word(const Given& given, const char* name) {
  return given.count(name) ? given[name].as<std::string>() : "";
}

void print_warnings(Session& session, const Json& report) {
  for (const auto& warning : report.at("warnings"))
    session.err << "timmy-host: " << printable(warning.get<std::string>()) << '\n';
}

int list(Session& session, const Given&) {
  const Json report = playbooks_report(asker_of(session));
  print_warnings(session, report);
  return print_reply(session, report, print_playbooks);
}

int check(Session& session, const Given& given) {
  std::vector<std::filesystem::path> files;
  if (given.count("file"))
    for (const auto& file : given["file"].as<std::vector<std::string>>()) files.emplace_back(file);
  const Json report = playbooks_check(asker_of(session), files);
  print_reply(session, report, print_playbook_check);
  return report.at("ok").get<bool>() ? 0 : ConfigError::kExitStatus;
}

int show(Session& session, const Given& given) {
  const auto name = word(given, "name");
  if (name.empty())
    throw Error(Code::usage, "which playbook?", "See the names: timmy-host playbooks list.");
  // A playbook's name begins with a letter: a number is an item's.
  if (name.find_first_not_of("0123456789") == std::string::npos)
    return print_reply(session, session.client().get("/v1/items/" + name), print_item);
  const Json report = playbook_report(asker_of(session), name);
  print_reply(session, report, print_playbook);
  return report.at("state") == "refused" ? 1 : 0;
}

dispatch::ItemFacts asked_facts(const Session& session, const Given& given) {
  const auto issue = issue_given(given, "timmy-host playbooks explain org/app 12");
  return facts_of_item(asker_of(session), issue.repository, issue.number);
}

dispatch::ItemFacts facts_of(const Session& session, const Given& given) {
  const auto file = word(given, "facts");
  if (file.empty()) return asked_facts(session, given);
  if (given.count("repo"))
    throw Error(Code::usage, "both an issue and --facts were given", "Give one of them.");
  if (file == "-")
    return dispatch::parse_facts(read_all(0, kFactsBytes, "standard input"), "standard input");
  return dispatch::parse_facts(read_file(file, kFactsBytes), file);
}

int explain(Session& session, const Given& given) {
  const Json report = explain_playbooks(asker_of(session), facts_of(session, given));
  print_warnings(session, report);
  print_reply(session, report, print_playbook_choice);
  return report.at("chosen").is_null() ? 1 : 0;
}

void declare_explain(options::options_description& own,
                     options::positional_options_description& positional) {
  declare_issue(own, positional);
  own.add_options()("facts", options::value<std::string>()->value_name("FILE"),
                    "the item as JSON instead, so that nobody is asked; -: standard input");
}

void declare_files(options::options_description& own,
                   options::positional_options_description& positional) {
  own.add_options()("file",
                    options::value<std::vector<std::string>>()->composing()->value_name("FILE"),
                    "a playbook or agent-lanes.json (same as an argument)");
  positional.add("file", -1);
}

void declare_name(options::options_description& own,
                  options::positional_options_description& positional) {
  declare_argument(own, positional, "name", "NAME", "which playbook, or which item");
}

constexpr const char* kWhere =
    "Playbooks are looked for in the folder playbooks beside host.yaml, in playbook_dirs, and "
    "among "
    "those that came with the host; the first of a name counts. ";

}  // namespace

std::vector<Command> playbook_commands() {
  return {
      {.words = "playbooks list",
       .arguments = "",
       .summary = "list playbooks and lanes, and what is wrong with any",
       .details = std::string(kWhere) +
                  "STATE is on, off (host.yaml does not enable it) or refused: its file is wrong, "
                  "its lane "
                  "does not exist, or others could write it. REPOSITORIES are those of host.yaml, "
                  "else the "
                  "playbook's own. Reads files alone, whether a host runs or not.",
       .examples = {"timmy-host playbooks list", "timmy-host playbooks list --json"},
       .declare = [](auto&, auto&) {},
       .run = list},
      {.words = "playbooks check",
       .arguments = "[FILE ...]",
       .summary = "report every error in playbooks and lanes, with its line",
       .details =
           "Without FILE all that this host would use, and what host.yaml says of it. With FILE "
           "these alone, wherever they are: one called agent-lanes.json is lanes, every other one "
           "a "
           "playbook, whose lane must be in the lanes given along, or else in those that the host "
           "would use. Exit status 0 without errors, 78 with.",
       .examples = {"timmy-host playbooks check",
                    "timmy-host playbooks check playbooks/*.yaml playbooks/agent-lanes.json",
                    "timmy-host playbooks check ~/.timmy/playbooks/bug-fixer.yaml --json"},
       .declare = declare_files,
       .run = check},
      {.words = "playbooks show",
       .arguments = "NAME|ID",
       .summary = "show a playbook with its defaults, gates and prompt; or an item with its gates",
       .details =
           std::string(kWhere) +
           "Each setting comes with the line that it stands on; without one it is a default. "
           "Exit status 1 when the playbook is refused, 66 when there is none. A number is an item "
           "of the running host: how it went through each gate, and what that found.",
       .examples = {"timmy-host playbooks show bug-fixer",
                    "timmy-host playbooks show bug-fixer --json", "timmy-host playbooks show 12"},
       .declare = declare_name,
       .run = show},
      {.words = "playbooks explain",
       .arguments = "REPO ISSUE",
       .summary = "say which playbook takes an issue, and why the others do not",
       .details =
           "Asks the forge for the issue or pull request, by the URL and the token of host.yaml, "
           "whether a host runs or not, and changes nothing. Several that fit come by their "
           "priority, the lower number first, then by name; the first is chosen. With --facts "
           "nobody is asked: FILE holds {\"repository\", \"number\"} and what else matters of "
           "\"title\", \"labels\", \"author\", \"state\", \"assignees\", \"kind\" and "
           "\"own_login\". "
           "Exit status 0 when one is chosen, 1 when none is.",
       .examples = {"timmy-host playbooks explain org/app 12",
                    "timmy-host playbooks explain org/app#12 --json",
                    "timmy-host playbooks explain --facts issue.json"},
       .declare = declare_explain,
       .run = explain},
  };
}

}  // namespace host::cli
