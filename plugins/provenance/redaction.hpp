// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "redaction_hints.hpp"

namespace re2 {
class RE2;
}

namespace provenance {

// How often each rule of redaction_rules() found something, in their order.
using RedactionCounts = std::vector<std::uint32_t>;

// Takes secrets and personal data out of texts: "[REDACTED:email]" stands in their place. Inside of
// a text that is JSON, as a call's arguments and most results are, it looks into the strings as
// they are meant, without their escapes, and what it leaves is JSON again. Made once; any thread.
class Redactor {
 public:
  Redactor();
  ~Redactor();
  Redactor(const Redactor&) = delete;
  Redactor& operator=(const Redactor&) = delete;

  // Whether anything was found; then `out` is what is left of `text`, and `counts`, which has one
  // for each rule, has grown.
  bool redact(std::string_view text, std::string& out, RedactionCounts& counts) const;

  // A hash over all that decides what is found: another one may leave other texts.
  [[nodiscard]] const std::string& digest() const { return digest_; }

 private:
  friend class JsonRedaction;

  bool redact_at(std::string_view text, int depth, std::string& out, RedactionCounts& counts) const;
  bool redact_plain(std::string_view text, std::uint32_t rules, std::string& out,
                    RedactionCounts& counts) const;
  bool apply(std::size_t rule, std::string_view text, std::string& out,
             RedactionCounts& counts) const;

  std::vector<std::unique_ptr<re2::RE2>> patterns_;
  RedactionHints hints_;
  std::string digest_;
};

}  // namespace provenance
