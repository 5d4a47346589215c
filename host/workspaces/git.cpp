// SPDX-License-Identifier: Apache-2.0
#include "workspaces/git.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "workspaces/git_error.hpp"

namespace host::workspaces {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

// Where a credential's file stands in git and in those that it starts.
constexpr int kCredentialFd = 9;
constexpr int kHeldFd = 10;
constexpr std::pair<int, int> kOldest{2, 39};

std::string name(GitProtocol protocol) {
  switch (protocol) {
    case GitProtocol::none: return "none";
    case GitProtocol::file: return "file";
    case GitProtocol::http: return "http";
    case GitProtocol::https: return "https";
  }
  return "none";
}

// What could make git run a program, ask a person, go elsewhere, or take in what it did not check.
// These come last and so stand above every file.
Settings closed_settings() {
  return {
      {"core.hooksPath", "/dev/null"},
      {"core.fsmonitor", "false"},
      {"core.sshCommand", "false"},
      {"core.askPass", ""},
      {"core.pager", "cat"},
      {"core.editor", "false"},
      {"core.attributesFile", "/dev/null"},
      {"core.excludesFile", "/dev/null"},
      {"core.useReplaceRefs", "false"},
      {"core.protectHFS", "true"},
      {"core.protectNTFS", "true"},
      {"credential.helper", ""},
      {"credential.interactive", "false"},
      {"protocol.allow", "never"},
      {"submodule.recurse", "false"},
      {"fetch.recurseSubmodules", "false"},
      {"push.recurseSubmodules", "no"},
      {"push.followTags", "false"},
      {"push.gpgSign", "false"},
      {"commit.gpgSign", "false"},
      {"gc.auto", "0"},
      {"maintenance.auto", "false"},
      {"safe.bareRepository", "explicit"},
      {"transfer.fsckObjects", "true"},
      // A redirect would carry the token to wherever it leads.
      {"http.followRedirects", "false"},
      {"http.sslVerify", "true"},
      {"http.extraHeader", ""},
      // Less than this for so long: the other side hangs.
      {"http.lowSpeedLimit", "100"},
      {"http.lowSpeedTime", "60"},
      {"init.templateDir", ""},
      {"pack.threads", "1"},
      {"color.ui", "false"},
  };
}

std::map<std::string, std::string> closed_environment(const std::filesystem::path& home) {
  return {
      {"PATH", "/usr/local/bin:/usr/bin:/bin"},
      {"HOME", home.string()},
      {"LC_ALL", "C"},
      {"GIT_CONFIG_NOSYSTEM", "1"},
      {"GIT_CONFIG_SYSTEM", "/dev/null"},
      {"GIT_CONFIG_GLOBAL", "/dev/null"},
      {"GIT_ATTR_NOSYSTEM", "1"},
      // What a later git may have as its defaults: ObjectId and CloneRefs read these forms alone.
      {"GIT_DEFAULT_HASH", "sha1"},
      {"GIT_DEFAULT_REF_FORMAT", "files"},
      {"GIT_NO_REPLACE_OBJECTS", "1"},
      {"GIT_OPTIONAL_LOCKS", "0"},
      {"GIT_TERMINAL_PROMPT", "0"},
      {"GIT_ASKPASS", ""},
      {"GIT_SSH_COMMAND", "false"},
      {"GIT_EDITOR", "false"},
      {"GIT_PAGER", "cat"},
  };
}

// Configuration by environment, so that it also holds in what git starts.
void put_settings(std::map<std::string, std::string>& environment, const Settings& settings) {
  std::size_t count = 0;
  for (const auto& [key, value] : settings) {
    environment[fmt::format("GIT_CONFIG_KEY_{}", count)] = key;
    environment[fmt::format("GIT_CONFIG_VALUE_{}", count)] = value;
    ++count;
  }
  environment["GIT_CONFIG_COUNT"] = std::to_string(count);
}

int number_at(std::string_view text, std::size_t at) {
  int number = -1;
  std::from_chars(text.data() + std::min(at, text.size()), text.data() + text.size(), number);
  return number;
}

// Of "git version 2.39.5"; {-1, -1} when it says something else.
std::pair<int, int> version_in(std::string_view text) {
  constexpr std::string_view kStart = "git version ";
  const auto dot = text.find('.');
  if (!text.starts_with(kStart) || dot == text.npos) return {-1, -1};
  return {number_at(text, kStart.size()), number_at(text, dot + 1)};
}

// Not all that git writes fails with the reason: "unable to write file x" is all that is said of
// one in a work tree.
Error unless_full(const Error& error, const GitCommand& command) {
  constexpr std::uintmax_t kAsGoodAsFull = 64 * 1024;
  if (error.code() != Code::io) return error;
  for (const auto& folder : {command.git_dir, command.work_tree}) {
    std::error_code failed;
    const auto space = std::filesystem::space(folder, failed);
    if (!failed && space.available < kAsGoodAsFull)
      return {
          Code::unavailable,
          fmt::format("{}; no space is left on the disk of {}", error.message(), folder.string()),
          "Free some space."};
  }
  return error;
}

}  // namespace

Git::Git(GitSettings settings) : settings_(std::move(settings)) {
  make_directories(settings_.home, 0700);
  std::string text;
  try {
    text = must({.arguments = {"version"}}, "asking git for its version");
  } catch (const Error& error) {
    throw Error(Code::unsupported, error.message(), "Install git 2.39 or newer.");
  }
  if (version_in(text) < kOldest)
    throw Error(Code::unsupported,
                fmt::format("{} is \"{}\", and 2.39 is the oldest that will do",
                            settings_.program.string(), one_line(text)),
                "Install git 2.39 or newer.");
}

SpawnRequest Git::spawn_request(const GitCommand& command) const {
  SpawnRequest request;
  request.program = settings_.program;
  request.arguments = {"git", "--no-pager", "--no-optional-locks"};
  // This one has no patterns to take paths for, and refuses to be told so.
  if (command.arguments.front() != "check-ignore")
    request.arguments.emplace_back("--literal-pathspecs");
  if (!command.git_dir.empty())
    request.arguments.push_back("--git-dir=" + command.git_dir.string());
  if (!command.work_tree.empty()) {
    request.arguments.push_back("--work-tree=" + command.work_tree.string());
    request.folder = command.work_tree;
  }
  request.arguments.insert(request.arguments.end(), command.arguments.begin(),
                           command.arguments.end());
  request.environment = closed_environment(settings_.home);
  if (command.far) request.environment.insert(settings_.proxy.begin(), settings_.proxy.end());
  request.environment.insert(command.environment.begin(), command.environment.end());
  const auto protocol = name(command.protocol);
  request.environment["GIT_ALLOW_PROTOCOL"] = protocol;
  auto settings = closed_settings();
  if (!settings_.ca_file.empty())
    settings.emplace_back("http.sslCAInfo", settings_.ca_file.string());
  if (command.protocol != GitProtocol::none)
    settings.emplace_back("protocol." + protocol + ".allow", "always");
  settings.insert(settings.end(), command.settings.begin(), command.settings.end());
  if (command.credential != nullptr) {
    settings.emplace_back("include.path", fmt::format("/proc/self/fd/{}", kCredentialFd));
    request.descriptors.emplace_back(command.credential->fd(), kCredentialFd);
  }
  if (command.held >= 0) request.descriptors.emplace_back(command.held, kHeldFd);
  put_settings(request.environment, settings);
  return request;
}

GitEnding Git::run(const GitCommand& command) const {
  const std::string doing = "git " + command.arguments.at(0);
  GitEnding ending;
  const OutputSink keep = [&](std::string_view piece) {
    if (ending.output.size() + piece.size() > command.most_output) return false;
    ending.output.append(piece);
    return true;
  };
  const auto ended = run_bounded({.request = spawn_request(command),
                                  .input = command.input,
                                  .limit = command.limit,
                                  .most_memory = settings_.most_memory,
                                  .largest_file = command.largest_file,
                                  .stop = settings_.stop.get()},
                                 command.sink ? command.sink : keep);
  ending.errors = one_line(command.credential != nullptr ? command.credential->scrub(ended.errors)
                                                         : ended.errors);
  ending.status = ended.number;
  ending.stopped = ended.kind == BoundedEnding::Kind::stopped;
  if (ending.stopped && !command.sink)
    throw Error(Code::too_large,
                fmt::format("{} prints more than {} bytes", doing, command.most_output));
  if (ended.kind == BoundedEnding::Kind::timed_out)
    throw Error(Code::timed_out,
                fmt::format("{} took longer than {}", doing, format_duration(command.limit)),
                "It is tried again later.");
  if (ended.kind == BoundedEnding::Kind::signalled)
    throw Error(Code::io,
                fmt::format("{} died of signal {}: {}", doing, ended.number, ending.errors));
  return ending;
}

Error Git::failure(const GitCommand& command, const GitEnding& ending, std::string_view doing) {
  return unless_full(git_error(doing, ending.status, ending.errors), command);
}

std::string Git::must(const GitCommand& command, std::string_view doing) const {
  auto ending = run(command);
  if (ending.status != 0 && !ending.stopped) throw failure(command, ending, doing);
  return std::move(ending.output);
}

}  // namespace host::workspaces
