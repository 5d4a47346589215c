// SPDX-License-Identifier: Apache-2.0
//
// Which plugins there are, which of them may run here, and why the others may not. Nothing in this
// room loads a plugin or runs a line of its code.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/host_config.hpp"
#include "plugins/grants.hpp"
#include "plugins/image.hpp"
#include "plugins/manifest.hpp"
#include "plugins/quarantine.hpp"
#include "plugins/refusal.hpp"
#include "plugins/write_terms.hpp"

namespace host {

// A folder with plugins: its files `*.so`, without those whose name begins with a dot (so that an
// installer can write under such a name and rename). Subfolders are not searched.
struct PluginFolder {
  std::filesystem::path path;
  bool allow_sticky = false;  // a parent like /tmp passes: for a folder named by the operator
  bool required = false;      // a missing folder is a line of the listing, not just empty
  bool author = false;        // named with --plugin-dir: signatures are not looked at
};

enum class PluginState {
  ready,           // runs: its tasks are scheduled
  disabled,        // fine, but host.yaml does not enable it
  refused,         // the file, who vouches for it, its manifest, version or name is at fault
  not_granted,     // a grant that it can't do without is missing
  invalid_config,  // its part of host.yaml does not fit it
  quarantined,     // these bytes failed too often
  shadowed,        // a folder of higher rank has the same plugin
  missing,         // host.yaml enables it and no folder has it, or names a folder that is not there
  not_judged,      // listed without a host.yaml that can be used; no scan gives this
};
// "ready", "disabled", "refused", "not granted", "invalid config", "quarantined", "shadowed",
// "missing", "not judged".
[[nodiscard]] std::string_view name(PluginState state) noexcept;

// A task as it runs here: the manifest's, with host.yaml's schedule, zone and catch_up put in.
struct PluginTask {
  TaskSpec spec;
  bool overridden = false;  // one of them comes from host.yaml
};

// One line of `--list-tasks`. Immutable once scanned; copies share the image.
struct PluginEntry {
  std::filesystem::path path;  // empty when host.yaml names a plugin that no folder has
  std::string id;              // the manifest's, else the file's name without ".so"
  PluginState state = PluginState::refused;
  Refusal code = Refusal::none;  // why it does not run; none when ready
  std::string reason;            // one line, no full stop; empty when ready
  std::string fix;               // what to do, down to the line to add; empty when ready
  // What is wrong with its part of host.yaml, each with its place; `reason` is these in one line.
  std::vector<Problem> problems;
  // What could be read, also of a refused plugin: then maybe only id, version and tasks.
  std::optional<Manifest> manifest;
  std::vector<PluginTask> tasks;
  std::vector<std::string> notes;  // what an operator should know of a ready plugin, a line each
  Json config = Json::object();    // effective: host.yaml's, defaults filled in; ready only
  Grants grants;
  WriteTerms writes;      // as host.yaml has them
  Limits limits;          // the manifest's, with host.yaml's put in
  std::string sha256;     // of its bytes, where they were read: with `load`, or for a trust rule
  std::string signed_by;  // the name of the key, where a signature was looked at
  // Where host.yaml enables it, "file:line:col"; empty: it does not.
  std::string enabled_at;
  // Ready only, and only after a scan with ScanRequest::load.
  std::shared_ptr<const PluginImage> image;
  [[nodiscard]] bool ready() const noexcept { return state == PluginState::ready; }
};

struct ScanRequest {
  // Lowest rank first. Of two files with one plugin id, the one in the folder of higher rank counts
  // and the other is `shadowed`, whatever else is wrong with the first (or an old version would
  // come back unseen). Two in one folder are both refused, each naming the other.
  std::vector<PluginFolder> folders;
  const LoadedConfig* config = nullptr;           // not owned; never null
  const QuarantineRecords* quarantine = nullptr;  // not owned; null: none is set aside
  const Paths* paths = nullptr;  // not owned; for $TIMMY_HOME and $HERMES_HOME in paths; null: kept
  // Copies and hashes the plugins that are ready. A listing does without: it reads a file's
  // headers and its manifest, and hashes only what a quarantine record may name, what is pinned and
  // what is signed.
  bool load = false;
};

// Install folder, $TIMMY_HOME/plugins, host.yaml's plugin_dirs, then `explicit_dirs`
// (`--plugin-dir`), in this order of rank.
[[nodiscard]] std::vector<PluginFolder> plugin_folders(
    const std::filesystem::path& install, const Paths& paths, const HostConfig& config,
    const std::vector<std::filesystem::path>& explicit_dirs);

// Scans folders, and remembers what it read of a file for as long as the file stays the same
// (device, inode, size, mtime, ctime), so that the next scan costs little more than opening each.
// An image lives as long as its file is unchanged and ready, or somebody holds it. One thread.
class Catalogue {
 public:
  // `host_abi`: the version of the SDK's ABI that this host speaks.
  explicit Catalogue(AbiVersion host_abi = kHostAbi);
  ~Catalogue();
  Catalogue(Catalogue&&) noexcept;
  Catalogue& operator=(Catalogue&&) noexcept;

  // Every plugin found or named, sorted by id, then by path. Never throws for what is wrong with a
  // file, a folder or a plugin's settings: that is the entry's reason. Ids and task names of the
  // entries that are ready are unique.
  [[nodiscard]] std::vector<PluginEntry> scan(const ScanRequest& request);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace host
