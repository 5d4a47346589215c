// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "app/installation.hpp"
#include "app/offline.hpp"
#include "authoring/candidate.hpp"
#include "authoring/in_process.hpp"
#include "authoring/workshop.hpp"
#include "base/error.hpp"
#include "cli/command.hpp"
#include "cli/json_option.hpp"
#include "cli/table.hpp"
#include "config/json_schema.hpp"

namespace host::cli {
namespace {

constexpr std::size_t kShown = 400;  // bytes of a call's parameters or answer, without --json

std::string text_option(const options::variables_map& given, const char* name, const char* what) {
  if (!given.count(name)) throw Error(Code::usage, what, "See timmy-host plugins run --help.");
  return given[name].as<std::string>();
}

using GrantValues = std::map<std::string, std::vector<std::string>>;

// "gitea.read=org/*" for each --grant; "all" for what the manifest asks for. nullopt without any.
std::optional<GrantValues> grants_from(const options::variables_map& given,
                                       const Manifest& manifest, const Paths& paths) {
  if (!given.count("grant")) return std::nullopt;
  GrantValues grants;
  for (const auto& one : given["grant"].as<std::vector<std::string>>()) {
    if (one == "all") {
      for (auto& [grant, values] : all_it_asks_for(manifest, paths))
        grants[grant].insert(grants[grant].end(), values.begin(), values.end());
      continue;
    }
    const auto sign = one.find('=');
    if (sign == std::string::npos || sign == 0 || sign + 1 == one.size())
      throw Error(Code::usage, "--grant \"" + one + "\" is not NAME=VALUE",
                  "Write --grant gitea.read=org/app, or --grant all.");
    const auto name = one.substr(0, sign);
    const auto known = grant_names();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const auto meant = nearest(name, known);
      throw Error(Code::usage, "--grant \"" + one + "\": there is no grant \"" + name + "\"",
                  (meant.empty() ? "" : "Did you mean " + meant + "? ") +
                      std::string("See docs/grants.md."));
    }
    grants[name].push_back(one.substr(sign + 1));
  }
  return grants;
}

// What no plugin is let near: of the host whose settings count, and of whoever runs the command.
Forbidden forbidden_here(const Session& session, const LoadedConfig* host) {
  if (host != nullptr) return forbidden_paths(session.paths, host->config);
  try {
    const auto own = load_or_default(session.config, session.host_name, session.paths);
    return forbidden_paths(session.paths, own.config);
  } catch (const Error&) {
    // A host.yaml that can't be read names no tokens; the usual ones are known without it.
    const auto none =
        parse_host_config("{\"defaults\":{}}", "no settings", "here", session.paths, {});
    return forbidden_paths(session.paths, none.config);
  }
}

const TaskSpec& task_of(const Manifest& manifest, const std::string& task) {
  std::string names;
  for (const auto& one : manifest.tasks) {
    if (one.name == task) return one;
    names += (names.empty() ? "" : ", ") + one.name;
  }
  throw Error(Code::not_found, manifest.id + " has no task \"" + task + "\"",
              "Its tasks: " + names + ".");
}

std::string ms(Duration duration) {
  return fmt::format("{:.1f} ms", static_cast<double>(duration.count()) / 1000);
}

std::string cut(const std::string& text) {
  return printable(text.size() > kShown ? text.substr(0, kShown) + "..." : text);
}

Json json_of(const TrialCall& call) {
  Json json{{"method", call.method}, {"params", call.params}, {"ms", call.took.count() / 1000.0}};
  const auto parsed = Json::parse(call.params, nullptr, false);
  if (!parsed.is_discarded()) json["params"] = parsed;
  if (call.answer.ok())
    json["result"] = Json::parse(call.answer.value(), nullptr, false);
  else
    json["error"] = {{"code", name(call.answer.error().code())},
                     {"message", call.answer.error().what()}};
  return json;
}

Json json_of(const TrialEffects& effects) {
  Json followers = Json::array();
  for (const auto& follower : effects.followers)
    followers.push_back({{"task", follower.job.task},
                         {"when", follower.when == FollowOn::success   ? "success"
                                  : follower.when == FollowOn::failure ? "failure"
                                                                       : "always"},
                         {"payload", Json::parse(follower.job.payload, nullptr, false)}});
  return {{"state", Json(effects.state)}, {"followers", std::move(followers)}};
}

Json json_of(const TrialOutcome& outcome) {
  const auto& verdict = outcome.verdict;
  Json json{{"verdict", name(verdict.kind)},
            {"ms", outcome.took.count() / 1000.0},
            {"cpu_ms", verdict.usage.cpu.count() / 1000.0},
            {"max_rss_bytes", verdict.usage.max_rss_bytes},
            {"left_behind",
             {{"threads", outcome.left.threads},
              {"descriptors", outcome.left.descriptors},
              {"children", outcome.left.children}}},
            {"effects", json_of(outcome.effects)}};
  if (outcome.loaded_in) json["load_ms"] = outcome.loaded_in->count() / 1000.0;
  if (!verdict.result.empty()) json["result"] = Json::parse(verdict.result, nullptr, false);
  if (!verdict.code.empty()) json["error"] = {{"code", verdict.code}, {"message", verdict.message}};
  if (verdict.delay) json["delay_ms"] = verdict.delay->count() / 1000;
  if (!verdict.output.empty()) json["output"] = verdict.output;
  return json;
}

void print_call(std::ostream& out, const TrialCall& call) {
  out << "-> " << printable(call.method) << ' ' << cut(call.params) << '\n'
      << "<- " << ms(call.took) << "  "
      << (call.answer.ok() ? cut(call.answer.value())
                           : fmt::format("{}: {}", name(call.answer.error().code()),
                                         printable(call.answer.error().what())))
      << '\n';
}

void print_outcome(std::ostream& out, const TrialOutcome& outcome) {
  const auto& verdict = outcome.verdict;
  out << name(verdict.kind) << (outcome.begun ? " after " + ms(outcome.took) : " before it began");
  if (!verdict.code.empty())
    out << ": " << printable(verdict.code) << ": " << printable(verdict.message);
  out << '\n';
  if (!verdict.result.empty()) out << "result " << printable(verdict.result) << '\n';
  if (verdict.delay) out << "comes back after " << format_duration(*verdict.delay) << '\n';
  const Json effects = json_of(outcome.effects);
  for (const auto& [key, value] : outcome.effects.state)
    out << "state " << printable(key) << " = " << cut(to_text(value)) << '\n';
  for (const auto& follower : effects["followers"])
    out << "follower " << cut(to_text(follower)) << '\n';
  out << "used " << ms(verdict.usage.cpu) << " of CPU";
  if (verdict.usage.max_rss_bytes > 0)
    out << fmt::format(", {:.1f} MiB of memory at most",
                       static_cast<double>(verdict.usage.max_rss_bytes) / (1 << 20));
  if (outcome.loaded_in) out << ", made in " << ms(*outcome.loaded_in);
  out << '\n';
  if (!outcome.left.nothing())
    out << "left behind: " << outcome.left.threads << " threads, " << outcome.left.descriptors
        << " descriptors, " << outcome.left.children << " children\n";
}

std::unique_ptr<Trial> make_trial(Workshop& workshop, const PluginEntry& plugin, bool in_process,
                                  const Forbidden& forbidden) {
  if (in_process) return std::make_unique<InProcessTrial>(workshop.ground(), plugin);
  return std::make_unique<CagedTrial>(workshop.ground(), plugin,
                                      CagedOptions{.worker = Installation::find().worker,
                                                   .scratch = workshop.scratch() / "scratch",
                                                   .forbidden = forbidden});
}

int run_by_hand(Session& session, const options::variables_map& given) {
  const auto file = text_option(given, "file", "which plugin?");
  const auto task = text_option(given, "task", "which task?");
  std::optional<LoadedConfig> host;
  if (given.count("host-config"))
    host =
        load_or_default(given["host-config"].as<std::string>(), session.host_name, session.paths);
  Workshop workshop = host ? Workshop(*host, session.paths) : Workshop(Workshop::Network::real);
  const auto candidate = Candidate::open(file);
  const auto& manifest = candidate.manifest();
  const auto& spec = task_of(manifest, task);
  CandidateSettings settings{.grants = grants_from(given, manifest, workshop.paths()),
                             .forbidden = forbidden_here(session, host ? &*host : nullptr)};
  if (given.count("config")) settings.config = json_option(given, "config");
  const auto plugin =
      admit_candidate(candidate, settings, workshop.paths(), host ? &*host : nullptr);
  Json calls = Json::array();
  workshop.stage().on_call = [&](const TrialCall& call) {
    if (session.json)
      calls.push_back(json_of(call));
    else
      print_call(session.out, call);
  };
  Json lines = Json::array();
  workshop.stage().on_line = [&](Level level, std::string_view text) {
    if (session.json) lines.push_back({{"level", name(level)}, {"text", std::string(text)}});
    session.err << name(level) << ": " << printable(std::string(text)) << '\n';
  };
  TrialRun run{.task = task, .payload = json_option(given, "payload"), .timeout = spec.timeout};
  if (given.count("timeout")) run.timeout = parse_duration(given["timeout"].as<std::string>());
  const auto trial =
      make_trial(workshop, plugin, given.count("in-process") > 0, settings.forbidden);
  const auto outcome = trial->run(run);
  const auto ending = trial->end();
  const auto cage = trial->cage();
  if (cage && !cage->missing().empty())
    session.err << "warning: its cage lacked " << cage->missing() << '\n';
  if (session.json) {
    Json json = json_of(outcome);
    json["plugin"] = plugin.id, json["task"] = task, json["calls"] = std::move(calls);
    if (!ending.empty()) json["ending"] = ending;
    if (cage) json["cage"] = cage->json();
    json["lines"] = std::move(lines);
    session.out << to_indented_text(json) << '\n';
  } else {
    print_outcome(session.out, outcome);
    if (!ending.empty()) session.out << ending << '\n';
  }
  using Kind = Verdict::Kind;
  const bool well =
      outcome.verdict.kind == Kind::completed || outcome.verdict.kind == Kind::snoozed;
  return well && ending.empty() ? 0 : 1;
}

void declare(options::options_description& own,
             options::positional_options_description& positional) {
  own.add_options()("file", options::value<std::string>()->value_name("FILE"),
                    "the plugin, a NAME.so (same as the first argument)")(
      "task", options::value<std::string>()->value_name("TASK"),
      "one of its tasks (same as the second argument)")(
      "config", options::value<std::string>()->value_name("JSON"),
      "the plugin's config: JSON, @FILE, or - for standard input")(
      "payload", options::value<std::string>()->value_name("JSON"), "the job's payload, likewise")(
      "grant", options::value<std::vector<std::string>>()->value_name("NAME=VALUE"),
      "grant this, as host.yaml would; may be repeated. all: what the manifest asks for")(
      "timeout", options::value<std::string>()->value_name("DURATION"),
      "cancel the run after this, instead of the task's own timeout")(
      "host-config", options::value<std::string>()->value_name("FILE"),
      "use this host.yaml's Gitea and credentials, and what it says of the plugin where the "
      "command "
      "line says nothing")(
      "in-process",
      "load the plugin into this process, without a cage: for a debugger or a sanitizer");
  positional.add("file", 1).add("task", 1);
}

}  // namespace

std::vector<Command> plugin_trial_commands() {
  return {
      {.words = "plugins run",
       .arguments = "FILE TASK",
       .summary = "run one task of a plugin file by hand, without a host",
       .details =
           "Runs the task once in a caged worker, as a host would, and prints each service call "
           "with "
           "its answer, the result, and what was used. Services are the host's own, on a queue and "
           "a "
           "state in memory; gitea/1 is a small forge in memory (org/app, two issues) unless "
           "--host-config names a real one; http/1 goes out to what --grant http=HOST:PORT allows. "
           "Nothing is granted but what --grant says. Log lines go to stderr. Exit status: 0 when "
           "the "
           "run completed or snoozed, 1 when it did not.",
       .examples = {"timmy-host plugins run ./hello.so hello --payload '{\"name\":\"Ada\"}'",
                    "timmy-host plugins run ./triage.so gitea_issue_triage --grant all --config "
                    "@triage.json",
                    "gdb --args timmy-host plugins run ./hello.so hello --in-process"},
       .declare = declare,
       .reads_files = false,
       .run = run_by_hand},
  };
}

}  // namespace host::cli
