// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <sysexits.h>

#include <algorithm>
#include <ostream>
#include <sstream>

#include "base/error.hpp"
#include "cli/help.hpp"
#include "cli/table.hpp"
#include "config/host_config.hpp"
#include "config/json_schema.hpp"

namespace host::cli {
namespace {

using Arguments = std::vector<std::string>;

// Commands that older habits and the mission write as flags.
const std::vector<std::pair<std::string, std::string>> kFlagCommands = {
    {"--list-tasks", "tasks"}, {"--doctor", "doctor"}, {"--check-config", "check-config"},
    {"--version", "version"},  {"-V", "version"},
};

std::vector<Command> all_commands() {
  std::vector<Command> all;
  for (auto* part :
       {run_commands,        task_commands,         job_commands,          job_order_commands,
        queue_commands,      schedule_commands,     import_commands,       plugin_commands,
        plugin_new_commands, plugin_trial_commands, plugin_check_commands, config_commands,
        reload_commands,     webhook_commands,      audit_commands,        gitea_commands,
        triage_commands,     token_commands,        token_run_commands,    budget_commands,
        playbook_commands,   item_commands,         deadman_commands,      provenance_commands,
        db_commands,         status_commands})
    for (auto& command : part()) all.push_back(std::move(command));
  return all;
}

Arguments words_of(const Command& command) {
  std::istringstream stream(command.words);
  Arguments words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

bool starts_with(const Arguments& arguments, const Arguments& words) {
  return arguments.size() >= words.size() &&
         std::equal(words.begin(), words.end(), arguments.begin());
}

// The one with the most words, so that "tasks pause" is not taken for "tasks".
std::vector<Command>::const_iterator find_command(const Arguments& arguments,
                                                  const std::vector<Command>& commands) {
  auto found = commands.end();
  for (auto each = commands.begin(); each != commands.end(); ++each)
    if (starts_with(arguments, words_of(*each)) &&
        (found == commands.end() || words_of(*each).size() > words_of(*found).size()))
      found = each;
  return found;
}

bool asks_for_help(const std::string& argument) {
  return argument == "--help" || argument == "-h" || argument == "help";
}

// "jobs", which is no command but begins some.
bool is_group(const std::string& word, const std::vector<Command>& commands) {
  return std::any_of(commands.begin(), commands.end(),
                     [&](const Command& command) { return command.words.starts_with(word + " "); });
}

options::options_description common_options(const Command& command) {
  options::options_description common;
  auto add = common.add_options();
  if (command.reads_files) {
    add("config", options::value<std::string>()->value_name("FILE"), "host.yaml to read");
    add("host", options::value<std::string>()->value_name("NAME"),
        "whose entry of host.yaml applies");
    add("plugin-dir", options::value<Arguments>()->composing()->value_name("DIR"),
        "look for plugins here too");
  }
  if (command.prints_json) add("json", "print JSON instead of a table");
  add("help,h", "explain, with examples");
  return common;
}

// Takes the common options that stand before the command: they mean the same behind it.
Arguments take_leading_options(Arguments& arguments) {
  Arguments leading;
  const auto take = [&] {
    leading.push_back(arguments.front());
    arguments.erase(arguments.begin());
  };
  while (!arguments.empty()) {
    const std::string first = arguments.front();
    const std::string name = first.substr(0, first.find('='));
    const bool valued = name == "--config" || name == "--host" || name == "--plugin-dir";
    if (!valued && first != "--json") break;
    take();
    if (valued && name == first && !arguments.empty()) take();
  }
  return leading;
}

[[noreturn]] void refuse_in_group(const Arguments& arguments,
                                  const std::vector<Command>& commands) {
  std::string all;  // "jobs list, jobs show"
  Arguments second_words;
  for (const auto& command : commands) {
    if (!command.words.starts_with(arguments.front() + " ")) continue;
    all += (all.empty() ? "" : ", ") + command.words;
    second_words.push_back(words_of(command).at(1));
  }
  if (arguments.size() < 2 || arguments[1].starts_with("-"))
    throw Error(Code::usage, "\"" + arguments.front() + "\" needs a second word",
                "Use one of: " + all + ".");
  const auto meant = nearest(arguments[1], second_words);
  throw Error(Code::usage,
              "\"" + arguments.front() + " " + printable(arguments[1]) + "\" is not a command",
              meant.empty() ? "Use one of: " + all + "."
                            : "Did you mean \"" + arguments.front() + " " + meant + "\"?");
}

[[noreturn]] void refuse_unknown(const Arguments& arguments, const std::vector<Command>& commands) {
  if (is_group(arguments.front(), commands)) refuse_in_group(arguments, commands);
  Arguments first_words;
  for (const auto& command : commands) first_words.push_back(words_of(command).front());
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
    for (const auto& folder : given["plugin-dir"].as<Arguments>())
      session.plugin_dirs.emplace_back(folder);
  session.named_files = given.count("config") + given.count("host") + given.count("plugin-dir") > 0;
  session.json = given.count("json") > 0;
  return session;
}

int run_command(const Command& command, const Arguments& arguments, std::ostream& out,
                std::ostream& err) {
  options::options_description own;
  options::positional_options_description positional;
  command.declare(own, positional);
  const auto common = common_options(command);
  options::options_description every;
  every.add(own).add(common);
  options::variables_map given;
  try {
    options::store(
        options::command_line_parser(arguments).options(every).positional(positional).run(), given);
    if (given.count("help")) {
      print_help(out, command, own, common);
      return 0;
    }
    options::notify(given);
  } catch (const options::too_many_positional_options_error&) {
    throw Error(Code::usage, "too many arguments",
                "See timmy-host " + command.words +
                    " --help. What belongs to an option follows it: --config FILE.");
  } catch (const options::error& error) {
    throw Error(Code::usage, error.what(), "See timmy-host " + command.words + " --help.");
  }
  Session session = make_session(given, out, err);
  return command.run(session, given);
}

int dispatch(Arguments arguments, std::ostream& out, std::ostream& err) {
  const auto commands = all_commands();
  const Arguments leading = take_leading_options(arguments);
  if (arguments.empty()) {
    print_overview(err, commands);
    return EX_USAGE;
  }
  if (asks_for_help(arguments.front())) {
    arguments.erase(arguments.begin());
    if (arguments.empty()) return print_overview(out, commands), 0;
    arguments.push_back("--help");
  }
  for (const auto& [flag, word] : kFlagCommands)
    if (arguments.front() == flag) arguments.front() = word;
  const auto command = find_command(arguments, commands);
  if (command == commands.end()) {
    if (arguments.size() == 2 && asks_for_help(arguments[1]) &&
        is_group(arguments.front(), commands))
      return print_group(out, arguments.front(), commands), 0;
    refuse_unknown(arguments, commands);
  }
  arguments.erase(arguments.begin(),
                  arguments.begin() + static_cast<std::ptrdiff_t>(words_of(*command).size()));
  arguments.insert(arguments.begin(), leading.begin(), leading.end());
  return run_command(*command, arguments, out, err);
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
