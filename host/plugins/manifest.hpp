// SPDX-License-Identifier: Apache-2.0
//
// What a plugin says about itself. The form is sdk/schemas/manifest.schema.json; this is its C++
// shape, and the rules that a schema can't state.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "queue/job.hpp"
#include "schedule/policy.hpp"

namespace host {

// A version of the C ABI between worker and plugin (timmy/abi.h).
struct AbiVersion {
  int major = 0;
  int minor = 0;
  auto operator<=>(const AbiVersion&) const = default;
};
// The version that this host was built with.
extern const AbiVersion kHostAbi;

struct Abi {
  int major = 0;
  int minor = 0;    // of the SDK that the plugin was built with
  int minimum = 0;  // the oldest minor with which it still runs
  bool operator==(const Abi&) const = default;
};

struct TaskSpec {
  std::string name;  // unique over all plugins: a task's name alone identifies it
  std::string description;
  std::string schedule;  // cron or "every: 90s"; empty: on demand
  std::string zone = "UTC";
  Duration timeout = std::chrono::seconds(180);
  RetryPolicy retry;
  CatchUp catch_up = CatchUp::latest;
  Duration catchup_window = std::chrono::hours(24);
  Duration jitter{};
  Overlap overlap = Overlap::skip;
  int concurrency = 1;
  std::string queue = "default";
  RateLimit rate;
  int key_concurrency = 1;             // of its jobs with the same concurrency key
  std::string unique_key;              // of the jobs that its schedule inserts; empty: none
  std::vector<std::string> events;     // forge events that start it
  std::vector<std::string> waits_for;  // services ("gitea") while down of which it is not claimed
  bool fresh_process = false;          // a worker of its own for each run
  std::vector<Json> examples;          // payloads that it takes
};

// A grant that the plugin asks for.
struct Need {
  std::string grant;                // "gitea.read"
  std::vector<std::string> values;  // what it suggests, for the line to add; grants nothing
  bool required = true;             // false: it runs without, and does less
  std::string why;
};

struct Limits {
  std::uint64_t memory_bytes = 512ull << 20;  // private writable memory (RLIMIT_DATA)
  std::uint64_t file_bytes = 64ull << 20;     // the largest file it may write
  int files = 64;                             // open descriptors
  Duration cpu{};                             // per run; zero: only the deadline
  bool operator==(const Limits&) const = default;
};

struct Manifest {
  std::string id;
  std::string version;
  std::string license;
  std::string description;
  Abi abi;
  std::vector<TaskSpec> tasks;
  Json config_schema;  // never null: without one, a schema that takes only {}
  std::vector<Need> needs;
  Limits limits;
  Json raw;
};

// A manifest's text, read as far as it goes.
struct ManifestReading {
  // Nothing when not even an id could be read. When there are problems: whatever was well-formed,
  // for a listing; id, version and tasks' names at best.
  std::optional<Manifest> manifest;
  // Each "/tasks/0/schedule: field 1 ...: expected ...", in the manifest's order. Empty: it is
  // valid. Not looked for when the version is refused.
  std::vector<std::string> problems;
  // The refusal by the version rule, if any: which side is old, both versions, and the fix.
  std::optional<std::string> version_refusal;
  std::string version_fix;
  bool plugin_is_older = false;  // than this host's major; else the host is
};

// Reads a manifest for a host that speaks `host_abi`. Never throws for what the text holds. Keys
// that the schema does not know are refused, but for a plugin built with a newer minor: there they
// are left out, as it has declared that it runs without. Any thread.
[[nodiscard]] ManifestReading read_manifest(std::string_view text, AbiVersion host_abi = kHostAbi);

// The version rule: same major, and (plugin's minor <= host's, or plugin's minimum <= host's).
// nullopt when it holds, else which side is old and both versions; `fix` gets what to do.
[[nodiscard]] std::optional<std::string> version_refusal(const Abi& plugin, AbiVersion host_abi,
                                                         std::string* fix);

// The published schema that manifests are checked against, as text.
[[nodiscard]] std::string_view manifest_schema_text();

}  // namespace host
