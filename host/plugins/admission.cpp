// SPDX-License-Identifier: Apache-2.0
#include "plugins/admission.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/zone.hpp"
#include "config/json_schema.hpp"
#include "gitea/webhook.hpp"
#include "plugins/grantable.hpp"
#include "plugins/schema_walk.hpp"
#include "schedule/schedule.hpp"

namespace host {
namespace {

// Where the merged settings have a value from, else where the plugin is named at all.
std::string where(const LoadedConfig& loaded, const PluginSettings& settings,
                  const std::string& pointer) {
  for (const auto& leaf : loaded.effective)
    if (leaf.pointer == pointer && !leaf.where.empty()) return leaf.where;
  return settings.where;
}

// `text` with a leading $TIMMY_HOME, $HERMES_HOME or ~ put in.
std::string expanded(const std::string& text, const Paths* paths) {
  if (!paths) return text;
  const auto with = [&](std::string_view name, const std::filesystem::path& path) {
    if (!text.starts_with(name)) return std::string();
    const auto rest = text.substr(name.size());
    return rest.empty() || rest.front() == '/' ? path.string() + rest : std::string();
  };
  if (auto path = with("$TIMMY_HOME", paths->timmy_home); !path.empty()) return path;
  if (auto path = with("$HERMES_HOME", paths->hermes_home); !path.empty()) return path;
  if (auto path = with("~", paths->home); !path.empty()) return path;
  return text;
}

class Admission {
 public:
  Admission(PluginEntry& entry, const LoadedConfig& loaded, const PluginSettings& settings,
            const Paths* paths)
      : entry_(entry), loaded_(loaded), settings_(settings), paths_(paths) {}

  void run() {
    override_tasks();
    override_limits();
    check_config();
    check_files();
    if (!entry_.problems.empty()) return invalid();
    grant();
  }

 private:
  std::string pointer(const char* part) const {
    return child_pointer(child_pointer("/plugins", entry_.id), part);
  }
  // `pointer` is into the merged settings; left out, it is the plugin as a whole.
  void problem(const std::string& at, const std::string& text, std::string pointer = {}) {
    if (pointer.empty()) pointer = child_pointer("/plugins", entry_.id);
    entry_.problems.push_back({at, std::move(pointer), text});
  }

  void invalid() {
    entry_.state = PluginState::invalid_config;
    entry_.code = Refusal::invalid_config;
    for (const auto& one : entry_.problems)
      entry_.reason += (entry_.reason.empty() ? "" : "; ") +
                       (one.where.empty() ? "" : one.where + ": ") + one.message;
    entry_.fix = "Mend host.yaml, then reload.";
  }

  PluginTask* task(const std::string& name, const char* part) {
    const auto found = std::find_if(entry_.tasks.begin(), entry_.tasks.end(),
                                    [&](const auto& one) { return one.spec.name == name; });
    if (found != entry_.tasks.end()) return &*found;
    std::vector<std::string> names;
    for (const auto& one : entry_.tasks) names.push_back(one.spec.name);
    const auto meant = nearest(name, names);
    const auto at = child_pointer(pointer(part), name);
    problem(where(loaded_, settings_, at),
            "plugin \"" + entry_.id + "\" has no task \"" + name + "\"" +
                (meant.empty() ? "" : "; did you mean \"" + meant + "\"?"),
            at);
    return nullptr;
  }

  void override_tasks() {
    for (const auto& [name, zone] : settings_.zone)
      if (auto* one = task(name, "zone")) one->spec.zone = zone, one->overridden = true;
    for (const auto& [name, schedule] : settings_.schedule)
      if (auto* one = task(name, "schedule")) one->spec.schedule = schedule, one->overridden = true;
    for (const auto& [name, policy] : settings_.catch_up)
      if (auto* one = task(name, "catch_up"))
        one->spec.catch_up = parse_catch_up(policy), one->overridden = true;
    for (const auto& [name, jitter] : settings_.jitter)
      if (auto* one = task(name, "jitter"))
        override_duration(one->spec.jitter, *one, "jitter", jitter, kLongestJitter);
    for (const auto& [name, queue] : settings_.queue)
      if (auto* one = task(name, "queue")) one->spec.queue = queue, one->overridden = true;
    for (const auto& [name, rate] : settings_.rate)
      if (auto* one = task(name, "rate")) override_rate(*one, rate);
    for (const auto& one : entry_.tasks)
      if (one.overridden) check_schedule(one.spec);
  }

  void override_duration(Duration& duration, PluginTask& one, const char* part,
                         const std::string& text, Duration longest) {
    one.overridden = true;
    try {
      duration = parse_duration(text);
      if (duration > longest)
        throw Error(Code::invalid, "\"" + text + "\" is longer than " + format_duration(longest));
    } catch (const Error& error) {
      const auto at = child_pointer(pointer(part), one.spec.name);
      problem(where(loaded_, settings_, at), dotted_path(at) + ": " + error.what(), at);
    }
  }

  void override_rate(PluginTask& one, const std::string& rate) {
    one.overridden = true;
    try {
      one.spec.rate = parse_rate(rate);
    } catch (const Error& error) {
      const auto at = child_pointer(pointer("rate"), one.spec.name);
      problem(where(loaded_, settings_, at), dotted_path(at) + ": " + error.what(), at);
    }
  }

  void check_schedule(const TaskSpec& spec) {
    const char* part = "zone";
    try {
      const Zone zone = Zone::load(spec.zone);
      part = "schedule";
      if (!spec.schedule.empty()) static_cast<void>(Schedule::parse(spec.schedule, zone));
    } catch (const Error& error) {
      const auto at = child_pointer(pointer(part), spec.name);
      problem(where(loaded_, settings_, at), dotted_path(at) + ": " + error.message(), at);
    }
  }

  void override_limits() {
    const auto& given = settings_.limits;
    auto& limits = entry_.limits;
    limits.memory_bytes = given.memory_bytes.value_or(limits.memory_bytes);
    limits.file_bytes = given.file_bytes.value_or(limits.file_bytes);
    limits.files = given.files.value_or(limits.files);
    limits.cpu = given.cpu.value_or(limits.cpu);
    entry_.writes.most = given.mutations.value_or(entry_.writes.most);
    entry_.writes.dry_run = settings_.dry_run || loaded_.config.dry_run;
  }

  void check_config() {
    try {
      const JsonSchema schema(entry_.manifest->config_schema, "config_schema");
      Json config = schema.with_defaults(settings_.config);
      walk_schema(config, schema.json(), [&](Json& part, const Json& rule) {
        if (part.is_string() && rule.value("format", Json()) == "path")
          part = expanded(part.get<std::string>(), paths_);
      });
      for (const auto& violation : schema.validate(config)) {
        const auto at = pointer("config") + violation.pointer;
        problem(loaded_.config_position(entry_.id, violation.pointer, violation.at_key),
                dotted_path(at) + " " + to_text(violation), at);
      }
      entry_.config = std::move(config);
    } catch (const Error& error) {
      problem(settings_.where, error.message());
    }
  }

  // The paths among the grants: put in full, and such that a worker's cage will take them.
  void check_files() {
    if (!paths_) return;
    const auto forbidden = forbidden_paths(*paths_, loaded_.config);
    for (const char* grant : {"fs.read", "fs.write"}) {
      const auto found = settings_.grants.find(grant);
      if (found == settings_.grants.end()) continue;
      const auto at = child_pointer(pointer("grants"), grant);
      for (const auto& path : found->second) {
        try {
          check_file(expanded(path, paths_), forbidden);
        } catch (const Error& error) {
          problem(where(loaded_, settings_, at), dotted_path(at) + ": " + error.what(), at);
        }
      }
    }
  }

  void check_file(const std::string& path, const Forbidden& forbidden) {
    check_grantable(path, forbidden);
    if (!std::filesystem::exists(path)) entry_.notes.push_back("granted, but not there: " + path);
  }

  void grant() {
    auto values = settings_.grants;
    for (auto& [name, globs] : values)
      if (name.starts_with("fs."))
        for (auto& glob : globs) glob = expanded(glob, paths_);
    entry_.grants = Grants(std::move(values));
    std::vector<const Need*> missing;
    for (const auto& need : entry_.manifest->needs) {
      if (need.required && !entry_.grants.has(need.grant)) missing.push_back(&need);
    }
    note_dry_run();
    note_reserved();
    if (missing.empty()) {
      entry_.state = PluginState::ready;
      return;
    }
    entry_.state = PluginState::not_granted;
    entry_.code = Refusal::not_granted;
    for (const auto* need : missing)
      entry_.reason +=
          (entry_.reason.empty() ? "needs " : ", and ") + need->grant + " " + need->why;
    entry_.fix = "Put under plugins: " + entry_.id + ": in host.yaml" +
                 (settings_.where.empty() ? "" : " (" + settings_.where + ")") + ": " +
                 grants_line(missing);
  }

  void note_dry_run() {
    if (entry_.writes.dry_run)
      entry_.notes.push_back(std::string("dry run: what it writes is not sent; see dry_run ") +
                             (settings_.dry_run ? "of the plugin" : "of the host") +
                             " in host.yaml");
  }

  // What may be asked for and granted, and nothing serves yet.
  void note_reserved() {
    note_routes();
    for (const auto& task : entry_.tasks) note_events(task.spec);
  }

  void note_routes() {
    const auto& routes = loaded_.config.model.routes;
    for (const auto& glob : entry_.grants.values("model"))
      if (std::none_of(routes.begin(), routes.end(),
                       [&](const auto& route) { return glob_matches(glob, route.first); }))
        entry_.notes.push_back("granted model: \"" + glob +
                               "\", and host.yaml has no such route under model.routes");
  }

  void note_events(const TaskSpec& task) {
    const auto& known = event_kinds();
    for (const auto& event : task.events)
      if (std::find(known.begin(), known.end(), event) == known.end())
        entry_.notes.push_back("task \"" + task.name + "\" asks for the event \"" + event +
                               "\", which this version does not know");
    if (!task.events.empty() && loaded_.config.webhooks.listen.empty())
      entry_.notes.push_back("task \"" + task.name +
                             "\" asks for events; without webhooks.listen in host.yaml only its "
                             "schedule starts it");
  }

  static std::string example(const std::string& grant) {
    if (grant.starts_with("gitea.")) return "OWNER/NAME";
    if (grant == "http") return "HOST:PORT";
    if (grant == "http.credential") return "NAME@HOST:PORT";
    if (grant.starts_with("fs.")) return "/PATH";
    return "NAME";
  }

  // A host's grants replace the default's as a whole, so the line has those that there are too.
  std::string grants_line(const std::vector<const Need*>& missing) const {
    std::string line;
    const auto add = [&](const std::string& grant, const std::vector<std::string>& globs) {
      line += (line.empty() ? "" : ", ") + grant + ": [";
      for (std::size_t i = 0; i < globs.size(); ++i)
        line += (i == 0 ? "" : ", ") + to_text(Json(globs[i]));
      line += "]";
    };
    for (const auto& [grant, globs] : settings_.grants)
      if (!globs.empty()) add(grant, globs);
    for (const auto* need : missing)
      add(need->grant, need->values.empty() ? std::vector{example(need->grant)} : need->values);
    return "grants: { " + line + " }";
  }

  PluginEntry& entry_;
  const LoadedConfig& loaded_;
  const PluginSettings& settings_;
  const Paths* paths_;
};

}  // namespace

void admit(PluginEntry& entry, const LoadedConfig& config, const Paths* paths) {
  for (const auto& spec : entry.manifest->tasks) entry.tasks.push_back({.spec = spec});
  entry.limits = entry.manifest->limits;
  const auto settings = config.config.plugins.find(entry.id);
  if (settings == config.config.plugins.end() || !settings->second.enabled) {
    entry.state = PluginState::disabled;
    entry.code = Refusal::disabled;
    entry.reason = "not enabled on this host";
    entry.fix = "Put into host.yaml: plugins: { " + entry.id + ": { enabled: true } }";
    return;
  }
  Admission(entry, config, settings->second, paths).run();
}

}  // namespace host
