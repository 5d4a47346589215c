// SPDX-License-Identifier: Apache-2.0
//
// What a run printed, in its folder: `output.log`, bounded, without secrets. While the run is under
// way its first half is there, and the last bytes in files beside it, `output.<offset>`; at its end
// they are put together, with a line between that says how much was left out.
//
// Offsets count what would be there if nothing had been left out, so they stay what they are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.hpp"
#include "base/redactor.hpp"
#include "runs/runner.hpp"

namespace host::runs {

// Blots secrets out of a stream, a line at a time. A line that does not end is cut where no secret
// lies across the cut.
class StreamRedactor {
 public:
  explicit StreamRedactor(std::shared_ptr<Redactor> redactor) : redactor_(std::move(redactor)) {}

  // What of the stream is ready now.
  [[nodiscard]] std::string feed(std::string_view bytes);
  // The rest.
  [[nodiscard]] std::string finish();

 private:
  [[nodiscard]] std::string scrub(std::string_view text) const;

  std::shared_ptr<Redactor> redactor_;
  std::string line_;
};

// Writes it. One thread.
class OutputWriter {
 public:
  // Keeps `kept` bytes; 0: all. The folder is there, without output. Throws.
  OutputWriter(std::filesystem::path folder, std::uint64_t kept,
               std::shared_ptr<Redactor> redactor);

  // Throws Error{io} when the disk takes no more.
  void append(std::string_view bytes);
  // Puts the parts together. Nothing more comes. Throws.
  void finish();

  [[nodiscard]] std::uint64_t total() const { return total_; }

 private:
  void write(std::string_view text);
  void write_tail(std::string_view text);
  void begin_part();

  std::filesystem::path folder_;
  StreamRedactor redactor_;
  std::uint64_t head_room_;  // bytes that still fit into the first half
  std::uint64_t part_most_;  // bytes of a part of the tail, of which two are kept
  Fd file_;
  std::uint64_t total_ = 0;
  std::uint64_t part_size_ = 0;
  bool in_tail_ = false;
};

// What is there from `offset` on, `most` bytes at most; nothing at its end. `ended` is not set.
// Throws Error{not_found} without a folder or output, Error{io}.
[[nodiscard]] OutputPiece read_output(const std::filesystem::path& folder, std::uint64_t offset,
                                      std::size_t most);

}  // namespace host::runs
