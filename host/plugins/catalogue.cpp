// SPDX-License-Identifier: Apache-2.0
#include "plugins/catalogue.hpp"

#include <dirent.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "config/json_schema.hpp"
#include "plugins/admission.hpp"
#include "plugins/plugin_file.hpp"
#include "plugins/trust.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;

std::string quoted(const fs::path& path) { return "\"" + path.string() + "\""; }

void refuse(PluginEntry& entry, Refusal code, std::string reason, std::string fix,
            PluginState state = PluginState::refused) {
  entry.state = state;
  entry.code = code;
  entry.reason = std::move(reason);
  entry.fix = std::move(fix);
}

void refuse(PluginEntry& entry, const RefusedError& error) {
  refuse(entry, error.refusal(), error.message(), error.next_step());
}

// Names of the plugin files in a folder, sorted. Throws Error when it can't be read.
std::vector<std::string> plugin_names(const fs::path& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()), &::closedir);
  if (!stream) throw system_error("reading the folder " + quoted(folder));
  std::vector<std::string> names;
  while (const auto* item = ::readdir(stream.get())) {
    const std::string name = item->d_name;
    if (name.front() != '.' && name.ends_with(".so")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// A file found, and the rank of the folder that it was found in.
struct Found {
  PluginEntry entry;
  std::size_t rank = 0;
  bool allow_sticky = false;
  bool author = false;
  std::string text;     // of its manifest section
  bool intact = false;  // trusted, of this ABI, its manifest valid
  // The bytes that somebody vouches for, if they were looked at: no others may run.
  std::shared_ptr<const PluginImage> vouched;
};

}  // namespace

std::string_view name(PluginState state) noexcept {
  switch (state) {
    case PluginState::ready: return "ready";
    case PluginState::disabled: return "disabled";
    case PluginState::refused: return "refused";
    case PluginState::not_granted: return "not granted";
    case PluginState::invalid_config: return "invalid config";
    case PluginState::quarantined: return "quarantined";
    case PluginState::shadowed: return "shadowed";
    case PluginState::missing: return "missing";
    case PluginState::not_judged: return "not judged";
  }
  return "unknown";
}

std::vector<PluginFolder> plugin_folders(const fs::path& install, const Paths& paths,
                                         const HostConfig& config,
                                         const std::vector<fs::path>& explicit_dirs) {
  std::vector<PluginFolder> folders{{.path = install}, {.path = paths.plugins()}};
  for (const auto& path : config.plugin_dirs) folders.push_back({.path = path, .required = true});
  for (const auto& path : explicit_dirs)
    folders.push_back({.path = path, .allow_sticky = true, .required = true, .author = true});
  return folders;
}

class Catalogue::Impl {
 public:
  explicit Impl(AbiVersion host_abi) : files_(host_abi) {}

  std::vector<PluginEntry> scan(const ScanRequest& request) {
    request_ = &request;
    trust_.set_keys(request.config->config.trust.keys);
    found_.clear();
    find_files();
    settle_ids();
    for (auto& one : found_)
      if (one.intact) vouch(one);
    for (auto& one : found_)
      if (one.intact) admit(one.entry, *request.config, request.paths);
    add_missing();
    settle_tasks();
    for (auto& one : found_)
      if (one.entry.ready()) load(one);
    for (const auto& one : found_)
      if (!one.entry.image && request.load) files_.unload(one.entry.path);
    files_.forget_unused();
    trust_.forget_unused();
    return sorted();
  }

 private:
  void find_files() {
    std::vector<std::pair<std::size_t, fs::path>> folders;
    for (std::size_t rank = 0; rank < request_->folders.size(); ++rank) {
      std::error_code missing;
      const auto& given = request_->folders[rank];
      const auto real = fs::canonical(given.path, missing);
      if (missing) {
        if (given.required || missing != std::errc::no_such_file_or_directory)
          add_folder_problem(given.path, rank, missing.message());
        continue;
      }
      // A folder named twice counts once, at its highest rank.
      std::erase_if(folders, [&](const auto& one) { return one.second == real; });
      folders.emplace_back(rank, real);
    }
    for (const auto& [rank, real] : folders) find_in(real, rank);
  }

  void find_in(const fs::path& folder, std::size_t rank) try {
    for (const auto& name : plugin_names(folder)) add_file(folder / name, rank);
  } catch (const Error& error) {
    add_folder_problem(folder, rank, error.message());
  }

  void add_folder_problem(const fs::path& folder, std::size_t rank, const std::string& problem) {
    Found one{.rank = rank};
    one.entry.path = folder;
    one.entry.id = folder.filename().string();
    refuse(one.entry, Refusal::no_folder, "plugin folder " + quoted(folder) + ": " + problem,
           "Create the folder, or name another one.", PluginState::missing);
    found_.push_back(std::move(one));
  }

  void add_file(const fs::path& path, std::size_t rank) {
    const auto& folder = request_->folders[rank];
    Found one{.rank = rank, .allow_sticky = folder.allow_sticky, .author = folder.author};
    const auto file = files_.read(path, one.allow_sticky);
    auto& entry = one.entry;
    entry.path = path;
    entry.manifest = file->reading.manifest;
    entry.id = entry.manifest ? entry.manifest->id : path.stem().string();
    one.text = file->text;
    const auto& reading = file->reading;
    if (file->refusal) {
      refuse(entry, *file->refusal);
    } else if (reading.version_refusal) {
      refuse(entry, reading.plugin_is_older ? Refusal::plugin_too_old : Refusal::host_too_old,
             quoted(path) + ": " + *reading.version_refusal, reading.version_fix);
    } else if (!reading.problems.empty()) {
      refuse(entry, Refusal::invalid_manifest,
             quoted(path) + ": its manifest is invalid: " + joined(reading.problems),
             "Mend manifest.json and build the plugin again.");
    } else {
      one.intact = true;
    }
    if (!one.intact && entry.manifest)
      for (const auto& spec : entry.manifest->tasks) entry.tasks.push_back({.spec = spec});
    found_.push_back(std::move(one));
  }

  static std::string joined(const std::vector<std::string>& lines) {
    std::string all;
    for (const auto& line : lines) all += (all.empty() ? "" : "; ") + line;
    return all;
  }

  // One file for each id.
  void settle_ids() {
    std::map<std::string, std::vector<Found*>> claims;
    for (auto& one : found_)
      if (one.entry.manifest) claims[one.entry.id].push_back(&one);
    for (auto& [id, all] : claims) {
      if (all.size() < 2) continue;
      const std::size_t highest =
          (*std::max_element(all.begin(), all.end(), [](const auto* a, const auto* b) {
            return a->rank < b->rank;
          }))->rank;
      std::vector<Found*> first;
      std::copy_if(all.begin(), all.end(), std::back_inserter(first),
                   [&](const auto* one) { return one->rank == highest; });
      for (auto* one : all)
        if (one->rank != highest) shadow(*one, *first.front());
      if (first.size() > 1)
        for (auto* one : first) refuse_double(*one, *(one == first[0] ? first[1] : first[0]));
    }
  }

  static void list_tasks(Found& one) {
    if (one.intact)
      for (const auto& spec : one.entry.manifest->tasks) one.entry.tasks.push_back({.spec = spec});
    one.intact = false;
  }

  static void shadow(Found& one, const Found& by) {
    list_tasks(one);
    refuse(one.entry, Refusal::shadowed,
           quoted(by.entry.path) + " has the same id and is in a folder of higher rank",
           "Remove one of the two files.", PluginState::shadowed);
  }

  static void refuse_double(Found& one, const Found& other) {
    list_tasks(one);
    refuse(one.entry, Refusal::duplicate_id,
           quoted(one.entry.path) + " has the id \"" + one.entry.id + "\", and so has " +
               quoted(other.entry.path),
           "Remove one of the two files.");
  }

  // Who stands behind what host.yaml enables: asked before anything that the file says of itself is
  // held against other plugins.
  void vouch(Found& one) {
    auto& entry = one.entry;
    const auto& config = request_->config->config;
    const auto settings = config.plugins.find(entry.id);
    if (settings == config.plugins.end() || !settings->second.enabled) return;
    const auto rule = trust_rule(*request_->config, entry.id, one.author);
    auto verdict = trust_.judge(rule, entry.path, one.allow_sticky, one.text, request_->load);
    entry.sha256 = std::move(verdict.sha256);
    entry.signed_by = std::move(verdict.signed_by);
    one.vouched = std::move(verdict.image);
    if (one.author && config.trust.require_signature)
      entry.notes.emplace_back("its signature is not looked at: --plugin-dir named its folder");
    if (!verdict.refusal) return;
    list_tasks(one);
    refuse(entry, *verdict.refusal);
  }

  // Plugins that host.yaml enables and no folder has.
  void add_missing() {
    std::set<std::string> there;
    for (const auto& one : found_) there.insert(one.entry.id);
    const std::vector<std::string> known(there.begin(), there.end());
    for (const auto& [id, settings] : request_->config->config.plugins) {
      if (!settings.enabled || there.count(id) != 0) continue;
      Found one{.rank = 0};
      one.entry.id = id;
      const auto meant = nearest(id, known);
      const std::string problem = "plugin \"" + id + "\" is enabled, but no plugin folder has it" +
                                  (meant.empty() ? "" : "; did you mean \"" + meant + "\"?");
      one.entry.problems = {{settings.where, child_pointer("/plugins", id), problem}};
      refuse(one.entry, Refusal::missing, settings.where + ": " + problem,
             "Install it into " + folder_list() + ".", PluginState::missing);
      found_.push_back(std::move(one));
    }
  }

  std::string folder_list() const {
    std::string list;
    for (const auto& folder : request_->folders)
      list += (list.empty() ? "" : " or ") + quoted(folder.path);
    return list.empty() ? "a plugin folder" : list;
  }

  // A task's name alone identifies it, so two enabled plugins can't both have it.
  void settle_tasks() {
    std::map<std::string, std::vector<Found*>> claims;
    for (auto& one : found_)
      if (one.intact && one.entry.state != PluginState::disabled)
        for (const auto& task : one.entry.tasks) claims[task.spec.name].push_back(&one);
    for (auto& [task, all] : claims) {
      if (all.size() < 2) continue;
      for (auto* one : all) refuse_task(*one, task, *(one == all[0] ? all[1] : all[0]));
    }
  }

  static void refuse_task(Found& one, const std::string& task, const Found& other) {
    auto& entry = one.entry;
    const std::string reason = "task \"" + task + "\" is also in plugin \"" + other.entry.id + "\"";
    if (entry.state == PluginState::refused) {
      entry.reason += "; " + reason;
      return;
    }
    refuse(entry, Refusal::duplicate_task, quoted(entry.path) + ": " + reason,
           "Disable one of them in host.yaml: plugins: { " + entry.id + ": { enabled: false } }");
  }

  void load(Found& one) try {
    auto& entry = one.entry;
    const auto* record = quarantined(entry.id);
    if (record && entry.sha256.empty()) entry.sha256 = files_.sha256(entry.path, one.allow_sticky);
    if (record && (entry.sha256 == record->sha256 || setup_of(entry) == record->sha256))
      return refuse(entry, Refusal::quarantined,
                    record->reason + " (since " + format_utc(record->since) + ")",
                    "Run: timmy-host plugins reset " + entry.id +
                        "; or install a mended version, or mend what it was given.",
                    PluginState::quarantined);
    if (!request_->load) return;
    entry.image = one.vouched ? one.vouched : files_.load(entry.path, one.allow_sticky, one.text);
    entry.sha256 = entry.image->sha256;
  } catch (const Error& error) {
    refuse(one.entry, refused(error));
  }

  static std::string setup_of(const PluginEntry& entry) {
    const auto paths = [&](std::string_view grant) {
      const auto& values = entry.grants.values(grant);
      return std::vector<fs::path>(values.begin(), values.end());
    };
    return setup_key(entry.sha256, to_text(entry.config), paths("fs.read"), paths("fs.write"));
  }

  const QuarantineRecord* quarantined(const std::string& id) const {
    if (!request_->quarantine) return nullptr;
    const auto found = request_->quarantine->find(id);
    return found == request_->quarantine->end() ? nullptr : &found->second;
  }

  std::string enabled_at(const std::string& id) const {
    const auto& plugins = request_->config->config.plugins;
    const auto settings = plugins.find(id);
    if (settings == plugins.end() || !settings->second.enabled) return {};
    return request_->config->position(child_pointer("/plugins", id) + "/enabled");
  }

  std::vector<PluginEntry> sorted() {
    std::vector<PluginEntry> entries;
    for (auto& one : found_) {
      one.entry.enabled_at = enabled_at(one.entry.id);
      entries.push_back(std::move(one.entry));
    }
    found_.clear();  // or images that nobody runs would be kept
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
      return std::tie(a.id, a.path) < std::tie(b.id, b.path);
    });
    return entries;
  }

  PluginFiles files_;
  Trust trust_{files_};
  const ScanRequest* request_ = nullptr;
  std::vector<Found> found_;
};

Catalogue::Catalogue(AbiVersion host_abi) : impl_(std::make_unique<Impl>(host_abi)) {}
Catalogue::~Catalogue() = default;
Catalogue::Catalogue(Catalogue&&) noexcept = default;
Catalogue& Catalogue::operator=(Catalogue&&) noexcept = default;

std::vector<PluginEntry> Catalogue::scan(const ScanRequest& request) {
  return impl_->scan(request);
}

}  // namespace host
