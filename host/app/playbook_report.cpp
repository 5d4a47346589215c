// SPDX-License-Identifier: Apache-2.0
#include "app/playbook_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/dispatch_rules.hpp"
#include "app/forge_visit.hpp"
#include "app/offline.hpp"
#include "base/error.hpp"
#include "config/json_schema.hpp"
#include "dispatch/playbook_folder.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;
using dispatch::PlaybookFile;
using dispatch::PlaybookSet;

struct Loaded {
  HostConfig config;
  PlaybookSet set;
  std::vector<Problem> missing;
};

Loaded load(const ForgeAsker& asker) {
  auto config = load_or_default(asker.config, asker.host_name, asker.paths).config;
  auto [set, missing] = find_playbooks(config, asker.paths);
  return {std::move(config), std::move(set), std::move(missing)};
}

Json warnings_json(const Loaded& loaded) {
  Json warnings = loaded.set.warnings;
  for (const auto& problem : loaded.missing)
    warnings.push_back(problem.where + ": " + problem.message);
  return warnings;
}

std::string state_of(const PlaybookFile& file, const PlaybookSettings& settings) {
  return !file.usable() ? "refused" : settings.enabled ? "on" : "off";
}

Json problems_json(const std::vector<Problem>& problems) {
  Json rows = Json::array();
  for (const auto& problem : problems)
    rows.push_back(
        {{"where", problem.where}, {"pointer", problem.pointer}, {"message", problem.message}});
  return rows;
}

Json agent_json(const dispatch::AgentSettings& agent) {
  Json json = Json::object();
  if (agent.kind) json["kind"] = dispatch::name(*agent.kind);
  const auto put = [&](const char* key, const std::string& value) {
    if (!value.empty()) json[key] = value;
  };
  put("program", agent.program);
  put("model", agent.model);
  put("route", agent.route);
  put("prompt_by", agent.prompt_by);
  if (agent.toolsets) json["toolsets"] = *agent.toolsets;
  if (agent.arguments) json["arguments"] = *agent.arguments;
  return json;
}

Json row_json(const PlaybookFile& file, const PlaybookSettings& settings) {
  Json row{{"name", file.name},
           {"state", state_of(file, settings)},
           {"file", file.path.string()},
           {"shadowed", Json::array()},
           {"problems", problems_json(file.problems)}};
  for (const auto& path : file.shadowed) row["shadowed"].push_back(path.string());
  if (!file.playbook) return row;
  const auto& playbook = *file.playbook;
  row["lane"] = playbook.lane;
  row["priority"] = playbook.priority;
  row["description"] = playbook.description;
  row["report"] = playbook.settings.at("report").at("kind");
  row["repositories"] =
      settings.repositories.empty() ? playbook.matching.repositories : settings.repositories;
  row["labels"] = playbook.settings.at("matching").at("labels");
  return row;
}

Json lanes_json(const dispatch::LanesFile& file) {
  Json rows = Json::array();
  if (file.lanes)
    for (const auto& [name, lane] : file.lanes->by_name)
      rows.push_back({{"name", name},
                      {"description", lane.description},
                      {"agent", agent_json(lane.agent)},
                      {"concurrency", lane.concurrency},
                      {"labels", lane.labels},
                      {"paths", lane.paths},
                      {"budget", file.lanes->settings.at("lanes").at(name).at("budget")}});
  return {{"file", file.path.string()},
          {"problems", problems_json(file.problems)},
          {"lanes", std::move(rows)}};
}

// Each leaf with where it stands; the prompt, which is long, by itself.
void add_leaves(const Document& document, const Json& value, const std::string& pointer,
                Json& rows) {
  if (pointer == "/prompt") return;
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, child] : value.items())
      add_leaves(document, child, child_pointer(pointer, key), rows);
    return;
  }
  rows.push_back({{"key", dotted_path(pointer)},
                  {"value", value},
                  {"from", document.has(pointer) ? document.position(pointer) : ""}});
}

// `problems` are those of host.yaml.
Json check_json(const PlaybookSet& set, bool with_lanes, std::vector<Problem> problems) {
  Json checked = Json::array();
  const auto take = [&](const fs::path& file, const std::vector<Problem>& found) {
    if (!file.empty()) checked.push_back(file.string());
    problems.insert(problems.end(), found.begin(), found.end());
  };
  if (with_lanes) take(set.lanes.path, set.lanes.problems);
  for (const auto& file : set.files) take(file.path, file.problems);
  return {{"ok", problems.empty()},
          {"errors", problems_json(problems)},
          {"warnings", set.warnings},
          {"checked", std::move(checked)}};
}

const PlaybookFile& named(const PlaybookSet& set, const std::string& name) {
  if (const auto* file = set.find(name)) return *file;
  throw Error(Code::not_found,
              "there is no playbook \"" + name + "\"" + nearest_playbook(name, set),
              "See what there is: timmy-host playbooks list.");
}

}  // namespace

Json playbooks_report(const ForgeAsker& asker) {
  const auto loaded = load(asker);
  Json rows = Json::array();
  for (const auto& file : loaded.set.files)
    rows.push_back(row_json(file, settings_of(loaded.config, file.name)));
  return {{"playbooks", std::move(rows)},
          {"lanes", lanes_json(loaded.set.lanes)},
          {"warnings", warnings_json(loaded)}};
}

Json playbooks_check(const ForgeAsker& asker, const std::vector<fs::path>& files) {
  if (files.empty()) {
    const auto loaded = load(asker);
    return check_json(loaded.set, true, loaded.missing);
  }
  const bool has_lanes = std::any_of(files.begin(), files.end(), [](const fs::path& file) {
    return file.filename() == dispatch::kLanesFile;
  });
  const auto lanes = has_lanes ? dispatch::LanesFile{} : load(asker).set.lanes;
  return check_json(dispatch::check_playbooks(files, lanes), has_lanes, {});
}

Json playbook_report(const ForgeAsker& asker, const std::string& name) {
  const auto loaded = load(asker);
  const auto& file = named(loaded.set, name);
  const auto& settings = settings_of(loaded.config, name);
  Json report = row_json(file, settings);
  if (!file.playbook) return report;
  const auto& playbook = *file.playbook;
  report["settings"] = Json::array();
  add_leaves(playbook.document, playbook.settings, "", report["settings"]);
  report["prompt"] = playbook.prompt.text();
  report["rules"] = dispatch::gate_rules(playbook);
  if (const auto& lanes = loaded.set.lanes.lanes)
    if (const auto* lane = lanes->find(playbook.lane))
      report["agent"] = agent_json(laid_over(lane->agent, playbook.agent));
  return report;
}

Json explain_playbooks(const ForgeAsker& asker, const dispatch::ItemFacts& facts) {
  const auto loaded = load(asker);
  std::vector<dispatch::OfferedPlaybook> offered;
  Json verdicts = Json::array();
  for (const auto& file : loaded.set.files) {
    const auto& settings = settings_of(loaded.config, file.name);
    if (file.usable())
      offered.push_back({&*file.playbook, settings.enabled, settings.repositories});
  }
  Json chosen;
  const auto lanes = loaded.set.lanes.lanes.value_or(dispatch::Lanes{});
  for (const auto& verdict : choose_playbook(facts, offered, lanes)) {
    if (verdict.kind == dispatch::PlaybookVerdict::Kind::chosen) chosen = verdict.playbook;
    verdicts.push_back({{"playbook", verdict.playbook},
                        {"verdict", dispatch::name(verdict.kind)},
                        {"reasons", verdict.reasons},
                        {"lane", verdict.lane}});
  }
  for (const auto& file : loaded.set.files)
    if (!file.usable())
      verdicts.push_back({{"playbook", file.name},
                          {"verdict", "refused"},
                          {"reasons", Json::array({"see timmy-host playbooks check"})},
                          {"lane", ""}});
  return {{"item", to_json(facts)},
          {"verdicts", std::move(verdicts)},
          {"chosen", std::move(chosen)},
          {"warnings", warnings_json(loaded)}};
}

dispatch::ItemFacts facts_of_item(const ForgeAsker& asker, const std::string& repo,
                                  std::int64_t number) {
  ForgeVisit visit(visit_options(asker));
  const auto name = parse_repo_name(repo);
  const auto issue = visit
                         .wait<Result<Issue>>([&](auto reply) {
                           visit.gitea().get_issue(name, number, std::move(reply));
                         })
                         .value();
  // A token that may not ask is no reason to say nothing.
  const auto user =
      visit.wait<Result<User>>([&](auto reply) { visit.gitea().whoami(std::move(reply)); });
  dispatch::ItemFacts facts{.repository = name.full(),
                            .number = issue.number,
                            .title = issue.title,
                            .author = issue.user,
                            .open = issue.state == "open",
                            .assignees = issue.assignees,
                            .is_pull = issue.is_pull,
                            .own_login = user ? user.value().login : ""};
  for (const auto& label : issue.labels) facts.labels.push_back(label.name);
  return facts;
}

}  // namespace host
