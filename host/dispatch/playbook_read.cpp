// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "config/size.hpp"
#include "dispatch/playbook.hpp"
#include "dispatch/playbook_paths.hpp"
#include "dispatch/playbook_problems.hpp"
#include "workspaces/git_name.hpp"

namespace host::dispatch {
namespace {

constexpr Duration kLongest = std::chrono::hours(24);
constexpr std::uint64_t kLeastMemory = std::uint64_t{64} << 20;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 42;

constexpr const char* kTitle = "#{{issue.number}}: {{issue.title}}";
constexpr const char* kPullBody = R"(Closes #{{issue.number}}.

What the agent says of it, which nobody has checked:

{{run.report}}

What the host has checked:

{{gates.results}}

Playbook {{playbook.name}}, run {{run.id}}: {{run.attempts}} attempts, {{run.tokens}} tokens.
)";
constexpr const char* kCommentBody = R"(What the agent found, which nobody has checked:

{{run.report}}

Playbook {{playbook.name}}, run {{run.id}}: {{run.tokens}} tokens.
)";

const JsonSchema& schema() {
  static const JsonSchema loaded(parse_json(playbook_schema_text(), "playbook.schema.json"),
                                 "playbook.schema.json");
  return loaded;
}

using Words = std::vector<std::string>;

bool holds(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

class PlaybookReader {
 public:
  PlaybookReader(std::string_view text, const std::string& file)
      : text_(text), document_(parse_yaml(text, file)) {}

  Playbook read() {
    problems_.add(schema().validate(document_.value()));
    if (problems_.empty()) take(schema().with_defaults(document_.value()));
    if (!problems_.empty()) throw ConfigError(problems_.sorted());
    playbook_.document = std::move(document_);
    return std::move(playbook_);
  }

 private:
  void take(Json json) {
    fill_report(json["report"]);
    playbook_.name = json.at("name");
    check_name();
    playbook_.description = json.at("description");
    playbook_.priority = json.at("priority");
    take_matching(json.at("matching"));
    playbook_.lane = json.at("lane");
    take_workspace(json.at("workspace"));
    playbook_.agent = read_agent(json.at("agent"));
    if (playbook_.agent.kind)
      if (const auto fault = agent_fault(playbook_.agent)) problems_.add("/agent", *fault);
    playbook_.network = json.at("network") == "open" ? Network::open : Network::meter_only;
    take_limits(json.at("limits"));
    take_gates(json.at("gates"));
    take_report(json.at("report"));
    playbook_.prompt = take_template(json.at("prompt"), "/prompt", TemplatePlace::prompt);
    playbook_.settings = std::move(json);
  }

  void check_name() {
    const auto stem = std::filesystem::path(document_.file()).stem().string();
    if (stem != playbook_.name)
      problems_.add(
          "/name", fmt::format("is \"{}\", expected the file's own, \"{}\"", playbook_.name, stem));
  }

  Template take_template(const Json& json, const std::string& pointer, TemplatePlace place) {
    const auto& value = json.get_ref<const std::string&>();
    std::vector<TemplateFault> faults;
    auto result = Template::parse(value, place, faults);
    problems_.add(pointer, text_, value, faults);
    return result;
  }

  std::shared_ptr<const RE2> take_pattern(const Json& json, const std::string& pointer) {
    RE2::Options options;
    options.set_log_errors(false);
    auto pattern = std::make_shared<RE2>(json.get<std::string>(), options);
    if (!pattern->ok())
      problems_.add(pointer, "is not a pattern that RE2 takes: " + pattern->error());
    return pattern;
  }

  Duration take_duration(const Json& json, const std::string& pointer) {
    try {
      const auto found = parse_duration(json.get<std::string>());
      if (found > kLongest) problems_.add(pointer, "is longer than 24h");
      return found;
    } catch (const Error& error) {
      problems_.add(pointer, "is wrong: " + error.message());
      return kLongest;
    }
  }

  std::uint64_t take_size(const Json& json, const std::string& pointer) {
    try {
      const auto bytes = parse_size(json.get<std::string>());
      if (bytes < kLeastMemory || bytes > kMostBytes)
        problems_.add(pointer,
                      fmt::format("is {}, expected 64MiB to 4096GiB", json.get<std::string>()));
      return bytes;
    } catch (const Error& error) {
      problems_.add(pointer, "is wrong: " + error.message());
      return kLeastMemory;
    }
  }

  void take_matching(const Json& json) {
    auto& matching = playbook_.matching;
    const auto kinds = json.at("kinds").get<Words>();
    matching.issues = holds(kinds, "issue");
    matching.pulls = holds(kinds, "pull-request");
    json.at("repositories").get_to(matching.repositories);
    json.at("labels").at("all").get_to(matching.all_labels);
    json.at("labels").at("any").get_to(matching.any_label);
    json.at("labels").at("none").get_to(matching.no_label);
    json.at("authors").get_to(matching.authors);
    json.at("assignees").get_to(matching.assignees);
    if (json.contains("title")) matching.title = take_pattern(json["title"], "/matching/title");
    check_labels();
  }

  void check_labels() {
    const auto& matching = playbook_.matching;
    if (matching.all_labels.empty() && matching.any_label.empty() && matching.authors.empty())
      problems_.add("/matching",
                    "lets anybody who can write an issue start an agent; expected labels.all, "
                    "labels.any or authors (authors: [\"*\"] if that is meant)");
    for (const auto& label : matching.all_labels)
      if (holds(matching.no_label, label))
        problems_.add("/matching/labels/none",
                      fmt::format("holds \"{}\", as labels.all does, so that nothing fits", label));
    const bool all_barred =
        !matching.any_label.empty() &&
        std::all_of(matching.any_label.begin(), matching.any_label.end(),
                    [&](const auto& each) { return holds(matching.no_label, each); });
    if (all_barred)
      problems_.add("/matching/labels/none", "holds all of labels.any, so that nothing fits");
  }

  Step take_step(const Json& json, const std::string& pointer) {
    Step step{.name = json.value("name", ""),
              .timeout = take_duration(json.at("timeout"), pointer + "/timeout")};
    json.at("run").get_to(step.run);
    if (step.run.front().empty()) problems_.add(pointer + "/run/0", "is empty; expected a program");
    for (std::size_t i = 0; i < step.run.size(); ++i)
      if (step.run[i].find("{{") != std::string::npos)
        problems_.add(child_pointer(pointer + "/run", i),
                      "holds \"{{\"; expected plain text, a command has no variables");
    return step;
  }

  std::vector<Step> take_steps(const Json& json, const std::string& pointer) {
    std::vector<Step> steps;
    for (std::size_t i = 0; i < json.size(); ++i)
      steps.push_back(take_step(json[i], child_pointer(pointer, i)));
    return steps;
  }

  void take_workspace(const Json& json) {
    auto& workspace = playbook_.workspace;
    workspace.base = json.value("base", "");
    check_base(workspace.base);
    workspace.setup = take_steps(json.at("setup"), "/workspace/setup");
  }

  void check_base(const std::string& base) {
    if (base.empty()) return;
    try {
      workspaces::check_branch(base, "the base branch");
    } catch (const Error&) {
      problems_.add("/workspace/base", fmt::format("is \"{}\", expected a branch's name", base));
    }
  }

  void take_limits(const Json& json) {
    auto& limits = playbook_.limits;
    limits = {.wall = take_duration(json.at("wall"), "/limits/wall"),
              .stall = take_duration(json.at("stall"), "/limits/stall"),
              .tokens = json.at("tokens"),
              .attempts = json.at("attempts"),
              .memory = take_size(json.at("memory"), "/limits/memory"),
              .processes = json.at("processes"),
              .disk = take_size(json.at("disk"), "/limits/disk")};
    if (limits.stall > limits.wall)
      problems_.add("/limits/stall", "is longer than limits.wall; expected less");
  }

  void take_gates(const Json& json) {
    auto& gates = playbook_.gates;
    gates.commands = take_steps(json.at("commands"), "/gates/commands");
    for (std::size_t i = 0; i < gates.commands.size(); ++i)
      for (std::size_t before = 0; before < i; ++before)
        if (gates.commands[before].name == gates.commands[i].name)
          problems_.add(
              child_pointer("/gates/commands", i) + "/name",
              fmt::format("is \"{}\", as another's; expected each once", gates.commands[i].name));
    take_diff(json.at("diff"));
    gates.secrets = json.at("secrets");
    json.at("banned").get_to(gates.banned);
    gates.clean_merge = json.at("clean_merge");
    for (std::size_t i = 0; i < json.at("tests").size(); ++i)
      gates.tests.push_back(take_proof(json.at("tests")[i], child_pointer("/gates/tests", i)));
  }

  void take_diff(const Json& json) {
    auto& diff = playbook_.gates.diff;
    diff.files = json.at("files");
    diff.lines = json.at("lines");
    json.at("denied_paths").get_to(diff.denied);
    for (std::size_t i = 0; i < diff.denied.size(); ++i)
      if (const auto fault = path_pattern_fault(diff.denied[i]))
        problems_.add(child_pointer("/gates/diff/denied_paths", i), *fault);
    const auto unlocked = json.at("unlocked_paths").get<Words>();
    for (std::size_t i = 0; i < unlocked.size(); ++i) {
      if (holds(locked_paths(), unlocked[i])) continue;
      const auto near = nearest(unlocked[i], locked_paths());
      problems_.add(child_pointer("/gates/diff/unlocked_paths", i),
                    fmt::format("is \"{}\", which is not denied; {}", unlocked[i],
                                near.empty() ? fmt::format("expected one of: {}",
                                                           fmt::join(locked_paths(), ", "))
                                             : fmt::format("did you mean \"{}\"?", near)));
    }
    for (const auto& path : locked_paths())
      if (!holds(unlocked, path)) diff.denied.push_back(path);
  }

  TestProof take_proof(const Json& json, const std::string& pointer) {
    TestProof proof{.command = json.value("command", ""),
                    .file = json.value("file", ""),
                    .pattern = take_pattern(json.at("pattern"), pointer + "/pattern")};
    if (proof.command.empty() == proof.file.empty())
      problems_.add(pointer, "is to look at one thing; expected either `command` or `file`");
    if (!proof.file.empty())
      if (const auto fault = path_pattern_fault(proof.file))
        problems_.add(pointer + "/file", *fault);
    if (!proof.command.empty()) check_gate(proof.command, pointer + "/command");
    return proof;
  }

  void check_gate(const std::string& command, const std::string& pointer) {
    Words names;
    for (const auto& step : playbook_.gates.commands) names.push_back(step.name);
    if (holds(names, command)) return;
    const auto near = nearest(command, names);
    problems_.add(pointer,
                  fmt::format("is \"{}\", expected the name of one of gates.commands{}", command,
                              near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
  }

  static void fill_report(Json& report) {
    const bool pull = report.at("kind") == "pull-request";
    if (pull && !report.contains("title")) report["title"] = kTitle;
    if (!report.contains("body")) report["body"] = pull ? kPullBody : kCommentBody;
  }

  void take_report(const Json& json) {
    auto& report = playbook_.report;
    const bool pull = json.at("kind") == "pull-request";
    report.kind = pull ? ReportKind::pull_request : ReportKind::comment;
    if (json.contains("title"))
      report.title = take_template(json["title"], "/report/title", TemplatePlace::title);
    report.body = take_template(json.at("body"), "/report/body", TemplatePlace::body);
    json.at("labels").get_to(report.labels);
    json.at("reviewers").get_to(report.reviewers);
    report.merge = json.at("merge") == "when-approved";
    if (pull) return check_proof_of_work();
    for (const char* key : {"/report/title", "/report/reviewers", "/report/merge",
                            "/gates/commands", "/gates/diff", "/gates/clean_merge", "/gates/tests"})
      if (document_.has(key))
        problems_.add(key, "goes with report.kind: pull-request; a comment changes no file", true);
  }

  // A change that is merged by the host is one that something has tried.
  void check_proof_of_work() {
    if (playbook_.report.merge && playbook_.gates.commands.empty())
      problems_.add("/report/merge",
                    "is when-approved, and gates.commands tries nothing; expected one command at "
                    "least, or `never`");
  }

  std::string_view text_;
  Document document_;
  PlaybookProblems problems_{document_};
  Playbook playbook_;
};

}  // namespace

Playbook parse_playbook(std::string_view text, const std::string& file) {
  try {
    return PlaybookReader(text, file).read();
  } catch (const ConfigError&) {
    throw;
  } catch (const Error& error) {  // of the YAML itself
    throw ConfigError({unread_problem(error, file)}, error.code());
  }
}

}  // namespace host::dispatch
