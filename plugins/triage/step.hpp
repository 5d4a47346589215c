// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <timmy/job.hpp>
#include <vector>

#include "names.hpp"

namespace triage {

// One write to the forge.
struct Step {
  enum class What { assign, label, unlabel, comment, close };
  What what = What::label;
  Names names;           // logins, labels, or the one label to take off
  std::string text;      // the comment's
  std::string priority;  // which of the labels is one, if any
  std::string turn;      // the rule whose round robin chose the login, if one did
  Names rules;           // who asks for it; of a comment the one whose it is

  // Throws timmy::Json::exception on what to_json() did not make.
  [[nodiscard]] static Step from(const timmy::Json& json);
  [[nodiscard]] timmy::Json to_json() const;
};

// "label", as to_json() has it.
[[nodiscard]] const char* word(Step::What what);

}  // namespace triage
