// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "file_bytes.hpp"

namespace provenance {

// The records of an export: each is a line; or, as people keep single ones, begins with a line that
// is "{" and ends with one that is "}". For one thread.
class RecordReader {
 public:
  RecordReader(const OpenFile& file, std::size_t longest)
      : lines_(file, longest), longest_(longest) {}

  // Whether there is another one. It is then in text(), or was too long.
  [[nodiscard]] bool next();
  // Valid until the next. Empty where it was too long.
  [[nodiscard]] std::string_view text() const { return text_; }
  // Of the record, from 0.
  [[nodiscard]] std::size_t offset() const { return offset_; }
  [[nodiscard]] std::size_t line() const { return line_; }
  [[nodiscard]] bool is_too_long() const { return too_long_; }
  [[nodiscard]] bool has_failed() const { return lines_.has_failed(); }

 private:
  void gather();

  LineReader lines_;
  std::size_t longest_;
  std::string gathered_;
  std::string_view text_;
  std::size_t offset_ = 0, line_ = 0;
  bool too_long_ = false;
};

}  // namespace provenance
