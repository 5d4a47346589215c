// SPDX-License-Identifier: Apache-2.0
#include "app/deadman_check.hpp"

#include <fmt/format.h>

#include <optional>
#include <set>

#include "app/dispatch_rules.hpp"
#include "app/forge_visit.hpp"
#include "config/document.hpp"
#include "deadman/hand_over.hpp"

namespace host {
namespace {

constexpr Duration kPatience = std::chrono::seconds(10);

// None where agent-lanes.json can't be used, which is told of by itself.
std::optional<std::set<std::string>> lanes_of(const HostConfig& config, const Paths& paths) {
  const auto found = find_playbooks(config, paths);
  if (!found.set.lanes.lanes && !found.set.lanes.problems.empty()) return std::nullopt;
  std::set<std::string> names;
  if (found.set.lanes.lanes)
    for (const auto& [name, lane] : found.set.lanes.lanes->by_name) names.insert(name);
  return names;
}

class Check {
 public:
  Check(const HostConfig& config, const Paths& paths, const OwnLogin& own_login)
      : config_(config), paths_(paths), own_login_(own_login) {}

  DeadmanCheck run() {
    const auto file = deadman::settings_path(paths_);
    const auto settings = deadman::load_settings(file, paths_);
    document_ = load_yaml(file);
    look_at_lanes(settings);
    look_at_work(settings);
    return std::move(check_);
  }

 private:
  void complain(const std::string& pointer, const std::string& message) {
    check_.errors.push_back({document_->position(pointer), pointer, message});
  }

  void look_at_lanes(const deadman::Settings& settings) {
    const auto lanes = lanes_of(config_, paths_);
    if (!lanes) return;
    for (const auto& watch : settings.watches)
      for (const auto& missing : deadman::missing_lanes(watch, *lanes))
        complain(fmt::format("/watch/{}/dispatch/{}", watch.name, missing.key), missing.text);
  }

  void look_at_work(const deadman::Settings& settings) {
    std::optional<Result<std::string>> own;
    for (const auto& watch : settings.watches) {
      if (watch.kind != deadman::Watch::Kind::work) continue;
      if (!own) own = own_login_();
      const auto pointer = fmt::format("/watch/{}/work/user", watch.name);
      if (!own->ok())
        check_.warnings.push_back(
            fmt::format("{}: whether watch.{}.work.user is the host's own account can't be said: "
                        "{}",
                        document_->position(pointer), watch.name, own->error().message()));
      else if (same_name(own->value(), watch.work.user))
        complain(pointer,
                 fmt::format("watch.{}.work.user is \"{}\", the host's own account: what the host "
                             "does for anybody would keep it alive; give the agent an account of "
                             "its own at the forge and name that, or watch its stamp",
                             watch.name, watch.work.user));
    }
  }

  const HostConfig& config_;
  const Paths& paths_;
  const OwnLogin& own_login_;
  std::optional<Document> document_;
  DeadmanCheck check_;
};

}  // namespace

std::vector<std::string> hand_over_shortcomings(const HostConfig& config, const Paths& paths,
                                                const deadman::Watch& watch) {
  if (!watch.dispatch) return {};
  const auto lanes = lanes_of(config, paths);
  if (!lanes)
    return {
        "its work can't go to another lane: agent-lanes.json can't be used; run: timmy-host "
        "--check-config"};
  std::vector<std::string> lines;
  for (auto& missing : deadman::missing_lanes(watch, *lanes))
    lines.push_back("its work would not go on: " + std::move(missing.text));
  if (!dispatches(config))
    lines.emplace_back(
        "its work would not go on: host.yaml turns no playbook on, so this host dispatches none");
  return lines;
}

DeadmanCheck check_deadman(const HostConfig& config, const Paths& paths,
                           const OwnLogin& own_login) {
  DeadmanCheck check;
  const auto file = deadman::settings_path(paths);
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return check;
  try {
    return Check(config, paths, own_login).run();
  } catch (const ConfigError& error) {
    check.errors = error.problems();
  } catch (const Error& error) {
    check.errors.push_back({file.string(), "", error.message() + ". " + error.next_step()});
  }
  return check;
}

Result<std::string> ask_own_login(const HostConfig& config) {
  if (config.gitea.url.empty()) return Error(Code::not_found, "host.yaml names no forge");
  return attempt([&] {
    auto options = gitea_options(config);
    options.attempts = 1;
    options.request_timeout = kPatience;
    ForgeVisit visit(options);
    return visit.wait<Result<User>>([&](Reply<User> reply) { visit.gitea().whoami(reply); })
        .value()
        .login;
  });
}

}  // namespace host
