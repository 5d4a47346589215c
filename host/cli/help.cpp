// SPDX-License-Identifier: Apache-2.0
#include "cli/help.hpp"

#include <algorithm>
#include <ostream>
#include <sstream>

namespace host::cli {
namespace {

constexpr std::size_t kColumns = 80;

constexpr std::string_view kIntroduction =
    R"(timmy-host runs task plugins on their schedules, each in a caged process, and gives
them a durable queue, Gitea access and durable state.

Usage: timmy-host COMMAND [OPTIONS]

Commands:
)";

constexpr std::string_view kClosing = R"(
  --list-tasks, --doctor, --check-config and --version are the commands of the
  same names. "timmy-host help COMMAND" explains one, with examples.

Options of many commands:
  --config FILE      host.yaml to read (default: $TIMMY_HOME/host.yaml)
  --host NAME        whose entry of host.yaml applies (default: this machine)
  --plugin-dir DIR   look for plugins here too; may be given several times
  --json             print JSON instead of a table
  -h, --help         explain, with examples

Environment:
  HERMES_HOME        where the agents' files are (default: ~/.hermes)
  TIMMY_HOME         where this host's files are (default: ~/.timmy)
  GITEA_URL          the Gitea to use, over the one in host.yaml

Exit status: 0 on success; 1 when what was asked for came out badly (a job, a
check); 3 from "status" when no host runs; else as in sysexits(3): 64 usage,
65 bad data, 66 no such thing, 69 no host is running, 70 a bug, 74 the disk,
75 another host is running, 77 not permitted, 78 bad configuration.

Examples:
  timmy-host run                        run in the foreground until SIGTERM
  timmy-host --list-tasks               what would run, when, and what stops it
  timmy-host enqueue heartbeat --wait   run a task now and see its result
  timmy-host jobs list --state discarded
)";

// Words in lines of kColumns, all but the first indented.
void print_wrapped(std::ostream& out, const std::string& text, std::size_t at, std::size_t indent) {
  std::istringstream words(text);
  bool first = true;
  for (std::string word; words >> word;) {
    if (!first && at + 1 + word.size() > kColumns) {
      out << '\n' << std::string(indent, ' ');
      at = indent;
    } else if (!first) {
      out << ' ';
      ++at;
    }
    out << word;
    at += word.size();
    first = false;
  }
  out << '\n';
}

// "--limit N"; program_options would print "-h [ --help ]" and "N (=50)".
std::string usage_of(const options::option_description& option) {
  std::string text = "--" + option.long_name();
  const auto brief =
      option.canonical_display_name(options::command_line_style::allow_dash_for_short);
  if (brief.size() == 2) text = brief + ", " + text;
  const auto value = option.semantic()->max_tokens() == 0 ? "" : option.semantic()->name();
  return value.empty() ? text : text + " " + value.substr(0, value.find(" (="));
}

void print_options(std::ostream& out, const std::string& title,
                   const options::options_description& all) {
  if (all.options().empty()) return;
  std::size_t width = 0;
  for (const auto& option : all.options()) width = std::max(width, usage_of(*option).size());
  out << '\n' << title << ":\n";
  for (const auto& option : all.options()) {
    const auto usage = usage_of(*option);
    const std::size_t column = 2 + width + 2;
    out << "  " << usage << std::string(column - 2 - usage.size(), ' ');
    print_wrapped(out, option->description(), column, column);
  }
}

void print_commands(std::ostream& out, const std::vector<Command>& commands,
                    const std::string& only) {
  std::size_t width = 0;
  for (const auto& command : commands)
    if (command.words.starts_with(only)) width = std::max(width, command.words.size());
  for (const auto& command : commands)
    if (command.words.starts_with(only))
      out << "  " << command.words << std::string(width - command.words.size() + 2, ' ')
          << command.summary << '\n';
}

}  // namespace

void print_overview(std::ostream& out, const std::vector<Command>& commands) {
  out << kIntroduction;
  print_commands(out, commands, "");
  out << kClosing;
}

void print_group(std::ostream& out, const std::string& word, const std::vector<Command>& commands) {
  out << "Usage: timmy-host " << word << " COMMAND [OPTIONS]\n\nCommands:\n";
  print_commands(out, commands, word + " ");
  out << "\n\"timmy-host help " << word << " COMMAND\" explains one, with examples.\n";
}

void print_help(std::ostream& out, const Command& command, const options::options_description& own,
                const options::options_description& common) {
  out << "Usage: timmy-host " << command.words
      << (command.arguments.empty() ? "" : " " + command.arguments) << " [OPTIONS]\n\n";
  print_wrapped(out, command.details, 0, 0);
  print_options(out, "Options", own);
  print_options(out, "Common options", common);
  out << "\nExamples:\n";
  for (const auto& example : command.examples) out << "  " << example << '\n';
}

}  // namespace host::cli
