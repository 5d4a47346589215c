// SPDX-License-Identifier: Apache-2.0
#include "config/host_config.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "config/json_schema.hpp"
#include "config/settings.hpp"
#include "config/settings_check.hpp"
#include "config/settings_read.hpp"

namespace host {
namespace {

const Json& schema_json() {
  static const Json json = parse_json(host_schema_text(), "host.schema.json");
  return json;
}

// The schema of the whole file.
const JsonSchema& file_schema() {
  static const JsonSchema schema(schema_json(), "host.schema.json");
  return schema;
}

// The schema of one host's settings.
const JsonSchema& settings_schema() {
  static const JsonSchema schema(
      Json{{"$ref", "#/$defs/settings"}, {"$defs", schema_json().at("$defs")}}, "host.schema.json");
  return schema;
}

std::string machine_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0)
    throw system_error("read this machine's host name");
  return name;
}

std::string summary(const std::vector<Problem>& problems) {
  std::string text;
  if (problems.size() > 1) text = fmt::format("{} problems in the configuration", problems.size());
  for (const Problem& problem : problems) {
    if (!text.empty()) text += '\n';
    text += problem.where + ": " + problem.message;
  }
  return text;
}

// Takes the file apart: checks all of it, merges what concerns this host.
class Reader {
 public:
  Reader(Document document, const Paths& paths, const Environment& environment)
      : document_(std::move(document)), paths_(paths), environment_(environment) {}

  LoadedConfig read(const std::string& host_name) {
    check_file();
    if (problems_.empty()) {
      choose_entry(host_name);
      check_gitea();
      check_webhooks();
      check_routes();
      check_trust();
    }
    if (!problems_.empty()) throw ConfigError(sorted());
    return assemble();
  }

 private:
  struct Found {
    Position at;
    Problem problem;
  };

  void complain(const std::string& pointer, const std::string& message, bool at_key = false) {
    const Document::Place& place = document_.place(pointer);
    const std::string where =
        at_key ? document_.key_position(pointer) : document_.position(pointer);
    problems_.push_back(
        {at_key ? place.key : place.value, {where, pointer, dotted_path(pointer) + message}});
  }

  std::vector<Problem> sorted() {
    std::stable_sort(problems_.begin(), problems_.end(), [](const Found& a, const Found& b) {
      return std::pair(a.at.line, a.at.column) < std::pair(b.at.line, b.at.column);
    });
    std::vector<Problem> result;
    std::set<std::pair<std::string, std::string>> seen;
    for (Found& found : problems_)
      if (seen.emplace(found.problem.where, found.problem.message).second)
        result.push_back(std::move(found.problem));
    return result;
  }

  void check_file() {
    const Json& file = document_.value();
    if (file.is_null())
      return complain("",
                      " is empty, expected a map with `defaults` or `hosts` "
                      "(write `defaults: {}` for a host that runs nothing)");
    std::set<std::string> refused;
    for (const Violation& violation : file_schema().validate(file)) {
      complain(violation.pointer, " " + to_text(violation), violation.at_key);
      refused.insert(violation.pointer);
    }
    const auto check = [&](const Json& settings, const std::string& base) {
      check_settings(settings, paths_, [&](const std::string& pointer, const std::string& message) {
        if (!refused.contains(base + pointer)) complain(base + pointer, ": " + message);
      });
    };
    if (!file.is_object()) return;
    if (file.contains("defaults")) check(file["defaults"], "/defaults");
    if (file.contains("hosts") && file["hosts"].is_object())
      for (const auto& [name, settings] : file["hosts"].items())
        check(settings, child_pointer("/hosts", name));
  }

  [[nodiscard]] Json section(const std::string& pointer) const {
    return document_.has(pointer) ? document_.value().at(Json::json_pointer(pointer))
                                  : Json::object();
  }

  [[nodiscard]] std::vector<std::string> entry_names() const {
    std::vector<std::string> names;
    const Json hosts = section("/hosts");
    for (const auto& entry : hosts.items()) names.push_back(entry.key());
    return names;
  }

  void choose_entry(const std::string& host_name) {
    const std::string full = host_name.empty() ? machine_name() : host_name;
    const std::string brief = full.substr(0, full.find('.'));
    config_.host_name = full;
    for (const std::string& name : {brief, full}) {
      if (!document_.has(child_pointer("/hosts", name))) continue;
      if (config_.has_own_entry && name != config_.host_name)
        warnings_.push_back(fmt::format("{}: entry \"{}\" is not used: \"{}\" comes first",
                                        document_.key_position(child_pointer("/hosts", name)), name,
                                        config_.host_name));
      if (config_.has_own_entry) continue;
      config_.has_own_entry = true;
      config_.host_name = name;
      entry_ = child_pointer("/hosts", name);
    }
    // A file without `hosts` means all of them.
    if (!config_.has_own_entry && document_.has("/hosts")) {
      const std::string near = nearest(brief, entry_names());
      warnings_.push_back(fmt::format(
          "{}: host \"{}\" has no entry under `hosts` and runs the "
          "defaults{}",
          document_.file(), full, near.empty() ? "" : "; did you mean \"" + near + "\"?"));
    }
  }

  // The file's layers for the entry at this pointer ("" for none).
  [[nodiscard]] Layers layers(const std::string& entry) const {
    Layers result;
    const auto lay = [&](const std::string& base, Effective::Origin origin) {
      result.lay(section(base), origin,
                 [&](const std::string& leaf) { return document_.position(base + leaf); });
    };
    lay("/defaults", Effective::Origin::defaults);
    if (!entry.empty()) lay(entry, Effective::Origin::host);
    return result;
  }

  // Of this host ("" without one), then of the others.
  [[nodiscard]] std::vector<std::string> entries() const {
    std::vector<std::string> all = {entry_};
    for (const std::string& name : entry_names())
      if (child_pointer("/hosts", name) != entry_) all.push_back(child_pointer("/hosts", name));
    return all;
  }

  // Without a secret anybody could start jobs.
  void check_webhooks() {
    for (const std::string& entry : entries()) {
      const Json webhooks = layers(entry).settings().value("webhooks", Json::object());
      if (!webhooks.contains("listen") || !webhooks.value("secret_files", Json()).empty()) continue;
      const std::string own = entry + "/webhooks/listen";
      complain(!entry.empty() && document_.has(own) ? own : "/defaults/webhooks/listen",
               " is set without `webhooks.secret_files`, expected the file with the hook's secret "
               "beside it");
    }
  }

  // A route that names a key which nobody has would fail at each call.
  void check_routes() {
    for (const std::string& entry : entries()) {
      const Json settings = layers(entry).settings();
      const Json credentials = settings.value("credentials", Json::object());
      const Json routes = settings.value("model", Json::object()).value("routes", Json::object());
      for (const auto& [name, route] : routes.items()) {
        const std::string at = child_pointer("/model/routes", name);
        const auto place = [&](const std::string& pointer) {
          return (!entry.empty() && document_.has(entry + pointer) ? entry : "/defaults") + pointer;
        };
        if (!route.contains("url"))
          complain(place(at), " has no `url`, expected the base URL of its server", true);
        const std::string key = route.value("credential", "");
        if (key.empty() || credentials.contains(key)) continue;
        std::vector<std::string> names;
        for (const auto& known : credentials.items()) names.push_back(known.key());
        const std::string meant = nearest(key, names);
        complain(place(at + "/credential"),
                 " is \"" + key + "\", expected a name under `credentials`" +
                     (meant.empty() ? "" : "; did you mean \"" + meant + "\"?"));
      }
    }
  }

  // Whether the token would be readable on the way: for this host and for every other entry.
  void check_gitea() {
    const auto given = environment_.get("GITEA_URL");
    for (const std::string& entry : entries()) {
      const Json gitea = layers(entry).settings().value("gitea", Json::object());
      const bool own = entry == entry_;
      const std::string url = own && given ? *given : gitea.value("url", "");
      if (url.empty() || gitea.value("allow_plaintext", false)) continue;
      if (own && given) {
        if (const auto fault = url_fault(url))
          problems_.push_back({{}, {"$GITEA_URL", "", *fault}});
        else if (is_plaintext_beyond_loopback(url))
          problems_.push_back({{}, {"$GITEA_URL", "", "the URL" + std::string(kPlaintext)}});
      } else if (is_plaintext_beyond_loopback(url)) {
        const std::string own_url = entry + "/gitea/url";
        complain(!entry.empty() && document_.has(own_url) ? own_url : "/defaults/gitea/url",
                 kPlaintext);
      }
    }
  }

  // No problem but a warning: to take the last key away is to stop all plugins, and that must not
  // fail because nothing is left to run.
  void check_trust() {
    const Json trust = layers(entry_).settings().value("trust", Json::object());
    if (!trust.value("require_signature", false) || !trust.value("keys", Json()).empty()) return;
    const std::string pointer = "/trust/require_signature";
    const bool own = !entry_.empty() && document_.has(entry_ + pointer);
    warnings_.push_back(document_.position((own ? entry_ : "/defaults") + pointer) +
                        ": trust.require_signature is on and trust.keys has no key, so no plugin "
                        "runs but those of --plugin-dir");
  }

  LoadedConfig assemble() {
    Layers merged = layers(entry_);
    if (const auto url = environment_.get("GITEA_URL"))
      merged.lay(Json{{"gitea", {{"url", *url}}}}, Effective::Origin::environment,
                 [](const std::string&) { return "$GITEA_URL"; });
    LoadedConfig result;
    result.settings = settings_schema().with_defaults(merged.settings());
    result.effective = merged.explain(result.settings);
    result.entry = entry_;
    result.warnings = std::move(warnings_);
    read_settings(result.settings, paths_, std::filesystem::path(document_.file()).parent_path(),
                  config_);
    result.document = std::move(document_);
    for (auto& [id, plugin] : config_.plugins)
      plugin.where = result.position(child_pointer("/plugins", id), true);
    for (auto& [name, playbook] : config_.playbooks)
      playbook.where = result.position(child_pointer("/playbooks", name), true);
    result.config = std::move(config_);
    return result;
  }

  static constexpr const char* kPlaintext =
      " sends the token as plain http over a network, expected https "
      "(or `allow_plaintext: true` beside it)";

  Document document_;
  const Paths& paths_;
  const Environment& environment_;
  HostConfig config_;
  std::string entry_;
  std::vector<std::string> warnings_;
  std::vector<Found> problems_;
};

// A failure to read the file at all as a ConfigError. Errors of the YAML reader begin with
// "FILE:LINE:COL: "; others name the file inside.
[[noreturn]] void refuse_unread(const Error& error, const std::string& file) {
  const std::string& text = error.message();
  const std::size_t after = text.find(": ", file.size());
  const bool placed = text.starts_with(file + ":") && after != std::string::npos;
  Problem problem{placed ? text.substr(0, after) : file, "",
                  placed ? text.substr(after + 2) : text};
  throw ConfigError({std::move(problem)}, error.code(), error.next_step());
}

template <class Load>
Document load_document(const std::filesystem::path& file, Load load) {
  try {
    return load();
  } catch (const Error& error) {
    refuse_unread(error, file.string());
  }
}

}  // namespace

std::string_view name(Effective::Origin origin) noexcept {
  switch (origin) {
    case Effective::Origin::built_in: return "default";
    case Effective::Origin::defaults: return "defaults:";
    case Effective::Origin::host: return "hosts:";
    case Effective::Origin::environment: return "environment";
  }
  return "default";
}

ConfigError::ConfigError(std::vector<Problem> problems, Code code, std::string next_step)
    : Error(code, summary(problems), std::move(next_step)), problems_(std::move(problems)) {}

std::string LoadedConfig::position(std::string_view pointer, bool at_key) const {
  const auto text = [&](const std::string& full) {
    return at_key ? document.key_position(full) : document.position(full);
  };
  std::string rest(pointer);
  for (;;) {
    if (!entry.empty() && document.has(entry + rest)) return text(entry + rest);
    if (document.has("/defaults" + rest)) return text("/defaults" + rest);
    if (rest.empty()) return text("");
    rest.resize(rest.rfind('/'));
    at_key = false;
  }
}

std::string LoadedConfig::config_position(const std::string& plugin, std::string_view pointer,
                                          bool at_key) const {
  return position(child_pointer("/plugins", plugin) + "/config" + std::string(pointer), at_key);
}

LoadedConfig load_host_config(const std::filesystem::path& file, const std::string& host_name,
                              const Paths& paths, const Environment& environment) {
  return Reader(load_document(file, [&] { return load_yaml(file); }), paths, environment)
      .read(host_name);
}

LoadedConfig parse_host_config(std::string_view text, const std::filesystem::path& file,
                               const std::string& host_name, const Paths& paths,
                               const Environment& environment) {
  return Reader(load_document(file, [&] { return parse_yaml(text, file.string()); }), paths,
                environment)
      .read(host_name);
}

std::vector<std::string> grant_names() {
  std::vector<std::string> names;
  for (const auto& grant : schema_json().at("$defs").at("grants").at("properties").items())
    names.push_back(grant.key());
  return names;
}

}  // namespace host
