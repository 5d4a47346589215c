// SPDX-License-Identifier: Apache-2.0
//
// Setup, the commands of gates.commands, and the proofs that tests have run. Private to verify.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dispatch/verify.hpp"

namespace host::dispatch {

// An output of any length: how it begins, how it ends, and how long it was.
class KeptOutput {
 public:
  static constexpr std::size_t kHead = std::size_t{1} << 20;
  static constexpr std::size_t kTail = std::size_t{3} << 20;

  void take(std::string_view piece);
  // Both parts, with a line between them where something is left out.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  std::string head_;
  std::string tail_;
  std::uint64_t bytes_ = 0;
};

// The end of a text, at most kMostEvidence bytes of it, from the beginning of a line where it can
// be.
[[nodiscard]] std::string end_of(std::string_view text);

// Whether a pattern is found in an output or a file, where what it is found in does not say of
// itself that no test ran ("[no tests to run]").
[[nodiscard]] bool proves_tests(const RE2& pattern, std::string_view text);

// All of them; checks come in the order in which they are made.
[[nodiscard]] std::vector<Check> run_commands(const VerifyRequest& request,
                                              workspaces::CagedRunner& cage);

}  // namespace host::dispatch
