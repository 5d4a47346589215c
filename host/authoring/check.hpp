// SPDX-License-Identifier: Apache-2.0
//
// `plugins check`: whether a plugin keeps the rules of timmy/abi.h and of its own manifest.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace host {

enum class Grade {
  pass,
  skip,   // not looked at: a check that it builds on did not pass, or it can't be seen here
  warn,   // works, but somebody will regret it
  fail,   // breaks a rule
  crash,  // ended its process
};
// "pass", "skip", "warn", "fail", "crash". Static storage.
[[nodiscard]] std::string_view name(Grade grade) noexcept;

struct CheckReport {
  std::string check;  // "run.cancel"
  Grade grade = Grade::pass;
  std::string message;  // what was seen
  std::string fix;      // what to do; empty when there is nothing to do
  Duration took{};
};

struct CheckOptions {
  std::filesystem::path worker;  // timmy-worker
  std::string only;  // a regular expression (RE2) that names of checks contain; empty: all
  // The plugin's code runs in this process instead of caged workers, so that a debugger sees it: a
  // crash or a hang is then the caller's.
  bool in_process = false;
  unsigned seed = 1;                            // of configs that are made up
  Duration patience = std::chrono::seconds(5);  // for a run, and for the plugin to be made
};

// Runs the checks in order and hands out each report as it comes. Where a check runs the plugin's
// code it does so in workers of its own, caged, which are killed when they take too long; they get
// every grant that the manifest asks for, its folders replaced by ones of their own. What only
// reads the file runs here: it takes no longer than the file's size warrants. What a check builds
// on is run before it, also when `only` doesn't name it; its report is then left out. Returns
// whether none failed or crashed. Throws Error{usage} for a wrong `only`, Error{not_found} when
// there is no such file.
bool check_plugin(const std::filesystem::path& file, const CheckOptions& options,
                  const std::function<void(const CheckReport&)>& report);

// Every check and what it looks for, for --help and the documentation.
struct CheckInfo {
  std::string_view name;
  std::string_view about;
};
[[nodiscard]] std::vector<CheckInfo> list_checks();

}  // namespace host
