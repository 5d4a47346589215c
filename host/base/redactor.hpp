// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"

namespace host {

// Knows secrets and blots them out of text: as they are, percent-encoded, and in base64, also as a
// part of something longer (of which a character or two at its ends may be left). Of less than six
// bytes it knows none: they would blot out ordinary words. Thread-safe.
class Redactor {
 public:
  void add(const Secret& secret);

  // For lines that people read: the secrets added, and what follows "Authorization:" or "token="
  // whatever it is.
  [[nodiscard]] std::string scrub(std::string_view text) const;
  // Only the secrets added: for data, where "token=" may be anybody's words.
  [[nodiscard]] std::string scrub_known(std::string_view text) const;
  // As scrub_known(), of text that may be JSON, where a secret may be hidden from it by escapes
  // ("\u0073ecret", RFC 8259, 7). Where one is, the text comes back as the same JSON without it,
  // or blotted out as a whole when it is none.
  [[nodiscard]] std::string scrub_json(std::string_view text) const;

 private:
  [[nodiscard]] bool is_in(std::string_view text) const;

  mutable std::mutex mutex_;
  std::vector<Secret> forms_;
};

}  // namespace host
