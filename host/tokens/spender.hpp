// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"

namespace host {

// A model by its provider's name and its own, as rows, caps and prices name it: "openai/gpt-4o".
// In lower case. The provider is the route's, never what a client says.
struct ModelName {
  std::string provider;
  std::string model;
  [[nodiscard]] std::string text() const { return provider + "/" + model; }
  auto operator<=>(const ModelName&) const = default;
};

// As accounts, caps and bans compare names: ASCII letters in lower case.
[[nodiscard]] std::string folded(std::string_view name);
// The one account of a model, however it is named: folded; "openai/gpt-4o" of no provider is both;
// the provider before the model, however often, is not of its name.
[[nodiscard]] ModelName model_named(std::string_view provider, std::string_view model);

// An issue of the forge, or a pull request, which is one to it.
struct IssueName {
  std::string repo;  // "owner/name"
  std::int64_t number = 0;
  [[nodiscard]] std::string text() const { return repo + "#" + std::to_string(number); }
};
// Of "owner/name#12", the repository of 200 bytes at most. Throws Error{usage}.
[[nodiscard]] IssueName parse_issue(const std::string& text);
// Upper and lower case of a repository are the same to the forge.
[[nodiscard]] bool same_issue(const IssueName& a, const IssueName& b);

// On whose account tokens go: what a row of the ledger says besides numbers, and by which caps
// apply. Empty where it doesn't apply.
struct Spender {
  std::string plugin;
  std::string task;
  std::string pipeline;  // the operator's for the plugin, else the task's name
  std::string playbook;
  std::optional<JobId> job;
  int attempt = 0;
  std::string run;   // "12.3": job and lease; or of a run that is no job, its id
  std::string repo;  // "owner/name"
  std::int64_t issue = 0;
  bool issue_of_call = false;  // the call alone names it: the run may be about others, too
  bool bypassable = false;     // it could reach a model without the host
};

}  // namespace host
