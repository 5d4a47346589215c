// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ostream>
#include <sstream>

#include "base/error.hpp"
#include "cli/table.hpp"
#include "config/host_config.hpp"
#include "config/json_schema.hpp"

namespace host::cli {
namespace {

constexpr std::string_view kIntroduction =
    R"(timmy-host runs task plugins on their schedules, each in a caged process, and gives
them a durable queue, Gitea access and durable state.

Usage: timmy-host COMMAND [OPTIONS]

Commands:
)";

constexpr std::string_view kClosing = R"(
  --list-tasks, --doctor, --check-config and --version are the commands of the
  same names.

Options of every command:
  --config FILE      host.yaml to read (default: $TIMMY_HOME/host.yaml)
  --host NAME        whose entry of host.yaml applies (default: this machine)
  --plugin-dir DIR   look for plugins here too; may be given several times
  --json             print JSON instead of a table
  -h, --help         explain, with examples

Environment:
  HERMES_HOME        where the agents' files are (default: ~/.hermes)
  TIMMY_HOME         where this host's files are (default: ~/.timmy)
  GITEA_URL          the Gitea to use, over the one in host.yaml
  NO_COLOR           set: print no colours

Exit status is 0 on success and follows sysexits(3) on failure: 64 usage, 65 bad
data, 69 no host is running, 75 another host is running, 77 not permitted,
78 bad configuration.

Examples:
  timmy-host run                        run in the foreground until SIGTERM
  timmy-host --list-tasks               what would run, when, and what stops it
  timmy-host enqueue heartbeat --wait   run a task now and see its result
  timmy-host jobs list --state discarded
)";

// Commands that older habits and the mission write as flags.
const std::vector<std::pair<std::string, std::string>> kFlagCommands = {
    {"--list-tasks", "tasks"}, {"--doctor", "doctor"}, {"--check-config", "check-config"},
    {"--version", "version"},  {"-V", "version"},
};

std::vector<Command> all_commands() {
  std::vector<Command> all;
  for (auto* part : {run_commands, task_commands, job_commands, schedule_commands, import_commands,
                     plugin_commands, config_commands, reload_commands, db_commands,
                     status_commands})
    for (auto& command : part()) all.push_back(std::move(command));
  return all;
}

std::vector<std::string> words_of(const Command& command) {
  std::istringstream stream(command.words);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

bool starts_with(const std::vector<std::string>& arguments, const std::vector<std::string>& words) {
  return arguments.size() >= words.size() &&
         std::equal(words.begin(), words.end(), arguments.begin());
}

void print_overview(std::ostream& out, const std::vector<Command>& commands) {
  std::size_t width = 0;
  for (const auto& command : commands) width = std::max(width, command.words.size());
  out << kIntroduction;
  for (const auto& command : commands)
    out << "  " << command.words << std::string(width - command.words.size() + 2, ' ')
        << command.summary << '\n';
  out << kClosing;
}

options::options_description common_options() {
  options::options_description common("Options of every command");
  common.add_options()("config", options::value<std::string>()->value_name("FILE"),
                       "host.yaml to read")("host",
                                            options::value<std::string>()->value_name("NAME"),
                                            "whose entry of host.yaml applies")(
      "plugin-dir", options::value<std::vector<std::string>>()->composing()->value_name("DIR"),
      "look for plugins here too")("json", "print JSON instead of a table")(
      "help,h", "explain, with examples");
  return common;
}

void print_help(std::ostream& out, const Command& command,
                const options::options_description& own) {
  out << "Usage: timmy-host " << command.words
      << (command.arguments.empty() ? "" : " " + command.arguments) << " [OPTIONS]\n\n"
      << command.details << '\n';
  if (!own.options().empty()) out << '\n' << own;
  out << '\n' << common_options();
  out << "\nExamples:\n";
  for (const auto& example : command.examples) out << "  " << example << '\n';
}

[[noreturn]] void refuse_unknown(const std::vector<std::string>& arguments,
                                 const std::vector<Command>& commands) {
  std::string group;  // "jobs list, jobs show": what begins with the same word
  std::vector<std::string> first_words;
  for (const auto& command : commands) {
    const auto words = words_of(command);
    first_words.push_back(words.front());
    if (words.size() > 1 && words.front() == arguments.front())
      group += (group.empty() ? "" : ", ") + command.words;
  }
  if (!group.empty())
    throw Error(Code::usage, "\"" + arguments.front() + "\" needs a second word",
                "Use one of: " + group + ".");
  const auto meant = nearest(arguments.front(), first_words);
  throw Error(Code::usage, "\"" + printable(arguments.front()) + "\" is not a command",
              (meant.empty() ? "" : "Did you mean \"" + meant + "\"? ") + "See timmy-host --help.");
}

Session make_session(const options::variables_map& given, std::ostream& out, std::ostream& err) {
  Session session{.out = out, .err = err, .paths = Paths::from(Environment::of_process())};
  session.config = given.count("config") ? std::filesystem::path(given["config"].as<std::string>())
                                         : session.paths.host_yaml();
  if (given.count("host")) session.host_name = given["host"].as<std::string>();
  if (given.count("plugin-dir"))
    for (const auto& folder : given["plugin-dir"].as<std::vector<std::string>>())
      session.plugin_dirs.emplace_back(folder);
  session.named_files = given.count("config") + given.count("host") + given.count("plugin-dir") > 0;
  session.json = given.count("json") > 0;
  const char* terminal = std::getenv("TERM");
  session.color = ::isatty(STDOUT_FILENO) && std::getenv("NO_COLOR") == nullptr &&
                  (terminal == nullptr || std::string_view(terminal) != "dumb");
  return session;
}

int dispatch(std::vector<std::string> arguments, std::ostream& out, std::ostream& err) {
  const auto commands = all_commands();
  if (arguments.empty() || arguments.front() == "--help" || arguments.front() == "-h" ||
      arguments.front() == "help") {
    print_overview(out, commands);
    return arguments.empty() ? EX_USAGE : 0;
  }
  for (const auto& [flag, words] : kFlagCommands) {
    const auto found = std::find(arguments.begin(), arguments.end(), flag);
    if (found == arguments.end()) continue;
    arguments.erase(found);
    arguments.insert(arguments.begin(), words);
    break;
  }
  const auto command = std::find_if(
      commands.begin(), commands.end(),
      [&](const Command& candidate) { return starts_with(arguments, words_of(candidate)); });
  if (command == commands.end()) refuse_unknown(arguments, commands);
  arguments.erase(arguments.begin(),
                  arguments.begin() + static_cast<std::ptrdiff_t>(words_of(*command).size()));

  options::options_description own("Options");
  options::positional_options_description positional;
  command->declare(own, positional);
  options::options_description every;
  every.add(own).add(common_options());
  options::variables_map given;
  try {
    options::store(
        options::command_line_parser(arguments).options(every).positional(positional).run(), given);
    if (given.count("help")) {
      print_help(out, *command, own);
      return 0;
    }
    options::notify(given);
  } catch (const options::error& error) {
    throw Error(Code::usage, error.what(), "See timmy-host " + command->words + " --help.");
  }
  Session session = make_session(given, out, err);
  return command->run(session, given);
}

void print_error(std::ostream& err, const Error& error) {
  err << "timmy-host: " << printable(error.message(), true) << '\n';
  if (!error.next_step().empty()) err << "  " << printable(error.next_step(), true) << '\n';
}

}  // namespace

int main(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  try {
    return dispatch(arguments, out, err);
  } catch (const ConfigError& error) {
    print_error(err, error);
    return ConfigError::kExitStatus;
  } catch (...) {
    const Error error = current_error();
    print_error(err, error);
    return exit_status(error.code());
  }
}

}  // namespace host::cli
