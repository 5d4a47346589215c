// SPDX-License-Identifier: Apache-2.0
#include "dispatch/verify_commands.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "dispatch/agent_scratch.hpp"
#include "dispatch/verify_tree_file.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;
using Ending = decltype(std::declval<workspaces::CagedRunner&>().run({}, {}));
using State = Check::State;

constexpr std::size_t kMostFile = KeptOutput::kHead + KeptOutput::kTail;

// What frameworks print when there was nothing to run.
bool says_no_tests(std::string_view lines) {
  static const RE2 kNone(
      R"((?i)\[no tests? to run\]|\[no test files\]|\bno tests? (?:ran|were|was|found|to run|collected|executed|matched)|\bran 0 tests?\b|\b0 (?:tests?|examples?|checks?|specs?|assertions?) (?:ran|run|passed|passing|collected|executed)|\b0 (?:passed|passing)\b|\btests run: 0\b|\bnothing to test\b)");
  return RE2::PartialMatch(re2::StringPiece(lines.data(), lines.size()), kNone);
}

// "src/x" is in the tree as the base has it, whatever the work made of it.
bool base_has(const VerifyRequest& request, const std::string& path) {
  auto command = request.mirror->command({"cat-file", "-e", request.base.text() + ":" + path});
  return request.mirror->git().run(command).status == 0;
}

class CommandChecks {
 public:
  CommandChecks(const VerifyRequest& request, workspaces::CagedRunner& cage)
      : request_(&request), cage_(&cage) {}

  std::vector<Check> run() {
    const auto& playbook = *request_->playbook;
    const auto marks = marks_of_files();
    int number = 0;
    for (const auto& step : playbook.workspace.setup) add(fmt::format("setup {}", ++number), step);
    for (const auto& step : playbook.gates.commands) add("command " + step.name, step);
    for (const auto& proof : playbook.gates.tests) checks_.push_back(prove(proof, marks));
    return std::move(checks_);
  }

 private:
  using Marks = std::map<std::string, std::optional<FileMark>>;

  // As the checkout left them: what was committed proves nothing.
  [[nodiscard]] Marks marks_of_files() const {
    Marks marks;
    for (const auto& proof : request_->playbook->gates.tests)
      if (!proof.file.empty()) marks[proof.file] = mark_of(request_->tree, proof.file);
    return marks;
  }

  void add(std::string name, const Step& step) {
    if (failed_) {
      checks_.push_back({std::move(name), State::not_run, "an earlier command failed", {}});
      return;
    }
    auto check = try_step(std::move(name), step);
    failed_ = check.state != State::passed;
    checks_.push_back(std::move(check));
  }

  Check try_step(std::string name, const Step& step) {
    const auto program = program_of_step(step);
    if (!program)
      return {std::move(name), State::failed, "its program is gone from the repository", {}};
    workspaces::CagedCommand command{step.run, request_->tree, step.timeout};
    command.arguments.front() = program->string();
    KeptOutput output;
    const auto ending = cage_->run(command, [&](std::string_view piece) {
      output.take(piece);
      return true;
    });
    auto text = output.text();
    if (!ending.errors.empty()) text += (text.empty() ? "" : "\n") + ending.errors;
    Check check{std::move(name),
                ending.ok() ? State::passed : State::failed,
                how_it_ended(ending, step),
                {}};
    if (!ending.ok()) check.evidence = end_of(scrubbed(text));
    if (!step.name.empty()) outputs_[step.name] = std::move(text);
    return check;
  }

  [[nodiscard]] static std::string how_it_ended(const Ending& ending, const Step& step) {
    switch (ending.kind) {
      case Ending::Kind::exited: return fmt::format("ended with status {}", ending.number);
      case Ending::Kind::signalled: return fmt::format("was killed by signal {}", ending.number);
      case Ending::Kind::timed_out: return "was not done after " + format_duration(step.timeout);
      case Ending::Kind::stopped: break;
    }
    return "was stopped";
  }

  // None: the repository had it, and the work took it away.
  [[nodiscard]] std::optional<fs::path> program_of_step(const Step& step) const {
    const auto& name = step.run.front();
    if (name.find('/') == std::string::npos) {
      if (auto found = find_program(name, request_->path)) return found;
      throw Error(Code::not_found,
                  fmt::format("playbook {}: there is no program \"{}\" in {}",
                              request_->playbook->name, name, request_->path),
                  "Install it, or mend the playbook.");
    }
    if (name.front() == '/') return name;
    const auto path = fs::path(name).lexically_normal();
    if (open_below(request_->tree, path, O_PATH)) return request_->tree / path;
    if (base_has(*request_, path.string())) return std::nullopt;
    throw Error(Code::not_found,
                fmt::format("playbook {}: {} has no \"{}\"", request_->playbook->name,
                            request_->repository, name),
                "Add it to the repository, or mend the playbook.");
  }

  Check prove(const TestProof& proof, const Marks& marks) const {
    const bool of_command = proof.file.empty();
    const auto name = "proof in " + (of_command ? proof.command : proof.file);
    if (failed_) return {name, State::not_run, "an earlier command failed", {}};
    const auto text = of_command ? output_of(proof.command) : file_of(proof, marks);
    if (!text)
      return {name,
              State::failed,
              of_command ? "the command was not run" : "no command has written the file anew",
              {}};
    if (proves_tests(*proof.pattern, *text)) return {name, State::passed, "tests have run", {}};
    return {name, State::failed,
            fmt::format("it does not say that tests have run; expected a match of {}",
                        proof.pattern->pattern()),
            end_of(scrubbed(*text))};
  }

  [[nodiscard]] std::optional<std::string> output_of(const std::string& command) const {
    const auto found = outputs_.find(command);
    return found == outputs_.end() ? std::nullopt : std::optional(found->second);
  }

  [[nodiscard]] std::optional<std::string> file_of(const TestProof& proof,
                                                   const Marks& marks) const {
    const auto now = mark_of(request_->tree, proof.file);
    if (!now || now == marks.at(proof.file)) return std::nullopt;
    return read_below(request_->tree, proof.file, kMostFile);
  }

  [[nodiscard]] std::string scrubbed(const std::string& text) const {
    return request_->redactor == nullptr ? text : request_->redactor->scrub(text);
  }

  const VerifyRequest* request_;
  workspaces::CagedRunner* cage_;
  std::vector<Check> checks_;
  std::map<std::string, std::string> outputs_;  // of the commands, by name
  bool failed_ = false;
};

}  // namespace

void KeptOutput::take(std::string_view piece) {
  bytes_ += piece.size();
  const auto first = std::min(piece.size(), kHead - head_.size());
  head_.append(piece.substr(0, first));
  tail_.append(piece.substr(first));
  // Not at each piece: it moves all that is kept.
  if (tail_.size() > 2 * kTail) tail_.erase(0, tail_.size() - kTail);
}

std::string KeptOutput::text() const {
  if (bytes_ == head_.size() + tail_.size()) return head_ + tail_;
  const auto tail = std::string_view(tail_).substr(tail_.size() - std::min(tail_.size(), kTail));
  return fmt::format("{}\n[{} bytes are left out here]\n{}", head_,
                     bytes_ - head_.size() - tail.size(), tail);
}

std::string end_of(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  if (text.size() <= kMostEvidence) return std::string(text);
  auto end = text.substr(text.size() - kMostEvidence);
  const auto line = end.find('\n');
  if (line != end.npos && line + 1 < end.size()) end.remove_prefix(line + 1);
  // Not from the middle of a character.
  while (!end.empty() && (static_cast<unsigned char>(end.front()) & 0xc0) == 0x80)
    end.remove_prefix(1);
  return std::string(end);
}

bool proves_tests(const RE2& pattern, std::string_view text) {
  const re2::StringPiece all(text.data(), text.size());
  for (std::size_t at = 0; at <= text.size();) {
    re2::StringPiece found;
    if (!pattern.Match(all, at, text.size(), RE2::UNANCHORED, &found, 1)) return false;
    const auto begin = static_cast<std::size_t>(found.data() - text.data());
    const auto end = begin + found.size();
    const auto line = begin == 0 ? 0 : text.rfind('\n', begin - 1) + 1;
    const auto line_end = std::min(text.find('\n', end), text.size());
    if (!says_no_tests(text.substr(line, line_end - line))) return true;
    at = std::max(line_end, begin) + 1;
  }
  return false;
}

std::vector<Check> run_commands(const VerifyRequest& request, workspaces::CagedRunner& cage) {
  return CommandChecks(request, cage).run();
}

}  // namespace host::dispatch
