// SPDX-License-Identifier: Apache-2.0
//
// Checks that load the plugin, make it with one config or another, and destroy it.
#include <fmt/format.h>

#include <set>

#include "authoring/examination.hpp"
#include "authoring/sample.hpp"
#include "base/error.hpp"
#include "workers/message.hpp"

namespace host {
namespace {

using Kind = Verdict::Kind;

constexpr std::size_t kConfigs = 20;
constexpr auto kMakingUp = std::chrono::seconds(5);  // of configs, at most
constexpr const char* kCatchIt =
    "Catch it in the plugin: what crosses the C interface only works where host and plugin happen "
    "to "
    "share a C++ runtime. TIMMY_PLUGIN does it for you.";
constexpr Duration kQuickLoad = std::chrono::milliseconds(250);

// Makes the plugin; whatever the run then does is of no interest here.
TrialRun only_make(Examination& it) {
  TrialRun run;
  run.task = it.manifest().tasks.at(0).name;
  run.only_begin = true;
  return run;
}

// What became of making the plugin. A run that began was made well, whatever it did then.
Observation making(const TrialOutcome& outcome) {
  if (outcome.begun) return {};
  const auto& verdict = outcome.verdict;
  if (verdict.kind == Kind::crashed)
    return {Grade::crash, verdict.message, "Run it under a debugger: plugins run --in-process."};
  if (verdict.kind == Kind::timed_out)
    return {Grade::fail, verdict.message, "Look at the config in create, and work in run."};
  if (verdict.code == kThrew) return {Grade::fail, verdict.message, kCatchIt};
  return {Grade::fail, verdict.code + ": " + verdict.message, ""};
}

Observation life_loads(Examination& it) {
  Tryout tryout(it);
  const auto outcome = tryout.run(only_make(it));
  if (outcome.begun || outcome.verdict.code != "load") {
    if (outcome.verdict.kind == Kind::crashed && !outcome.begun) return making(outcome);
    const auto missing = tryout.missing_layers();
    return {Grade::pass, missing.empty() ? "" : "in a cage without " + missing, ""};
  }
  return {Grade::fail, outcome.verdict.message,
          "Link what it uses, statically or by DT_NEEDED; -Wl,-z,defs finds it when it is built."};
}

Observation life_create(Examination& it) {
  Tryout tryout(it);
  auto observation = making(tryout.run(only_make(it)));
  if (observation.grade == Grade::fail && observation.fix.empty())
    observation.fix = "Its create has to take every config that config_schema takes.";
  return observation;
}

// Each config that an operator may copy, but for the first, which life.create has had.
Observation life_examples(Examination& it) {
  const Json examples = it.manifest().config_schema.value("examples", Json::array());
  for (const auto& example : examples) {
    Tryout tryout(it, {.config = example});
    auto observation = making(tryout.run(only_make(it)));
    if (observation.grade == Grade::pass) continue;
    observation.message =
        "with its example " + to_text(example).substr(0, 200) + ": " + observation.message;
    if (observation.fix.empty()) observation.fix = "Mend the example, or what create asks of it.";
    return observation;
  }
  return {};
}

Observation life_twice(Examination& it) {
  Tryout tryout(it, {.rehearsals = 1});
  auto observation = making(tryout.run(only_make(it)));
  if (observation.grade != Grade::pass) {
    observation.message = "made and destroyed, then made again: " + observation.message;
    if (observation.fix.empty())
      observation.fix = "Leave nothing behind in destroy that create stumbles on.";
  }
  return observation;
}

Observation life_destroy(Examination& it) {
  Tryout tryout(it);
  auto run = only_make(it);
  run.only_begin = false;
  run.cancel_after = Duration::zero();
  (void)tryout.run(run);
  const auto ending = tryout.end();
  if (ending.empty()) return {};
  if (ending.starts_with(kDestroyThrew)) return {Grade::fail, ending, kCatchIt};
  return {ending.find("did not return") == std::string::npos ? Grade::crash : Grade::fail, ending,
          "destroy has to end its threads and return within two seconds."};
}

Observation life_quick(Examination& it) {
  Tryout tryout(it);
  const auto outcome = tryout.run(only_make(it));
  if (!outcome.loaded_in) return {Grade::skip, "it was not loaded", ""};
  const auto text = fmt::format("{:.1f} ms from the start of its process to its first run",
                                static_cast<double>(outcome.loaded_in->count()) / 1000);
  if (*outcome.loaded_in <= kQuickLoad) return {Grade::pass, text, ""};
  return {Grade::warn, text, "Do less in static constructors and in create."};
}

// Up to twenty different configs of one kind: those that its schema takes, or those that it
// refuses.
std::vector<Json> made_up_configs(Examination& it, bool valid) {
  const auto& schema = it.config_schema();
  Sampler sampler(schema.json(), it.options().seed);
  std::vector<Json> configs;
  std::set<Json> seen;
  const auto end = std::chrono::steady_clock::now() + kMakingUp;
  for (std::size_t i = 0; i < 20 * kConfigs && configs.size() < kConfigs; ++i) {
    if (std::chrono::steady_clock::now() > end) break;
    auto config = sampler.next();
    if (config && !valid) config = sampler.spoiled(std::move(*config));
    if (!config || !config->is_object() || fits(schema, *config) != valid) continue;
    if (seen.insert(*config).second) configs.push_back(std::move(*config));
  }
  return configs;
}

Observation try_configs(Examination& it, bool valid) {
  const auto configs = made_up_configs(it, valid);
  int refused = 0;
  for (const auto& config : configs) {
    // The host never lets the refused ones through: given here as they are.
    Tryout tryout(it, {.config = config, .checked = valid});
    const auto outcome = tryout.run(only_make(it));
    if (outcome.begun) continue;
    ++refused;
    if (outcome.verdict.code == kNoReason) it.silent_create = config;
    if (outcome.verdict.kind == Kind::failed && outcome.verdict.code != kThrew) continue;
    auto observation = making(outcome);
    observation.message =
        "with the config " + to_text(config).substr(0, 200) + ": " + observation.message;
    return observation;
  }
  if (configs.empty()) return {Grade::skip, "no such config could be made up", ""};
  return {Grade::pass, fmt::format("{} configs, {} refused", configs.size(), refused), ""};
}

// Of the configs that were tried.
Observation config_reasons(Examination& it) {
  if (!it.silent_create) return {};
  return {Grade::fail,
          "refused " + to_text(*it.silent_create).substr(0, 200) + " without a code and a message",
          "Call reply->error before every return that is not TIMMY_OK."};
}

Observation config_random(Examination& it) { return try_configs(it, true); }
Observation config_spoiled(Examination& it) { return try_configs(it, false); }

}  // namespace

const std::vector<Check>& life_checks() {
  static const std::vector<Check> checks{
      {{"life.loads", "the dynamic linker loads it, every symbol resolved"},
       {"file.exports", "file.stack", "manifest.constant"},
       life_loads},
      {{"life.create", "create takes a config that config_schema takes"},
       {"life.loads", "manifest.matches"},
       life_create},
      {{"life.quick", "it is loaded and made in a quarter of a second"},
       {"life.create"},
       life_quick,
       "how long a fresh process takes is seen in workers only"},
      {{"life.destroy", "destroy returns, and its process ends well"},
       {"life.create"},
       life_destroy},
      {{"life.twice", "made and destroyed twice in one process"}, {"life.destroy"}, life_twice},
      {{"life.examples", "create takes each of the examples of config_schema"},
       {"life.create"},
       life_examples},
      {{"config.random", "create survives twenty configs that config_schema takes"},
       {"life.create"},
       config_random},
      {{"config.spoiled", "create survives twenty configs that config_schema refuses"},
       {"life.create"},
       config_spoiled},
      {{"config.reasons", "create says why it refuses a config"},
       {"config.random", "config.spoiled"},
       config_reasons},
  };
  return checks;
}

}  // namespace host
