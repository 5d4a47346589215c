// SPDX-License-Identifier: Apache-2.0
#include "authoring/examination.hpp"

#include <algorithm>
#include <utility>

#include "authoring/in_process.hpp"
#include "authoring/sample.hpp"
#include "base/error.hpp"

namespace host {
namespace {

constexpr int kTries = 50;

}  // namespace

const Candidate& Examination::candidate() {
  if (!candidate_) candidate_ = Candidate::open(file_);
  return *candidate_;
}

const Symbols& Examination::symbols() {
  if (!symbols_) symbols_ = read_symbols(ElfFile(candidate().image->fd(), file_));
  return *symbols_;
}

std::optional<TableHeader> Examination::table_header() {
  return read_table_header(ElfFile(candidate().image->fd(), file_), symbols());
}

const JsonSchema& Examination::config_schema() {
  if (!schema_) schema_.emplace(manifest().config_schema);
  return *schema_;
}

std::optional<Json> Examination::config() {
  const auto& schema = config_schema();
  const Json& raw = schema.json();
  if (const auto examples = raw.find("examples"); examples != raw.end())
    for (const auto& example : *examples)
      if (fits(schema, example)) return example;
  if (fits(schema, Json::object())) return Json::object();
  Sampler sampler(raw, options_.seed);
  for (int i = 0; i < kTries; ++i)
    if (auto made = sampler.next(); made && fits(schema, *made)) return made;
  return std::nullopt;
}

bool fits(const JsonSchema& schema, const Json& config) {
  try {
    return schema.validate(schema.with_defaults(config)).empty();
  } catch (const Error&) {
    return false;
  }
}

Tryout::Tryout(Examination& examination, const Options& options)
    : workshop_(options.outage ? Workshop::Network::outage : Workshop::Network::none),
      patience_(examination.options().patience) {
  const auto config = options.config && options.checked ? options.config : examination.config();
  if (!config)
    throw Error(Code::invalid, "no config is known that its config_schema takes",
                "Add \"examples\" to config_schema.");
  plugin_ = admit_candidate(examination.candidate(),
                            {*config, all_of_its_own(examination.manifest(), workshop_.paths())},
                            workshop_.paths());
  if (!options.grants) plugin_.grants = {};
  if (!options.checked) plugin_.config = *options.config;
  workshop_.stage().on_line = [this](Level, std::string_view text) { lines_.emplace_back(text); };
  if (examination.options().in_process) {
    trial_ = std::make_unique<InProcessTrial>(workshop_.ground(), plugin_, options.rehearsals);
    return;
  }
  trial_ = std::make_unique<CagedTrial>(workshop_.ground(), plugin_,
                                        CagedOptions{.worker = examination.options().worker,
                                                     .scratch = workshop_.scratch() / "scratch",
                                                     .start = patience_,
                                                     .cancel_grace = kCancelGrace,
                                                     .rehearsals = options.rehearsals});
}

TrialOutcome Tryout::run(TrialRun run) {
  run.timeout = std::min(run.timeout, patience_);
  return trial_->run(run);
}

std::string Tryout::end() { return trial_->end(); }

std::string Tryout::missing_layers() const {
  const auto cage = trial_->cage();
  return cage ? cage->missing() : std::string();
}

std::vector<TrialRun> typical_runs(const Manifest& manifest) {
  std::vector<TrialRun> runs;
  for (const auto& task : manifest.tasks) {
    const auto payloads = task.examples.empty() ? std::vector<Json>{Json::object()} : task.examples;
    for (const auto& payload : payloads)
      runs.push_back({.task = task.name, .payload = payload, .timeout = task.timeout});
  }
  return runs;
}

}  // namespace host
