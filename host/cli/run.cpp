// SPDX-License-Identifier: Apache-2.0
#include "app/host.hpp"
#include "cli/command.hpp"

namespace host::cli {

std::vector<Command> run_commands() {
  return {
      {.words = "run",
       .arguments = "",
       .summary = "run the host in the foreground",
       .details = "Loads the plugins that host.yaml enables and runs their schedules until SIGTERM "
                  "or SIGINT, "
                  "which let running jobs end (a second one does not). SIGHUP reads host.yaml "
                  "again; a wrong one "
                  "is refused and the old one stays. Only one host runs on a TIMMY_HOME. Logs go "
                  "to stderr. "
                  "Exit status: 0 after a stop, 65 damaged database, 74 storage failed, 75 another "
                  "host runs, "
                  "78 bad configuration.",
       .examples = {"timmy-host run",
                    "timmy-host run --config ./host.yaml --plugin-dir ./build/plugins"},
       .declare =
           [](options::options_description& own, options::positional_options_description&) {
             own.add_options()("init",
                               "make a new database where the old one was lost; its jobs are gone");
           },
       .prints_json = false,
       .run =
           [](Session& session, const options::variables_map& given) {
             return run_host({.config = session.config,
                              .host_name = session.host_name,
                              .plugin_dirs = session.plugin_dirs,
                              .paths = session.paths,
                              .init = given.count("init") > 0});
           }},
  };
}

}  // namespace host::cli
