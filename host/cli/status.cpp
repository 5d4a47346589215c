// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "app/doctor.hpp"
#include "base/error.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"
#include "plugins/manifest.hpp"

namespace host::cli {
namespace {

// LSB's init-script status codes: 3 is "not running".
constexpr int kNotRunning = 3;

std::string abi_text() {
  return std::to_string(kHostAbi.major) + "." + std::to_string(kHostAbi.minor);
}

void print_tokens(std::ostream& out, const Json& tokens) {
  if (!tokens.is_object()) return;
  if (tokens.value("budget", false))
    out << "tokens: by the budget, whose day ends at " << tokens.value("until", "") << '\n';
  else
    out << "tokens: no token_budget.json is in force, so none are granted\n";
}

void print_deadman(std::ostream& out, const Json& deadman) {
  if (!deadman.value("configured", false) || !deadman.value("fault", "").empty()) return;
  int active = 0;
  int handed_off = 0;
  for (const auto& watch : deadman["watches"]) {
    active += watch.value("deadman_active", false);
    handed_off += watch.value("handed_off", false);
  }
  out << "deadman: " << deadman["watches"].size() << " watches, " << active
      << " deadman_active, hands off " << handed_off
      << (deadman.value("dry_run", false) ? "; dry run" : "") << '\n';
}

int status(Session& session, const options::variables_map&) {
  Json reply;
  try {
    reply = session.client().get("/v1/status");
  } catch (const Error& error) {
    if (error.code() != Code::unavailable) throw;
    if (session.json)
      session.out << to_indented_text({{"running", false}}) << '\n';
    else
      session.out << "not running: " << printable(error.message()) << "\n  "
                  << printable(error.next_step()) << '\n';
    return kNotRunning;
  }
  if (session.json) {
    session.out << to_indented_text(reply) << '\n';
    return 0;
  }
  session.out << "timmy-host " << reply.value("version", "") << " on "
              << printable(reply.value("host", "")) << ", pid " << reply["pid"] << ", up since "
              << reply.value("started", "") << '\n';
  if (!reply.value("has_own_entry", true))
    session.out << "it has no entry of its own in host.yaml and runs the defaults\n";
  if (reply.value("draining", false)) session.out << "draining\n";
  session.out << "gitea: " << printable(reply.value("gitea", "")) << '\n';
  const Json store = reply.value("store", Json::object());
  if (!store.value("writable", true))
    session.out << "database: not writable since " << store.value("since", "") << '\n';
  std::string jobs;
  const Json counts = reply.value("jobs", Json::object());
  for (const auto* state :
       {"scheduled", "available", "running", "retryable", "completed", "cancelled", "discarded"}) {
    const auto count = counts.find(state);
    if (count == counts.end()) continue;
    jobs += (jobs.empty() ? "" : ", ") + to_text((*count)["count"]) +
            ((*count)["more"] == true ? "+ " : " ") + state;
  }
  session.out << "jobs: " << jobs << '\n'
              << "plugins: " << reply["plugins"]["ready"] << " ready of "
              << reply["plugins"]["found"] << "; " << reply["workers"]["alive"] << " workers\n";
  print_tokens(session.out, reply.value("tokens", Json()));
  if (const auto dispatch = reply.find("dispatch");
      dispatch != reply.end() && dispatch->is_object())
    session.out << "agents: " << (*dispatch)["running"] << " at work, " << (*dispatch)["items"]
                << " items in hand\n";
  print_deadman(session.out, reply.value("deadman", Json::object()));
  for (const auto& line : reply.value("attention", Json::array()))
    session.out << "! " << printable(line.get<std::string>()) << '\n';
  return 0;
}

int doctor(Session& session, const options::variables_map&) {
  const auto findings =
      examine(session.config, session.host_name, session.paths, session.plugin_dirs);
  bool failed = false;
  Json rows = Json::array();
  for (const auto& finding : findings) {
    failed = failed || finding.grade == Finding::Grade::fail;
    rows.push_back({{"check", finding.check},
                    {"grade", name(finding.grade)},
                    {"text", finding.text},
                    {"fix", finding.fix}});
    if (session.json) continue;
    session.out << name(finding.grade) << "  " << finding.check << ": " << printable(finding.text)
                << '\n';
    if (!finding.fix.empty()) session.out << "      " << printable(finding.fix, true) << '\n';
  }
  if (session.json) session.out << to_indented_text({{"ok", !failed}, {"findings", rows}}) << '\n';
  return failed ? 1 : 0;
}

int version(Session& session, const options::variables_map&) {
  const Json about{{"version", TIMMY_VERSION}, {"abi", abi_text()}, {"compiler", __VERSION__}};
  if (session.json)
    session.out << to_indented_text(about) << '\n';
  else
    session.out << "timmy-host " << TIMMY_VERSION << " (plugin ABI " << abi_text() << ")\n";
  return 0;
}

}  // namespace

std::vector<Command> status_commands() {
  return {
      {.words = "status",
       .arguments = "",
       .summary = "show how the running host is",
       .details = "Exit status 0 if it runs, 3 if not (as LSB has it).",
       .examples = {"timmy-host status", "timmy-host status --json"},
       .declare = [](auto&, auto&) {},
       .reads_files = false,
       .run = status},
      {.words = "doctor",
       .arguments = "",
       .summary = "look for what would keep this host from working",
       .details = "Kernel features of the cage, files and their modes, the database, the config, "
                  "Gitea, its token, and whether the token has the scopes that the plugins need. "
                  "Changes nothing. Exit status 1 if something fails; a warning is none.",
       .examples = {"timmy-host --doctor", "timmy-host doctor --json"},
       .declare = [](auto&, auto&) {},
       .run = doctor},
      {.words = "version",
       .arguments = "",
       .summary = "print the version",
       .details = "The version of the program, and of the plugin ABI that it speaks.",
       .examples = {"timmy-host --version", "timmy-host version --json"},
       .declare = [](auto&, auto&) {},
       .reads_files = false,
       .run = version},
  };
}

}  // namespace host::cli
