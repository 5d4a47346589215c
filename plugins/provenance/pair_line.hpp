// SPDX-License-Identifier: Apache-2.0
//
// A pair as a line of JSON: the same keys in the same order in each, nothing null, so that a loader
// finds one schema. docs/provenance.md describes it, README.md beside the output declares it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "consent.hpp"
#include "pair.hpp"
#include "pair_hash.hpp"
#include "redaction.hpp"
#include "row_key.hpp"
#include "settings.hpp"

namespace provenance {

inline constexpr std::string_view kPairSchema = "timmy-pair/1";

[[nodiscard]] std::string_view to_text(Store::Kind kind);

struct PairLine {
  std::string text;         // without the end of the line
  std::string content, id;  // hashes, in hexadecimal
  RedactionCounts redactions;
};

// `"redactions":[...],`: the rules that found something.
void append_redactions(std::string& out, const RedactionCounts& counts);

// What a pair says of itself besides its words.
struct PairFacts {
  std::string_view license;
  const Decision& decision;
  const Lineage& lineage;
};

// The lines of one session, whose messages are redacted, written and hashed once for all of them.
class SessionLines {
 public:
  // All outlive it.
  SessionLines(const Session& session, const Turns& turns, const Redactor& redactor, RowKey& key,
               Sha256& hash);

  // False: prompt and response are longer than filters.most_pair.
  [[nodiscard]] bool write(const Pair& pair, const PairFacts& facts, const Filters& filters,
                           PairLine& line);

 private:
  void add(const Entry& entry);
  void append_redacted(std::string_view text);
  void append_redacted_member(std::string& out, std::string_view name, std::string_view text,
                              RedactionCounts& counts);
  void append_calls(const Entry& entry);
  void append_tokens(std::string& out) const;
  void append_metadata(std::string& out, const Pair& pair, const PairFacts& facts,
                       std::size_t context, std::size_t left_out);
  void append_trajectory(std::string& out, const Pair& pair);
  void append_chain(std::string& out, const Pair& pair, const PairFacts& facts,
                    std::string_view content);
  [[nodiscard]] std::string_view slice(std::size_t from, std::size_t to) const;
  [[nodiscard]] std::string_view digests(std::size_t from, std::size_t to) const;
  [[nodiscard]] std::size_t context_from(const Pair& pair, std::int64_t most) const;
  void count_redactions(std::size_t from, std::size_t to, RedactionCounts& counts) const;
  void chain_to(std::size_t row);

  const Session& session_;
  const Turns& turns_;
  const Redactor& redactor_;
  RowKey& key_;
  Sha256& hash_;
  std::string messages_;           // of all entries, with commas between
  std::vector<std::size_t> ends_;  // where each ends in it
  std::string digests_;            // of each, 64 characters
  std::size_t head_ = 0;           // leading system rows, which no context loses
  std::vector<std::pair<std::size_t, RedactionCounts>> redacted_;  // entries that lost something
  std::vector<std::string> chain_;   // before each row, as far as it was asked for
  std::vector<std::string> sealed_;  // of each row, likewise
  std::string path_;                 // of the store, redacted
  std::string scratch_;
  RedactionCounts counts_;
};

}  // namespace provenance
