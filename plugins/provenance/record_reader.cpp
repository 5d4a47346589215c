// SPDX-License-Identifier: Apache-2.0
#include "record_reader.hpp"

namespace provenance {
namespace {

std::string_view without_space(std::string_view line) {
  const auto last = line.find_last_not_of(" \t\r");
  return last == line.npos ? std::string_view() : line.substr(0, last + 1);
}

}  // namespace

bool RecordReader::next() {
  while (lines_.next()) {
    const auto line = without_space(lines_.line());
    too_long_ = lines_.is_too_long();
    if (line.empty() && !too_long_) continue;
    offset_ = lines_.offset();
    line_ = lines_.number();
    text_ = line;
    if (line == "{") gather();
    return true;
  }
  return false;
}

void RecordReader::gather() {
  gathered_ = text_;
  while (lines_.next()) {
    too_long_ =
        too_long_ || lines_.is_too_long() || gathered_.size() + lines_.line().size() >= longest_;
    if (!too_long_) gathered_.append("\n").append(lines_.line());
    if (without_space(lines_.line()) == "}") break;
  }
  text_ = too_long_ ? std::string_view() : std::string_view(gathered_);
}

}  // namespace provenance
