// SPDX-License-Identifier: Apache-2.0
//
// What `./dev run` runs: brings up the sample forge (or takes the Gitea that GITEA_URL names),
// starts a host with a small config, waits until its schedules have done one round, and reads the
// outcome back from the forge by its API. With --once that outcome is the exit status; without, the
// host stays up, and what it does is printed.
#include <signal.h>

#include <boost/asio/io_context.hpp>
#include <boost/program_options.hpp>
#include <cstdlib>
#include <iostream>

#include "base/error.hpp"
#include "e2e/round.hpp"

namespace {

namespace options = boost::program_options;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

int main(int argc, char** argv) {
  options::options_description all("Options");
  all.add_options()("once", "one round, checked; exit status 0 if every label and stamp is there")(
      "bin", options::value<std::string>()->required(), "folder of timmy-host")(
      "forge", options::value<std::string>()->default_value(""),
      "timmy-forge, if it isn't in that folder")(
      "folder", options::value<std::string>()->required(), "folder for this run's state")(
      "help", "print this");
  std::cout << std::unitbuf;
  try {
    options::variables_map given;
    options::store(options::parse_command_line(argc, argv, all), given);
    if (given.count("help")) {
      std::cout << all;
      return 0;
    }
    options::notify(given);
    host::e2e::Round round({.bin = given["bin"].as<std::string>(),
                            .forge = given["forge"].as<std::string>(),
                            .folder = given["folder"].as<std::string>(),
                            .gitea_url = variable("GITEA_URL"),
                            .hermes_home = variable("HERMES_HOME"),
                            .repos = variable("TIMMY_REPOS"),
                            .hurry = given.count("once") > 0});
    round.start();
    const bool passed = round.check();
    if (!given.count("once")) round.stay();
    round.stop();
    return passed ? 0 : 1;
  } catch (const options::error& error) {
    std::cerr << "timmy-quickstart: " << error.what() << '\n';
    return host::exit_status(host::Code::usage);
  } catch (...) {
    const auto error = host::current_error();
    std::cerr << "timmy-quickstart: " << error.what() << '\n';
    return host::exit_status(error.code());
  }
}
