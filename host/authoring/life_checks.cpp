// SPDX-License-Identifier: Apache-2.0
//
// Checks that load the plugin, make it with one config or another, and destroy it.
#include <fmt/format.h>

#include "authoring/examination.hpp"
#include "authoring/sample.hpp"
#include "base/error.hpp"
#include "config/json_schema.hpp"

namespace host {
namespace {

using Kind = Verdict::Kind;

constexpr int kConfigs = 20;
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
  return {Grade::fail, verdict.code + ": " + verdict.message, ""};
}

Observation life_loads(Examination& it) {
  Tryout tryout(it);
  const auto outcome = tryout.run(only_make(it));
  if (outcome.begun || outcome.verdict.code != "load") {
    if (outcome.verdict.kind == Kind::crashed && !outcome.begun) return making(outcome);
    return {};
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
  if (const auto ending = tryout.end(); !ending.empty())
    return {ending.find("did not return") == std::string::npos ? Grade::crash : Grade::fail, ending,
            "destroy has to end its threads and return within two seconds."};
  return {};
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

// Makes the plugin with configs of one kind: those that its schema takes, or those that it refuses.
Observation try_configs(Examination& it, bool valid) {
  const JsonSchema schema(it.manifest().config_schema);
  std::mt19937 random(it.options().seed);
  int tried = 0;
  int refused = 0;
  for (int i = 0; i < 20 * kConfigs && tried < kConfigs; ++i) {
    Json config = sample(schema.json(), random);
    if (!valid) config = spoiled(config, random);
    if (!config.is_object() || schema.validate(schema.with_defaults(config)).empty() != valid)
      continue;
    ++tried;
    // The host never lets the refused ones through: given here as they are.
    Tryout tryout(it, {.config = config, .checked = valid});
    const auto outcome = tryout.run(only_make(it));
    if (outcome.begun) continue;
    ++refused;
    const bool silent = outcome.verdict.message == "the plugin's create failed without a word";
    if (outcome.verdict.kind == Kind::failed && !silent) continue;
    auto observation = making(outcome);
    observation.message =
        "with the config " + to_text(config).substr(0, 200) + ": " + observation.message;
    return observation;
  }
  if (tried == 0) return {Grade::skip, "no such config could be made up", ""};
  return {Grade::pass, fmt::format("{} configs, {} refused with a reason", tried, refused), ""};
}

Observation config_random(Examination& it) { return try_configs(it, true); }
Observation config_spoiled(Examination& it) { return try_configs(it, false); }

}  // namespace

const std::vector<Check>& life_checks() {
  static const std::vector<Check> checks{
      {{"life.loads", "the dynamic linker loads it, every symbol resolved"},
       {"file.exports", "manifest.constant"},
       life_loads},
      {{"life.create", "create takes a config that config_schema takes"},
       {"life.loads", "manifest.matches"},
       life_create},
      {{"life.quick", "it is loaded and made in a quarter of a second"},
       {"life.create"},
       life_quick},
      {{"life.destroy", "destroy returns, and its process ends well"},
       {"life.create"},
       life_destroy},
      {{"life.twice", "made and destroyed twice in one process"}, {"life.destroy"}, life_twice},
      {{"config.random", "create survives twenty configs that config_schema takes"},
       {"life.create"},
       config_random},
      {{"config.spoiled", "create survives twenty configs that config_schema refuses"},
       {"life.create"},
       config_spoiled},
  };
  return checks;
}

}  // namespace host
