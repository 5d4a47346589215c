// SPDX-License-Identifier: Apache-2.0
//
// host.yaml, read, checked and merged for one host. Its form is config/host.schema.json; what each
// key means is docs/configuration.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/ed25519.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "config/document.hpp"
#include "config/paths.hpp"

namespace host {

struct GiteaSettings {
  std::string url;  // without a trailing slash; empty: no Gitea is configured
  bool allow_plaintext = false;
  // Where the token may be, in the order of search; the first file that exists counts. Just one
  // when `token_file` is set.
  std::vector<std::filesystem::path> token_files;
};

struct LogSettings {
  Level level = Level::info;
};

struct QueueSettings {
  int concurrency = 8;                                 // jobs that run at once on this host
  Duration shutdown_grace = std::chrono::seconds(25);  // running jobs get this long at SIGTERM
  // How long ended jobs are kept, by state.
  Duration keep_completed = std::chrono::hours(24);
  Duration keep_cancelled = std::chrono::hours(24);
  Duration keep_discarded = std::chrono::hours(24 * 7);
  std::map<std::string, int> queues;  // jobs that run at once, by queue; others are not bounded
};

struct WorkerSettings {
  int max = 16;  // worker processes alive at once, idle ones included
};

// An operator's limits; each absent one leaves the manifest's, or the built-in one.
struct PluginLimits {
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> file_bytes;
  std::optional<int> files;
  std::optional<Duration> cpu;
  std::optional<int> mutations;  // writes of one run
  bool operator==(const PluginLimits&) const = default;
};

// Whose plugins run here.
struct TrustSettings {
  std::map<std::string, Ed25519Key> keys;  // by the name of whose they are
  bool require_signature = false;          // unsigned ones are refused
};

struct PluginSettings {
  bool enabled = false;
  std::string sha256;  // of the only bytes that may run, 64 lower-case hex digits; empty: any
  std::map<std::string, std::string> schedule;  // task -> schedule text; "" for "never"
  std::map<std::string, std::string> zone;      // task -> zone name
  std::map<std::string, std::string> catch_up;  // task -> skip, latest or all
  std::map<std::string, std::string> jitter;    // task -> duration
  std::map<std::string, std::string> queue;     // task -> queue
  std::map<std::string, std::string> rate;      // task -> "30/1h", or "none"
  Json config = Json::object();                 // as written; the plugin's schema has not seen it
  std::map<std::string, std::vector<std::string>> grants;  // grant -> globs
  PluginLimits limits;
  bool dry_run = false;  // reads go through, writes are only logged
  std::string pipeline;  // whose budget its tokens count for; empty: each task's own
  std::string where;  // "file:line:col" of the plugin's key, the host's own entry before `defaults`
};

// Where the forge's webhooks come in.
struct WebhookSettings {
  std::string listen;  // "127.0.0.1:8480"; empty: nowhere
  // Of the hook's secret: one, or two while it is changed. Never empty when `listen` is set.
  std::vector<std::filesystem::path> secret_files;
  bool operator==(const WebhookSettings&) const = default;
};

// A way to models: one server that speaks OpenAI's wire.
struct ModelRouteSettings {
  std::string url;                  // its base, up to and with /v1, without a trailing slash
  std::string provider;             // what caps, prices and the ledger call it; lower case
  std::string credential;           // a name in `credentials`; empty: the server asks for no key
  std::vector<std::string> models;  // globs of those that may be asked; empty: all
  std::int64_t max_output = 16384;  // tokens that an answer may have
  int bytes_per_token = 1;          // no fewer bytes of a request than this make a token
  bool operator==(const ModelRouteSettings&) const = default;
};

// Which models may be asked through the host.
struct ModelSettings {
  std::string listen = "127.0.0.1:0";  // of the meter, for runs
  std::map<std::string, ModelRouteSettings>
      routes;  // by name; none: nothing is asked, no meter listens
  std::vector<std::string> banned_providers;
  std::vector<std::string> banned_models;  // globs
  bool operator==(const ModelSettings&) const = default;
};

// What a host does with a playbook. The playbook itself is a file of its own.
struct PlaybookSettings {
  bool enabled = false;
  std::vector<std::string> repositories;  // globs, instead of the playbook's own; empty: those
  std::string where;                      // "file:line:col" of its key, as of a plugin's
};

// What is kept of agents' runs that have ended: runs/ in $TIMMY_HOME.
struct RunSettings {
  int most = 1'000;
  std::uint64_t bytes = std::uint64_t{10} << 30;  // of all of them together
};

// How much room agents' clones may take: clones/ in $TIMMY_HOME.
struct CloneSettings {
  int most = 64;                                  // or what the lanes need, if that is more
  std::uint64_t bytes = std::uint64_t{20} << 30;  // of all of them together
};

// What one host runs with.
struct HostConfig {
  std::string host_name;       // the entry's name if there is one, else what was asked for
  bool has_own_entry = false;  // false: this host runs `defaults`
  GiteaSettings gitea;
  bool dry_run = false;  // of all plugins
  LogSettings log;
  QueueSettings queue;
  WorkerSettings workers;
  TrustSettings trust;
  WebhookSettings webhooks;
  ModelSettings model;
  std::vector<std::filesystem::path> plugin_dirs;     // searched besides the usual ones
  std::map<std::string, PluginSettings> plugins;      // by plugin id
  std::vector<std::filesystem::path> playbook_dirs;   // searched besides the usual ones
  std::map<std::string, PlaybookSettings> playbooks;  // by name
  RunSettings runs;
  CloneSettings clones;
  std::map<std::string, std::filesystem::path> credentials;  // name -> file with the secret
};

// One effective value and who set it, for `config show`.
struct Effective {
  enum class Origin { built_in, defaults, host, environment };
  std::string pointer;  // in the merged settings: "/gitea/url"
  Json value;           // a leaf: scalar, list, or empty map
  Origin origin = Origin::built_in;
  std::string where;  // "file:line:col", "$GITEA_URL"; empty for a built-in value
};
// "default", "defaults:", "hosts:", "environment".
[[nodiscard]] std::string_view name(Effective::Origin origin) noexcept;

// One thing wrong with the file.
struct Problem {
  std::string where;    // "file:line:col", or "$GITEA_URL"
  std::string pointer;  // in the file: "/hosts/allegro/plugins"; empty for a syntax error
  std::string message;  // with what was expected and the nearest key
};

// Everything that is wrong with a configuration, at once; what() has a line each, in the order of
// the file. A command ends on it with EX_CONFIG (78), as sysexits(3) has it. code() is
// Code::invalid, or what stopped the file from being read (not_found, denied, too_large).
class ConfigError : public Error {
 public:
  explicit ConfigError(std::vector<Problem> problems, Code code = Code::invalid,
                       std::string next_step = {});
  [[nodiscard]] const std::vector<Problem>& problems() const noexcept { return problems_; }
  static constexpr int kExitStatus = 78;

 private:
  std::vector<Problem> problems_;
};

struct LoadedConfig {
  HostConfig config;
  std::vector<std::string> warnings;  // each a line for the log: no own entry, ...
  Document document;
  Json settings;                     // merged, defaults filled in
  std::vector<Effective> effective;  // every leaf of `settings`, in the order of its pointers
  std::string entry;  // pointer of this host's own entry in the file; empty without one

  // Where a pointer into `settings` comes from: "file:line:col" in the host's own entry if it
  // stands there, else in `defaults`, else of the nearest parent that stands in the file.
  [[nodiscard]] std::string position(std::string_view pointer, bool at_key = false) const;
  // The same for a pointer inside plugins/ID/config, for a catalogue that checks it by the plugin's
  // schema.
  [[nodiscard]] std::string config_position(const std::string& plugin, std::string_view pointer,
                                            bool at_key = false) const;
};

// Reads host.yaml and takes `defaults` plus this host's entry under `hosts`. An entry is looked up
// by the name up to its first dot, then by the whole name. Maps merge by key, lists, `grants` and
// `trust.keys` are replaced as a whole. `GITEA_URL` replaces gitea.url. The whole file is checked,
// other hosts' entries too. A plugin's `config` is only merged. `host_name` empty: this machine's.
// Throws ConfigError with all problems; a file that can't be read is one. Reads nothing but the
// file.
[[nodiscard]] LoadedConfig load_host_config(const std::filesystem::path& file,
                                            const std::string& host_name, const Paths& paths,
                                            const Environment& environment);
// The same from text; `file` is the name for positions, its folder the base of relative paths.
[[nodiscard]] LoadedConfig parse_host_config(std::string_view text,
                                             const std::filesystem::path& file,
                                             const std::string& host_name, const Paths& paths,
                                             const Environment& environment);

// The published schema of host.yaml, as text.
[[nodiscard]] std::string_view host_schema_text();

// The grants that host.yaml may give, by name.
[[nodiscard]] std::vector<std::string> grant_names();

}  // namespace host
