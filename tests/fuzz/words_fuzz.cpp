// SPDX-License-Identifier: Apache-2.0
//
// Anybody's bytes as what an agent wrote, printed or changed: no marker and no order of the host's
// comes of it, what goes back to the agent fits, and a patch reads the same in pieces of any size.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "dispatch/agent_hermes_version.hpp"
#include "dispatch/report_words.hpp"
#include "dispatch/template_quote.hpp"
#include "dispatch/verify.hpp"
#include "dispatch/verify_commands.hpp"
#include "dispatch/verify_facts.hpp"
#include "dispatch/verify_secrets.hpp"

namespace {

using namespace host::dispatch;

void require(bool holds) {
  if (!holds) std::abort();
}

void disarm(std::string_view text) {
  const auto once = disarmed(text);
  require(once.find("<!--") == std::string::npos);
  require(disarmed(once) == once);
}

void feed_back(std::string_view text) {
  WorkVerdict verdict;
  for (int i = 0; i < 3; ++i)
    verdict.checks.push_back({"a", Check::State::failed, "b", end_of(text)});
  for (const auto& check : verdict.checks) require(check.evidence.size() <= kMostEvidence);
  require(feedback(verdict).size() < kQuotedText);
  const auto table = results_table({{{"a", Check::State::failed, std::string(text), ""}}, {}});
  require(std::count(table.begin(), table.end(), '\n') == 2);
  const auto kept = parse_verdict(host::parse_json(host::to_text(to_json(verdict)), "it"));
  require(kept.checks.size() == verdict.checks.size());
}

// The lines that a patch adds; none: it is no patch.
std::optional<std::vector<std::string>> added_in(std::string_view patch, std::size_t piece) {
  std::vector<std::string> lines;
  AddedLines reader([&](const AddedLine& line) {
    lines.push_back(std::string(line.path) + "\n" + std::to_string(line.number) + "\n" +
                    std::string(line.text));
  });
  try {
    for (std::size_t at = 0; at < patch.size(); at += piece) reader.take(patch.substr(at, piece));
    reader.end();
  } catch (const host::Error&) {
    return std::nullopt;
  }
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  disarm(text);
  feed_back(text);
  require(added_in(text, 1) == added_in(text, 4096));
  (void)credential_in(text);
  (void)hermes_version_in(text);
  return 0;
}
