// SPDX-License-Identifier: Apache-2.0
#include "config/host_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>

#include "base/file.hpp"
#include "base/test_folder.hpp"

namespace host {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

using Variables = std::map<std::string, std::string>;

LoadedConfig load(const std::string& text, const std::string& host = "allegro",
                  Variables variables = {}) {
  variables.emplace("HOME", "/home/op");
  const Environment environment(variables);
  return parse_host_config(text, "/etc/t/host.yaml", host, Paths::from(environment), environment);
}

std::vector<std::string> problems(const std::string& text, Variables variables = {}) {
  try {
    (void)load(text, "allegro", std::move(variables));
    return {};
  } catch (const ConfigError& error) {
    std::vector<std::string> lines;
    for (const Problem& problem : error.problems())
      lines.push_back(problem.where + ": " + problem.message);
    return lines;
  }
}

const Effective& effective(const LoadedConfig& loaded, const std::string& pointer) {
  for (const Effective& value : loaded.effective)
    if (value.pointer == pointer) return value;
  throw std::runtime_error(pointer + " is not there");
}

constexpr const char* kFleet = R"(defaults:
  gitea: { url: https://git.example.org }
  plugins:
    heartbeat: { enabled: true }
    triage:
      enabled: false
      schedule: { gitea_issue_triage: "*/10 * * * *", other: "@daily" }
      grants: { gitea.read: ["org/*"], gitea.write: ["org/app"] }
      config: { rules: [a, b], deep: { x: 1, y: 2 } }
hosts:
  allegro:
    plugins:
      triage:
        enabled: true
        schedule: { other: never }
        grants: { gitea.read: ["org/app"] }
        config: { rules: [c], deep: { y: 3 } }
      provenance: { enabled: true }
  vivace.example.org: { queue: { concurrency: 2 } }
)";

TEST(HostConfig, MergesTheHostsEntryOverTheDefaults) {
  const HostConfig config = load(kFleet).config;
  EXPECT_TRUE(config.has_own_entry);
  EXPECT_EQ(config.host_name, "allegro");
  EXPECT_EQ(config.gitea.url, "https://git.example.org");
  EXPECT_TRUE(config.plugins.at("heartbeat").enabled);
  EXPECT_TRUE(config.plugins.at("provenance").enabled);
  const PluginSettings& triage = config.plugins.at("triage");
  EXPECT_TRUE(triage.enabled);
  EXPECT_EQ(triage.schedule.at("gitea_issue_triage"), "*/10 * * * *");
  EXPECT_EQ(triage.schedule.at("other"), "");
  EXPECT_EQ(triage.config, Json::parse(R"({"rules":["c"],"deep":{"x":1,"y":3}})"));
}

TEST(HostConfig, ReplacesGrantsAsAWholeSoThatAHostCanGrantLess) {
  const auto grants = load(kFleet).config.plugins.at("triage").grants;
  EXPECT_EQ(grants, (std::map<std::string, std::vector<std::string>>{{"gitea.read", {"org/app"}}}));
  EXPECT_EQ(load(kFleet, "other").config.plugins.at("triage").grants.size(), 2U);
  EXPECT_THAT(load("defaults: {plugins: {a: {grants: {http: [x]}}}}\n"
                   "hosts: {allegro: {plugins: {a: {grants: {}}}}}")
                  .config.plugins.at("a")
                  .grants,
              IsEmpty());
}

TEST(HostConfig, MergesAConfigKeyThatHappensToBeCalledGrants) {
  EXPECT_EQ(load("defaults: {plugins: {a: {config: {grants: {x: 1}}}}}\n"
                 "hosts: {allegro: {plugins: {a: {config: {grants: {y: 2}}}}}}")
                .config.plugins.at("a")
                .config,
            Json::parse(R"({"grants":{"x":1,"y":2}})"));
}

TEST(HostConfig, LooksForTheShortNameThenTheFullOne) {
  EXPECT_EQ(load(kFleet, "allegro.example.org").config.host_name, "allegro");
  EXPECT_EQ(load(kFleet, "vivace.example.org").config.queue.concurrency, 2);
  const LoadedConfig both = load("hosts: {a: {queue: {concurrency: 1}}, a.b: {}}", "a.b");
  EXPECT_EQ(both.config.queue.concurrency, 1);
  EXPECT_THAT(both.warnings, ElementsAre(HasSubstr("\"a.b\" is not used")));
}

TEST(HostConfig, SaysThatAHostWithoutAnEntryRunsTheDefaults) {
  const LoadedConfig loaded = load(kFleet, "alegro");
  EXPECT_FALSE(loaded.config.has_own_entry);
  EXPECT_FALSE(loaded.config.plugins.at("triage").enabled);
  EXPECT_THAT(loaded.warnings, ElementsAre(AllOf(HasSubstr("\"alegro\" has no entry"),
                                                 HasSubstr("runs the defaults"),
                                                 HasSubstr("did you mean \"allegro\"?"))));
  EXPECT_THAT(load(kFleet).warnings, IsEmpty());
  EXPECT_THAT(load("defaults: {}").warnings, IsEmpty()) << "a file for one host";
}

TEST(HostConfig, TakesThisMachinesNameWhenNoneIsGiven) {
  EXPECT_FALSE(load("defaults: {}", "").config.host_name.empty());
}

TEST(HostConfig, FillsInTheDefaultsThatTheSchemaStates) {
  const HostConfig config = load("defaults: {plugins: {a: {}}}").config;
  EXPECT_EQ(config.gitea.url, "");
  EXPECT_FALSE(config.gitea.allow_plaintext);
  EXPECT_EQ(config.log.level, Level::info);
  EXPECT_EQ(config.queue.concurrency, QueueSettings{}.concurrency);
  EXPECT_EQ(config.queue.shutdown_grace, QueueSettings{}.shutdown_grace);
  EXPECT_EQ(config.workers.max, WorkerSettings{}.max);
  EXPECT_EQ(config.runs.most, RunSettings{}.most);
  EXPECT_EQ(config.runs.bytes, RunSettings{}.bytes);
  EXPECT_EQ(config.clones.most, CloneSettings{}.most);
  EXPECT_EQ(config.clones.bytes, CloneSettings{}.bytes);
  EXPECT_FALSE(config.plugins.at("a").enabled);
  EXPECT_EQ(config.plugins.at("a").config, Json::object());
  EXPECT_EQ(config.plugins.at("a").limits, PluginLimits{});
}

TEST(HostConfig, ReadsEveryKey) {
  const HostConfig config = load(R"(defaults:
  gitea: { url: "http://git.lan:3000/sub/", allow_plaintext: true, token_file: ~/tok }
  dry_run: true
  log: { level: debug }
  queue: { concurrency: 3, shutdown_grace: 1m30s, retention: { discarded: 30d } }
  queues: { models: { concurrency: 2 } }
  workers: { max: 4 }
  runs: { most: 20, size: 3GiB }
  clones: { most: 7, size: 4GiB }
  plugin_dirs: [extra, /opt/plugins, ~/p]
  credentials: { openai: secrets/openai, abs: /k }
  plugins:
    a:
      zone: { t: Europe/Vienna }
      catch_up: { t: skip }
      jitter: { t: 30s }
      queue: { t: models }
      rate: { t: 30/1h }
      limits: { memory: 1GiB, file_size: 8MiB, files: 32, cpu: 20s, mutations: 7 }
      dry_run: true
)")
                                .config;
  EXPECT_EQ(config.gitea.url, "http://git.lan:3000/sub");
  EXPECT_THAT(config.gitea.token_files, ElementsAre("/home/op/tok"));
  EXPECT_EQ(config.log.level, Level::debug);
  EXPECT_EQ(config.queue.shutdown_grace, std::chrono::seconds(90));
  EXPECT_EQ(config.workers.max, 4);
  EXPECT_EQ(config.runs.most, 20);
  EXPECT_EQ(config.runs.bytes, std::uint64_t{3} << 30);
  EXPECT_EQ(config.clones.most, 7);
  EXPECT_EQ(config.clones.bytes, std::uint64_t{4} << 30);
  EXPECT_THAT(config.plugin_dirs, ElementsAre("/etc/t/extra", "/opt/plugins", "/home/op/p"));
  EXPECT_EQ(config.credentials.at("openai"), "/etc/t/secrets/openai");
  EXPECT_EQ(config.credentials.at("abs"), "/k");
  const PluginSettings& a = config.plugins.at("a");
  EXPECT_EQ(a.zone.at("t"), "Europe/Vienna");
  EXPECT_EQ(a.catch_up.at("t"), "skip");
  EXPECT_EQ(a.jitter.at("t"), "30s");
  EXPECT_EQ(a.queue.at("t"), "models");
  EXPECT_EQ(a.rate.at("t"), "30/1h");
  EXPECT_EQ(config.queue.queues.at("models"), 2);
  EXPECT_EQ(config.queue.keep_discarded, std::chrono::hours(30 * 24));
  EXPECT_EQ(config.queue.keep_completed, std::chrono::hours(24));
  EXPECT_EQ(a.limits.memory_bytes, std::uint64_t{1} << 30);
  EXPECT_EQ(a.limits.file_bytes, std::uint64_t{8} << 20);
  EXPECT_EQ(a.limits.files, 32);
  EXPECT_EQ(a.limits.cpu, std::chrono::seconds(20));
  EXPECT_EQ(a.limits.mutations, 7);
  EXPECT_TRUE(a.dry_run);
  EXPECT_TRUE(config.dry_run);
}

TEST(HostConfig, LooksForTheTokenInTheDocumentedOrder) {
  EXPECT_THAT(load("defaults: {}").config.gitea.token_files,
              ElementsAre("/home/op/.hermes/gitea_token", "/home/op/.hermes/gitea_token_vps",
                          "/home/op/.config/gitea/token"));
  const HostConfig unit =
      load("defaults: {credentials: {k: key}}", "x", {{"CREDENTIALS_DIRECTORY", "/run/c"}}).config;
  EXPECT_EQ(unit.gitea.token_files.front(), "/run/c/gitea_token");
  EXPECT_EQ(unit.credentials.at("k"), "/run/c/key");
}

TEST(HostConfig, ReportsEveryProblemWithItsPlaceAndTheNearestKey) {
  EXPECT_THAT(
      problems(R"(defaults:
  gitae: { url: x }
  queue: { concurrency: many, shutdown_grace: 25 }
  plugins:
    triage:
      enabeld: true
      grants: { gitea.reed: ["org/*"], http: api }
      limits: { memory: 512MB }
hosts:
  vivace:
    log: { level: inof }
host: {}
)"),
      ElementsAre(
          StartsWith(
              "/etc/t/host.yaml:2:3: defaults.gitae is not a known key; did you mean \"gitea\"?"),
          "/etc/t/host.yaml:3:25: defaults.queue.concurrency is \"many\", expected a whole number "
          "from 1 to 1024",
          "/etc/t/host.yaml:3:47: defaults.queue.shutdown_grace is 25, expected text such as "
          "\"90s\"",
          "/etc/t/host.yaml:6:7: defaults.plugins.triage.enabeld is not a known key; did you mean "
          "\"enabled\"?",
          HasSubstr("host.yaml:7:17: defaults.plugins.triage.grants.gitea.reed is not a known key; "
                    "did you mean \"gitea.read\"?"),
          "/etc/t/host.yaml:7:46: defaults.plugins.triage.grants.http is \"api\", expected a list",
          HasSubstr("host.yaml:8:25: defaults.plugins.triage.limits.memory is \"512MB\", expected"),
          HasSubstr("host.yaml:11:19: hosts.vivace.log.level is \"inof\", expected one of debug, "
                    "info, warn, error; did you mean \"info\"?"),
          "/etc/t/host.yaml:12:1: host is not a known key; did you mean \"hosts\"?"));
}

TEST(HostConfig, ChecksWhatASchemaCannotSay) {
  EXPECT_THAT(problems("defaults: {queue: {shutdown_grace: 0s}}"),
              ElementsAre(HasSubstr("defaults.queue.shutdown_grace: ")));
  EXPECT_THAT(problems("defaults: {gitea: {token_file: ~root/x}}"),
              ElementsAre(HasSubstr("another user's home")));
  EXPECT_THAT(problems("defaults: {gitea: {url: \"https://me:pw@git.example.org\"}}"),
              ElementsAre(HasSubstr("user name or password")));
  EXPECT_THAT(problems("defaults: {gitea: {url: \"https://git.example.org:99999\"}}"),
              ElementsAre(HasSubstr("port \"99999\"")));
  EXPECT_THAT(problems("defaults: {gitea: {url: git.example.org}}"),
              ElementsAre(HasSubstr("expected text such as \"https://git.example.org\"")));
  EXPECT_THAT(problems("defaults: {plugins: {a: {limits: {memory: 99999999999GiB}}}}"),
              ElementsAre(HasSubstr("too large")));
  EXPECT_THAT(problems("defaults: {runs: {size: 99999999999GiB}}"),
              ElementsAre(HasSubstr("too large")));
}

TEST(HostConfig, RefusesPlaintextBeyondThisMachine) {
  for (const char* url : {"http://git.lan", "http://10.0.0.1:3000", "http://127.evil.example",
                          "http://[2001:db8::1]", "http://localhost.example"})
    EXPECT_THAT(problems("defaults: {gitea: {url: \"" + std::string(url) + "\"}}"),
                ElementsAre(AllOf(HasSubstr(":1:25: "), HasSubstr("plain http"))))
        << url;
  for (const char* url : {"http://localhost:3000", "http://127.0.0.1", "http://127.9.9.9:1",
                          "http://[::1]:3000/x", "https://git.lan"})
    EXPECT_THAT(problems("defaults: {gitea: {url: \"" + std::string(url) + "\"}}"), IsEmpty())
        << url;
  EXPECT_THAT(problems("defaults: {gitea: {url: http://git.lan, allow_plaintext: true}}"),
              IsEmpty());
  EXPECT_THAT(problems("defaults: {gitea: {url: http://git.lan, allow_plaintext: true}}\n"
                       "hosts: {vivace: {gitea: {allow_plaintext: false}}}"),
              SizeIs(1));
}

TEST(HostConfig, LetsTheEnvironmentReplaceTheUrl) {
  const LoadedConfig loaded = load(kFleet, "allegro", {{"GITEA_URL", "https://other.example/"}});
  EXPECT_EQ(loaded.config.gitea.url, "https://other.example");
  EXPECT_EQ(effective(loaded, "/gitea/url").origin, Effective::Origin::environment);
  EXPECT_EQ(effective(loaded, "/gitea/url").where, "$GITEA_URL");
  EXPECT_THAT(problems(kFleet, {{"GITEA_URL", "http://git.lan"}}),
              ElementsAre(AllOf(StartsWith("$GITEA_URL: "), HasSubstr("plain http"))));
  EXPECT_THAT(problems(kFleet, {{"GITEA_URL", "git.lan"}}),
              ElementsAre(StartsWith("$GITEA_URL: expected a URL")));
}

TEST(HostConfig, ExplainsWhereEachValueCameFrom) {
  const LoadedConfig loaded = load(kFleet);
  const auto origin = [&](const std::string& pointer) { return effective(loaded, pointer).origin; };
  EXPECT_EQ(origin("/gitea/url"), Effective::Origin::defaults);
  EXPECT_EQ(effective(loaded, "/gitea/url").where, "/etc/t/host.yaml:2:17");
  EXPECT_EQ(origin("/queue/concurrency"), Effective::Origin::built_in);
  EXPECT_EQ(origin("/plugins/triage/enabled"), Effective::Origin::host);
  EXPECT_EQ(effective(loaded, "/plugins/triage/enabled").where, "/etc/t/host.yaml:14:18");
  EXPECT_EQ(origin("/plugins/triage/config/deep/x"), Effective::Origin::defaults);
  EXPECT_EQ(origin("/plugins/triage/config/deep/y"), Effective::Origin::host);
  EXPECT_EQ(origin("/plugins/triage/config/rules"), Effective::Origin::host);
  EXPECT_EQ(origin("/plugins/triage/grants/gitea.read"), Effective::Origin::host);
  EXPECT_EQ(origin("/plugins/heartbeat/config"), Effective::Origin::built_in);
}

TEST(HostConfig, PlacesAPluginsConfigForWhoeverChecksIt) {
  const LoadedConfig loaded = load(kFleet);
  EXPECT_EQ(loaded.config_position("triage", "/rules/0"), "/etc/t/host.yaml:17:27");
  EXPECT_EQ(loaded.config_position("triage", "/deep/x"), "/etc/t/host.yaml:9:43");
  EXPECT_EQ(loaded.config_position("triage", "/missing", true), "/etc/t/host.yaml:17:17");
  EXPECT_EQ(loaded.config.plugins.at("triage").where, "/etc/t/host.yaml:13:7");
  EXPECT_EQ(loaded.config.plugins.at("heartbeat").where, "/etc/t/host.yaml:4:5");
}

TEST(HostConfig, RefusesAnEmptyFileBecauseItMayBeATornOne) {
  EXPECT_THAT(problems(""),
              ElementsAre(AllOf(StartsWith("/etc/t/host.yaml:1:1: "), HasSubstr("is empty"))));
  EXPECT_THAT(problems("[]"), ElementsAre(HasSubstr("the file is an empty list, expected a map")));
  EXPECT_THAT(problems("{}"), IsEmpty());
}

TEST(HostConfig, ReportsASyntaxErrorWithItsPlace) {
  EXPECT_THAT(problems("defaults:\n\tlog: {}\n"),
              ElementsAre(StartsWith("/etc/t/host.yaml:2:1: a tab")));
  EXPECT_THAT(problems("defaults: &a {}\n"),
              ElementsAre(StartsWith("/etc/t/host.yaml:1:11: anchor")));
}

TEST(HostConfig, EndsACommandWithTheStatusForConfigurations) {
  EXPECT_EQ(ConfigError::kExitStatus, 78);
  const Environment environment(Variables{{"HOME", "/home/op"}});
  TestFolder folder;
  try {
    (void)load_host_config(folder / "host.yaml", "x", Paths::from(environment), environment);
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.code(), Code::not_found);
    EXPECT_EQ(error.problems().at(0).where, (folder / "host.yaml").string());
  }
}

TEST(HostConfig, LoadsAFile) {
  const Environment environment(Variables{{"HOME", "/home/op"}});
  TestFolder folder;
  std::ofstream(folder / "host.yaml") << kFleet;
  const LoadedConfig loaded =
      load_host_config(folder / "host.yaml", "allegro", Paths::from(environment), environment);
  EXPECT_TRUE(loaded.config.plugins.at("triage").enabled);
}

}  // namespace
}  // namespace host
