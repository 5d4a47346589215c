// SPDX-License-Identifier: Apache-2.0
#include "cli/plugin_text.hpp"

#include <ostream>

#include "base/clock.hpp"
#include "cli/table.hpp"
#include "config/size.hpp"

namespace host::cli {
namespace {

// Schemas refer to themselves; what is deeper than this is left to the reader of --json.
constexpr int kDeepest = 4;

void line(std::ostream& out, const std::string& label, const std::string& value) {
  if (!value.empty()) out << "  " << label << ": " << printable(value, true) << '\n';
}

std::string joined(const Json& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + text.get<std::string>();
  return all;
}

// "by the host, on each call".
std::string enforcement(const Json& row) {
  const Json in_force = row.value("in_force", Json());
  if (!in_force.is_boolean()) return "whether it is enforced is not known";
  if (row.value("enforced_by", "host") != "landlock") return "enforced by the host, on each call";
  return in_force.get<bool>() ? "enforced by the kernel (Landlock)"
                              : "enforced by nobody: this machine lacks Landlock; see --doctor";
}

void print_needs(std::ostream& out, const Json& plugin) {
  const Json needs = plugin.value("needs", Json::array());
  for (const auto& need : needs) {
    const auto granted = joined(need["granted"]);
    line(out, "asks for",
         need.value("grant", "") +
             (need.value("required", true) ? " (required): " : " (optional): ") +
             need.value("why", "") + "; granted: " + (granted.empty() ? "nothing" : granted));
  }
}

void print_grants(std::ostream& out, const Json& plugin) {
  const Json grants = plugin.value("in_force", Json::object());
  for (const auto& [grant, row] : grants.items())
    line(out, "granted", grant + ": " + joined(row["values"]) + "; " + enforcement(row));
}

// What a layer keeps a plugin from, whatever it was granted.
std::string_view purpose(std::string_view layer) {
  if (layer == "landlock") return "no file but what is granted";
  if (layer == "seccomp") return "no exec, process, socket, ptrace, or signal to others";
  return "";
}

// "landlock ABI 2 (no file but what is granted)", or with the reason where it is not in force. What
// the limits were that the probe had is no news: each plugin has its own.
std::string layer_text(const Json& layer) {
  const auto name = layer.value("name", ""), detail = layer.value("detail", "");
  std::string text = name;
  if (layer["in_force"] != true) return detail.empty() ? text : text + " (" + detail + ")";
  if (name == "landlock" && !detail.empty()) text += " " + detail;
  if (const auto why = purpose(name); !why.empty()) text += " (" + std::string(why) + ")";
  return text;
}

// The layers that are in force, or those that are not, with a "; " between them.
std::string layers_text(const Json& cage, bool in_force) {
  std::string text;
  for (const auto& layer : cage)
    if (layer["in_force"] == in_force) text += (text.empty() ? "" : "; ") + layer_text(layer);
  return text;
}

void print_limits(std::ostream& out, const Json& plugin) {
  const auto limits = plugin.find("limits");
  if (limits == plugin.end()) return;
  const auto cpu = std::chrono::milliseconds(limits->value("cpu_ms", 0));
  line(out, "limits",
       "memory " + format_size(limits->value("memory_bytes", std::uint64_t{0})) + ", file_size " +
           format_size(limits->value("file_bytes", std::uint64_t{0})) + ", files " +
           std::to_string(limits->value("files", 0)) +
           (cpu.count() > 0 ? ", cpu " + format_duration(cpu) : ""));
}

// The keys of a config, one row each, maps in maps as "model.url".
class ConfigKeys {
 public:
  explicit ConfigKeys(const Json& schema) : root_(schema) { add(schema, "", 0); }
  void print(std::ostream& out) const {
    if (table_.empty()) return;
    out << "  config takes:\n";
    table_.print(out, "    ");
  }

 private:
  // The schema itself, or what its $ref leads to.
  [[nodiscard]] const Json& resolved(const Json& schema) const {
    static const Json anything = Json::object();
    if (!schema.is_object()) return anything;  // `true`
    const auto ref = schema.value("$ref", "");
    if (!ref.starts_with("#/")) return schema;
    const Json::json_pointer pointer(ref.substr(1));
    return root_.contains(pointer) ? root_.at(pointer) : schema;
  }

  void add(const Json& given, const std::string& above, int depth) {
    const Json& schema = resolved(given);
    const Json properties = schema.value("properties", Json::object());
    const Json required = schema.value("required", Json::array());
    for (const auto& [key, property] : properties.items()) {
      const std::string name = above + key;
      const bool needed = std::find(required.begin(), required.end(), key) != required.end();
      const Json& target = resolved(property);
      const bool map = target.contains("properties");
      if (!map) add_row(name, property, target, needed);
      if (depth >= kDeepest) continue;
      if (map) add(target, name + ".", depth + 1);
      if (const auto items = target.find("items"); items != target.end() && items->is_object())
        add(*items, name + "[].", depth + 1);
    }
  }

  void add_row(const std::string& name, const Json& property, const Json& target, bool needed) {
    const auto of = [&](const char* key) {
      if (property.is_object() && property.contains(key)) return property[key];
      return target.value(key, Json());
    };
    const Json type = of("type"), fallback = of("default"), description = of("description");
    table_.add({name, type.is_string() ? type.get<std::string>() : "any",
                needed               ? "required"
                : fallback.is_null() ? "-"
                                     : to_text(fallback),
                description.is_string() ? description.get<std::string>() : ""});
  }

  const Json& root_;
  Table table_{{"KEY", "TYPE", "DEFAULT", ""}};
};

}  // namespace

void print_layers(std::ostream& out, const Json& cage) {
  if (cage.empty()) return;
  const auto has = [&](std::string_view name) {
    return std::any_of(cage.begin(), cage.end(), [&](const Json& layer) {
      return layer["name"] == name && layer["in_force"] == true;
    });
  };
  out << "\nHeld to their grants by the host, on each call; to granted files by "
      << (has("landlock") ? "Landlock" : "NOBODY here")
      << "; without processes, sockets and signals by "
      << (has("seccomp") ? "seccomp" : "NOBODY here") << ".\n";
  if (const auto lacking = layers_text(cage, false); !lacking.empty())
    out << "  Not in force: " << printable(lacking) << '\n';
}

void print_plugin(std::ostream& out, const Json& plugin, const Json& cage) {
  out << printable(plugin.value("id", "")) << ' ' << printable(plugin.value("version", "")) << "  "
      << plugin.value("state", "") << '\n';
  line(out, "description", plugin.value("description", ""));
  line(out, "why", plugin.value("reason", ""));
  line(out, "code", plugin.value("code", ""));
  line(out, "to do", plugin.value("fix", ""));
  line(out, "license", plugin.value("license", ""));
  line(out, "path", plugin.value("path", ""));
  line(out, "enabled by", plugin.value("enabled_at", ""));
  line(out, "sha256", plugin.value("sha256", ""));
  line(out, "signed by", plugin.value("signed_by", ""));
  if (const auto abi = plugin.find("abi"); abi != plugin.end() && abi->is_object())
    line(out, "abi",
         to_text((*abi)["major"]) + "." + to_text((*abi)["minor"]) + ", works from " +
             to_text((*abi)["major"]) + "." + to_text((*abi)["minimum"]));
  line(out, "tasks", joined(plugin.value("tasks", Json::array())));
  const Json events = plugin.value("events", Json::object());
  for (const auto& [task, kinds] : events.items()) line(out, "events of " + task, joined(kinds));
  const Json notes = plugin.value("notes", Json::array());
  for (const auto& note : notes) line(out, "note", note.get<std::string>());
  print_needs(out, plugin);
  print_grants(out, plugin);
  line(out, "caged by", layers_text(cage, true));
  line(out, "not caged by", layers_text(cage, false));
  print_limits(out, plugin);
  const Json schema = plugin.value("config_schema", Json::object());
  ConfigKeys(schema).print(out);
  if (plugin.value("state", "") == "ready")
    line(out, "config in force", to_text(plugin.value("config", Json::object())));
}

}  // namespace host::cli
