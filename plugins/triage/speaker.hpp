// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <timmy/plugin.hpp>

#include "memory.hpp"
#include "pass.hpp"

namespace triage {

// Who writes comments for one run.
class Speaker {
 public:
  explicit Speaker(timmy::Context& ctx) : ctx_(ctx) {}

  // Our login, asked once.
  [[nodiscard]] const std::string& me();
  // Sees to it that the comment of this name says so, and notes it as ours. False in a dry run, of
  // which nothing is noted.
  [[nodiscard]] bool say(const Due& due, const std::string& body, const std::string& name,
                         Memory& memory) const;
  // When the forge says that it was changed last.
  [[nodiscard]] std::optional<timmy::Time> updated_at(const Due& due) const;

 private:
  timmy::Context& ctx_;
  std::string me_;
};

}  // namespace triage
