// SPDX-License-Identifier: Apache-2.0
//
// A command of timmy-host: its words, its help, what it does. Commands parse, ask and print; what
// they print is decided below them.
#pragma once

#include <boost/program_options.hpp>

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "config/paths.hpp"
#include "control/admin_client.hpp"

namespace host::cli {

namespace options = boost::program_options;

// What every command may need, from the options that all of them take.
struct Session {
  std::ostream& out;  // data
  std::ostream& err;  // messages
  Paths paths;
  std::filesystem::path config;  // host.yaml
  std::string host_name;         // empty: this machine's
  std::vector<std::filesystem::path> plugin_dirs;
  bool json = false;

  // The running host, by its admin socket. Making it asks nothing yet.
  [[nodiscard]] AdminClient client() const { return AdminClient(paths); }

  // --config, --host or --plugin-dir was given: the question is what these files say.
  bool named_files = false;
  // Whether a listing comes from the running host, which knows more than its files.
  [[nodiscard]] bool asks_host() const { return !named_files && client().running(); }
};

struct Command {
  std::string words;      // "jobs list"
  std::string arguments;  // "ID [ID ...]", as the usage line shows them
  std::string summary;    // one line, for the list of commands
  std::string details;    // what it does and needs, and its exit statuses; wrapped when printed
  std::vector<std::string> examples;
  // Adds the command's own options and positional arguments.
  std::function<void(options::options_description&, options::positional_options_description&)>
      declare;
  bool reads_files = true;  // takes --config, --host and --plugin-dir
  bool prints_json = true;  // takes --json
  // Returns the exit status. May throw Error (printed, with its sysexits status).
  std::function<int(Session&, const options::variables_map&)> run;
};

// One function a file, each giving the commands that live there.
[[nodiscard]] std::vector<Command> run_commands();        // run
[[nodiscard]] std::vector<Command> task_commands();       // tasks, enqueue
[[nodiscard]] std::vector<Command> job_commands();        // jobs list|show|cancel|retry
[[nodiscard]] std::vector<Command> job_order_commands();  // jobs discard|run-now|bulk
[[nodiscard]] std::vector<Command> queue_commands();      // queues list|pause|..., tasks pause|...
[[nodiscard]] std::vector<Command> schedule_commands();   // schedules list|show|next|run|...
[[nodiscard]] std::vector<Command> import_commands();     // schedules import
[[nodiscard]] std::vector<Command> plugin_commands();     // plugins list|show|reset
[[nodiscard]] std::vector<Command> plugin_trial_commands();  // plugins run
[[nodiscard]] std::vector<Command> plugin_check_commands();  // plugins check
[[nodiscard]] std::vector<Command> plugin_new_commands();    // plugins new
[[nodiscard]] std::vector<Command> audit_commands();         // audit
[[nodiscard]] std::vector<Command> gitea_commands();         // gitea prs|issues|labels
[[nodiscard]] std::vector<Command> triage_commands();        // triage explain
[[nodiscard]] std::vector<Command> token_commands();         // tokens today|top|show|...
[[nodiscard]] std::vector<Command> token_run_commands();     // tokens run
[[nodiscard]] std::vector<Command> budget_commands();        // budget show|explain|check
[[nodiscard]] std::vector<Command> deadman_commands();       // deadman --once|status|clear|...
[[nodiscard]] std::vector<Command> playbook_commands();      // playbooks list|check|show|explain
[[nodiscard]] std::vector<Command> item_commands();          // playbooks dispatch|runs|logs|...
[[nodiscard]] std::vector<Command> provenance_commands();    // provenance ingest|curate|...
[[nodiscard]] std::vector<Command> webhook_commands();       // webhooks list|replay
[[nodiscard]] std::vector<Command> config_commands();        // check-config, config show
[[nodiscard]] std::vector<Command> reload_commands();        // reload
[[nodiscard]] std::vector<Command> db_commands();            // db check|backup|restore
[[nodiscard]] std::vector<Command> status_commands();        // status, doctor, version

// Parses, runs, prints an error if there is one, and returns the exit status.
[[nodiscard]] int main(const std::vector<std::string>& arguments, std::ostream& out,
                       std::ostream& err);

}  // namespace host::cli
