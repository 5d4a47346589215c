// SPDX-License-Identifier: Apache-2.0
#include "dispatch/report_words.hpp"

#include <re2/re2.h>

#include "dispatch/template_quote.hpp"

namespace host::dispatch {

std::string disarmed(std::string_view words) {
  static const RE2 kOrder(
      R"((?i)(\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?|implement(?:s|ed)?|reopen(?:s|ed)?)\s*:?\s*(?:(?:[\w.-]+/[\w.-]+)?[#!]|gh-))(\d))");
  static const RE2 kPage(R"((?i)(/(?:issues|pulls?)/)(\d))");
  auto text = plain_text(words);
  RE2::GlobalReplace(&text, kOrder, R"(\1 \2)");
  RE2::GlobalReplace(&text, kPage, R"(\1 \2)");
  // By this the client finds its own comments again.
  static const RE2 kMarker("<!--");
  RE2::GlobalReplace(&text, kMarker, "<! --");
  return text;
}

}  // namespace host::dispatch
