// SPDX-License-Identifier: Apache-2.0
//
// What one check has at hand. Private to this room.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authoring/candidate.hpp"
#include "authoring/check.hpp"
#include "authoring/symbols.hpp"
#include "authoring/workshop.hpp"
#include "config/json_schema.hpp"

namespace host {

// How long a run may go on that was asked to stop.
inline constexpr Duration kCancelGrace = std::chrono::seconds(2);

struct Observation {
  Grade grade = Grade::pass;
  std::string message;
  std::string fix;
};

// A plugin under examination: its file, and trials of it.
class Examination {
 public:
  Examination(std::filesystem::path file, const CheckOptions& options)
      : file_(std::move(file)), options_(options) {}

  [[nodiscard]] const CheckOptions& options() const { return options_; }
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  // Opened at the first use. Throws as Candidate::open().
  [[nodiscard]] const Candidate& candidate();
  [[nodiscard]] const Manifest& manifest() { return candidate().manifest(); }
  [[nodiscard]] const Symbols& symbols();
  [[nodiscard]] std::optional<TableHeader> table_header();

  // A config that the schema takes: its first example, {} with defaults, or one that is made up;
  // nullopt when none of these fits.
  [[nodiscard]] std::optional<Json> config();
  [[nodiscard]] const JsonSchema& config_schema();

  // The config with which create failed and gave no reason, once one was found.
  std::optional<Json> silent_create;

 private:
  std::filesystem::path file_;
  CheckOptions options_;
  std::optional<Candidate> candidate_;
  std::optional<Symbols> symbols_;
  std::optional<JsonSchema> schema_;
};

// Whether the schema takes it, its defaults filled in. A schema that asks for too much work takes
// nothing. Never throws for what they hold.
[[nodiscard]] bool fits(const JsonSchema& schema, const Json& config);

// The plugin on a stage of its own, with all that it asks for granted.
class Tryout {
 public:
  struct Options {
    std::optional<Json> config{};  // without: Examination::config()
    bool grants = true;            // false: nothing is granted, although it was admitted
    bool checked = true;  // false: `config` is handed over as it is, whatever the schema says
    int rehearsals = 0;
    bool outage = false;  // no service reaches anybody
  };
  Tryout(Examination& examination, const Options& options);
  explicit Tryout(Examination& examination) : Tryout(examination, Options{}) {}

  TrialOutcome run(TrialRun run);
  // Empty, or what went wrong at the end.
  std::string end();
  // Lets come what comes late.
  void wait(Duration duration) { let_come(workshop_.ground(), duration); }
  // Which layers of its cage were not in force, with the reasons; empty when all were.
  [[nodiscard]] std::string missing_layers() const;

  [[nodiscard]] const std::vector<TrialCall>& calls() { return workshop_.stage().calls(); }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  Workshop workshop_;
  PluginEntry plugin_;
  std::vector<std::string> lines_;
  std::unique_ptr<Trial> trial_;
  Duration patience_;
};

// Each task of the plugin with each of its example payloads, or {}.
[[nodiscard]] std::vector<TrialRun> typical_runs(const Manifest& manifest);

struct Check {
  CheckInfo info;
  std::vector<std::string_view> after;  // skipped unless these passed, or only warned
  Observation (*examine)(Examination&);
  std::string_view unseen_in_process{};  // why it is skipped there; empty: it is not
};
[[nodiscard]] const std::vector<Check>& file_checks();
[[nodiscard]] const std::vector<Check>& life_checks();
[[nodiscard]] const std::vector<Check>& run_checks();

}  // namespace host
