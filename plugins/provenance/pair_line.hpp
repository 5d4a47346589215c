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
// What it keeps of them is what a line may still need: the context of the next pair and the pair
// itself, however long the session is and whatever its texts become as JSON.
class SessionLines {
 public:
  // All outlive it.
  SessionLines(const Session& session, const Turns& turns, const Redactor& redactor, RowKey& key,
               Sha256& hash, const Filters& filters);

  // Of the session's pairs in their order, each once; some may be left out. Why there is no line,
  // or "": "long_pair", prompt and response are longer than filters.most_pair, or what else is to
  // be said of them is longer than four times that and a MiB; "long_session", those before it have
  // more bytes than filters.most_session: each has its context, so that without an end a MiB of
  // short turns would come to thousands.
  [[nodiscard]] std::string_view write(const Pair& pair, const PairFacts& facts, PairLine& line);

 private:
  struct Redacted {
    std::size_t entry, rule;
    std::uint32_t count;
  };

  [[nodiscard]] bool make_head();
  [[nodiscard]] bool make_up_to(const Pair& pair);
  void add();
  void forget_far();
  void append_message(const Entry& entry);
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
  [[nodiscard]] std::size_t least_of_metadata(const Pair& pair, const PairFacts& facts) const;
  [[nodiscard]] std::size_t begin_of(std::size_t entry) const;
  [[nodiscard]] std::size_t size_of(std::size_t from, std::size_t to) const;
  [[nodiscard]] std::string_view slice(std::size_t from, std::size_t to) const;
  [[nodiscard]] std::string_view digests(std::size_t from, std::size_t to) const;
  [[nodiscard]] std::size_t context_from(const Pair& pair);
  void count_redactions(std::size_t from, std::size_t to, RedactionCounts& counts) const;
  void chain_to(std::size_t row);
  [[nodiscard]] std::string_view chain(std::size_t row) const;
  [[nodiscard]] std::string_view sealed(std::size_t row) const;

  const Session& session_;
  const Turns& turns_;
  const Redactor& redactor_;
  RowKey& key_;
  Sha256& hash_;
  const std::size_t most_context_, most_pair_, most_session_;
  std::size_t head_ = 0;  // leading system rows, which no context loses
  std::string head_text_;
  // The entries made so far as one text, with commas between: where each ends in it, and of its
  // bytes those after the first `gone_`, which are kept no longer.
  std::vector<std::size_t> ends_;
  std::string messages_;
  std::size_t gone_ = 0;
  std::size_t written_ = 0;  // bytes of all lines
  std::size_t oldest_ = 0;   // turn that a context may still begin with, from 0
  std::string digests_;      // of each, 64 characters
  std::vector<Redacted> redacted_;
  std::string chain_;   // before each row, as far as it was asked for, 64 characters
  std::string sealed_;  // of each row, likewise
  std::string path_;    // of the store, redacted
  std::string scratch_;
  RedactionCounts counts_;
};

}  // namespace provenance
