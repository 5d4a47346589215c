// SPDX-License-Identifier: Apache-2.0
#include "config/settings_read.hpp"

#include <algorithm>
#include <cctype>

#include "config/size.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;

// `base` may be relative itself: a file named on the command line.
fs::path resolve(const Json& text, const Paths& paths, const fs::path& base) {
  return fs::absolute(base / expand_home(text.get<std::string>(), paths)).lexically_normal();
}

GiteaSettings read_gitea(const Json& gitea, const Paths& paths, const fs::path& secrets) {
  GiteaSettings result;
  result.url = gitea.value("url", "");
  while (result.url.ends_with('/')) result.url.pop_back();
  result.allow_plaintext = gitea.at("allow_plaintext");
  if (gitea.contains("token_file")) {
    result.token_files = {resolve(gitea["token_file"], paths, secrets)};
    return result;
  }
  if (paths.credentials) result.token_files.push_back(*paths.credentials / "gitea_token");
  result.token_files.push_back(paths.hermes_home / "gitea_token");
  result.token_files.push_back(paths.hermes_home / "gitea_token_vps");
  if (!paths.home.empty()) result.token_files.push_back(paths.home / ".config/gitea/token");
  return result;
}

PluginLimits read_limits(const Json& limits) {
  PluginLimits result;
  if (limits.contains("memory"))
    result.memory_bytes = parse_size(limits["memory"].get<std::string>());
  if (limits.contains("file_size"))
    result.file_bytes = parse_size(limits["file_size"].get<std::string>());
  if (limits.contains("files")) result.files = limits["files"].get<int>();
  if (limits.contains("cpu")) result.cpu = parse_duration(limits["cpu"].get<std::string>());
  if (limits.contains("mutations")) result.mutations = limits["mutations"].get<int>();
  return result;
}

QueueSettings read_queue(const Json& queue) {
  const auto duration = [](const Json& text) { return parse_duration(text.get<std::string>()); };
  const Json& retention = queue.at("retention");
  return {.concurrency = queue.at("concurrency"),
          .shutdown_grace = duration(queue.at("shutdown_grace")),
          .keep_completed = duration(retention.at("completed")),
          .keep_cancelled = duration(retention.at("cancelled")),
          .keep_discarded = duration(retention.at("discarded")),
          .queues = {}};
}

TrustSettings read_trust(const Json& trust) {
  TrustSettings result;
  for (const auto& [name, key] : trust.at("keys").items())
    result.keys.emplace(name, Ed25519Key::parse(key.get<std::string>()));
  result.require_signature = trust.at("require_signature");
  return result;
}

WebhookSettings read_webhooks(const Json& webhooks, const Paths& paths, const fs::path& secrets) {
  WebhookSettings result;
  result.listen = webhooks.value("listen", "");
  for (const Json& file : webhooks.at("secret_files"))
    result.secret_files.push_back(resolve(file, paths, secrets));
  return result;
}

ModelRouteSettings read_route(const std::string& name, const Json& route) {
  ModelRouteSettings result;
  result.url = route.at("url");
  while (result.url.ends_with('/')) result.url.pop_back();
  result.provider = route.value("provider", name);
  result.credential = route.value("credential", "");
  route.at("models").get_to(result.models);
  result.max_output = route.at("max_output");
  result.bytes_per_token = route.at("bytes_per_token");
  return result;
}

ModelSettings read_model(const Json& model) {
  ModelSettings result;
  result.listen = model.at("listen");
  for (const auto& [name, route] : model.at("routes").items())
    result.routes[name] = read_route(name, route);
  model.at("banned").at("providers").get_to(result.banned_providers);
  model.at("banned").at("models").get_to(result.banned_models);
  return result;
}

PluginSettings read_plugin(const Json& plugin) {
  PluginSettings result;
  result.enabled = plugin.at("enabled");
  result.sha256 = plugin.value("sha256", "");
  std::transform(result.sha256.begin(), result.sha256.end(), result.sha256.begin(),
                 [](unsigned char digit) { return static_cast<char>(std::tolower(digit)); });
  for (const auto& [task, text] : plugin.at("schedule").items())
    result.schedule[task] = text == "never" ? "" : text.get<std::string>();
  plugin.at("zone").get_to(result.zone);
  plugin.at("catch_up").get_to(result.catch_up);
  plugin.at("jitter").get_to(result.jitter);
  plugin.at("queue").get_to(result.queue);
  plugin.at("rate").get_to(result.rate);
  result.config = plugin.at("config");
  plugin.at("grants").get_to(result.grants);
  result.limits = read_limits(plugin.at("limits"));
  result.dry_run = plugin.at("dry_run");
  result.pipeline = plugin.value("pipeline", "");
  return result;
}

}  // namespace

void read_settings(const Json& settings, const Paths& paths, const fs::path& base,
                   HostConfig& config) {
  const fs::path secrets = paths.credentials.value_or(base);
  config.gitea = read_gitea(settings.at("gitea"), paths, secrets);
  config.dry_run = settings.at("dry_run");
  config.log.level = parse_level(settings.at("log").at("level").get<std::string>());
  config.queue = read_queue(settings.at("queue"));
  for (const auto& [name, queue] : settings.at("queues").items())
    config.queue.queues[name] = queue.at("concurrency");
  config.workers.max = settings.at("workers").at("max");
  config.trust = read_trust(settings.at("trust"));
  config.webhooks = read_webhooks(settings.at("webhooks"), paths, secrets);
  config.model = read_model(settings.at("model"));
  for (const Json& path : settings.at("plugin_dirs"))
    config.plugin_dirs.push_back(resolve(path, paths, base));
  for (const auto& [name, path] : settings.at("credentials").items())
    config.credentials[name] = resolve(path, paths, secrets);
  for (const auto& [id, plugin] : settings.at("plugins").items())
    config.plugins[id] = read_plugin(plugin);
  for (const Json& path : settings.at("playbook_dirs"))
    config.playbook_dirs.push_back(resolve(path, paths, base));
  config.runs = {.most = settings.at("runs").at("most"),
                 .bytes = parse_size(settings.at("runs").at("size").get<std::string>())};
  config.clones = {.most = settings.at("clones").at("most"),
                   .bytes = parse_size(settings.at("clones").at("size").get<std::string>())};
  for (const auto& [name, playbook] : settings.at("playbooks").items())
    config.playbooks[name] = {.enabled = playbook.at("enabled"),
                              .repositories = playbook.at("repositories"),
                              .where = {}};
}

}  // namespace host
