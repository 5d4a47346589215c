// SPDX-License-Identifier: Apache-2.0
#include "base/glob.hpp"

namespace host {

// Goes back only to the last '*', which then takes one byte more: never more than the product of
// both lengths, without recursion. Where that star may not go on, none before it helps either: what
// they would reach lies behind the same byte.
bool matches_glob(std::string_view glob, std::string_view text, GlobForm form) {
  constexpr auto kNone = std::string_view::npos;
  std::size_t g = 0, t = 0, star = kNone, from = 0;
  const auto fits = [&](char wanted) {
    return wanted == text[t] || (wanted == '?' && form.question_mark);
  };
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      from = t;
    } else if (g < glob.size() && fits(glob[g])) {
      ++g, ++t;
    } else if (star != kNone && text[from] != form.stops_at) {
      g = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == kNone;
}

}  // namespace host
