// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace host::workspaces {

// Calls each(line) for each line of `text`, without its line feed.
template <class Each>
void each_line(std::string_view text, const Each& each) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    each(line);
  }
}

// The same for text that comes in pieces of any size. What stands behind the last line feed is
// none, and bounded by what a piece may be.
class Lines {
 public:
  template <class Each>
  void take(std::string_view piece, const Each& each) {
    kept_.append(piece);
    const auto end = kept_.rfind('\n');
    if (end == kept_.npos) return;
    each_line(std::string_view(kept_).substr(0, end + 1), each);
    kept_.erase(0, end + 1);
  }

 private:
  std::string kept_;
};

}  // namespace host::workspaces
