// SPDX-License-Identifier: Apache-2.0
//
// What the plugin provenance reads of others: the first byte chooses the reader, the rest is the
// text. A session that was read, whatever it was, makes lines that are JSON in the form that their
// hashes are made over, and in which no rule of redaction finds anything that it would have found.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "clean_text.hpp"
#include "consent.hpp"
#include "judgement.hpp"
#include "message_parts.hpp"
#include "pair_line.hpp"
#include "reading.hpp"
#include "redaction.hpp"
#include "session_record.hpp"
#include "tool_calls.hpp"

namespace {

using namespace provenance;

void require(bool holds) {
  if (!holds) std::abort();
}

const Redactor& redactor() {
  static const Redactor one;
  return one;
}

void check_lines(const Session& session) {
  const auto turns = pairs_of(session);
  Sha256 hash;
  static RowKey key(std::string(64, '0'));
  SessionLines lines(session, turns, redactor(), key, hash, Filters());
  const Decision decision{Consent::internal, "own", ""};
  const Lineage lineage{kin_of(session)};
  for (const auto& pair : turns.pairs) {
    if (pair.flaw != Flaw::none || !time_of(session, pair)) continue;
    PairLine line;
    if (!lines.write(pair, {"CC0-1.0", decision, lineage}, line).empty()) continue;
    require(is_clean(line.text) && line.text.find('\n') == std::string::npos);
    require(nlohmann::ordered_json::parse(line.text).dump() == line.text);
  }
}

void read_session(std::string_view text) {
  Reading reading;
  RowHash hash;
  Caps caps;
  caps.session = 1 << 20;
  (void)read_record(text, "", caps, hash, reading);
  for (const auto& message : reading.session.messages) {
    require(is_clean(message.content) && message.digest.size() == 64);
    for (const auto& call : message.calls) require(is_clean(call.arguments));
  }
  seal(reading);
  check_lines(reading.session);
}

void redact(std::string_view text) {
  RedactionCounts counts(redaction_rules().size());
  std::string left;
  const bool changed = redactor().redact(text, left, counts);
  std::uint32_t found = 0;
  for (const auto count : counts) found += count;
  require(changed == (found > 0));
  if (changed && nlohmann::json::accept(text)) require(nlohmann::json::accept(left));
}

void read_parts(std::string_view text) {
  require(is_clean(join_parts(text).text));
  for (const auto& call : read_tool_calls(text).calls)
    require(is_clean(call.id) && is_clean(call.name) && is_clean(call.arguments));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0: read_session(text); break;
    case 1: redact(text); break;
    case 2: read_parts(text); break;
    default: (void)ConsentPolicy::parse(text); break;
  }
  return 0;
}
