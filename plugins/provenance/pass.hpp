// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "reading.hpp"
#include "sketch.hpp"

namespace provenance {

// One reading of what changed in a source since a cursor. What it holds is told apart by keys,
// which are handed over from the smallest on, and seen to have changed by fingerprints. The next
// cursor says what was handed over, however far that came: a reading that is stopped in the middle
// goes on from there.
class Pass {
 public:
  // `largest`: no key is larger.
  Pass(const Cursor& since, std::uint64_t largest);

  // Then there is no need to look at all that is there.
  [[nodiscard]] bool knows_nothing() const { return before_.is_empty(); }
  // Everything that is there, in any order, and that this was all.
  void look(std::uint64_t key, std::uint64_t fingerprint);
  void looked();

  [[nodiscard]] std::size_t range_of(std::uint64_t key) const { return before_.range_of(key); }
  [[nodiscard]] std::uint64_t last_of(std::size_t range) const { return before_.last_of(range); }
  [[nodiscard]] bool is_changed(std::size_t range) const { return changed_[range]; }
  // Up to which key a range was handed over the last time, where it went no further.
  [[nodiscard]] std::optional<std::uint64_t> begun_in(std::size_t range) const;
  // Whether what has that key is to be handed over.
  [[nodiscard]] bool wants(std::uint64_t key) const;

  // It was, with what it was then.
  void handed(std::uint64_t key, std::uint64_t fingerprint);
  // So was all else.
  void complete() { complete_ = true; }
  [[nodiscard]] bool is_complete() const { return complete_; }

  // When something ceases to be live, which nobody writes down.
  void note_live(std::optional<Instant> until);

  [[nodiscard]] Cursor cursor() const;

 private:
  struct Begun {
    std::uint64_t key = 0;
    std::uint64_t sum = 0;  // of the fingerprints of its range up to there
  };
  static std::optional<Begun> begun_from(const Cursor& cursor);

  Sketch before_;                // as the cursor says
  Sketch seen_;                  // by look()
  Sketch handed_;                // in the ranges that changed
  std::optional<Begun> begun_;   // as the cursor says, and is still so
  std::uint64_t begun_sum_ = 0;  // of that range now, up to that key
  std::optional<std::uint64_t> last_;
  std::optional<Instant> live_until_;
  std::vector<bool> changed_ = std::vector<bool>(Sketch::kRanges, true);
  bool complete_ = false;
};

// Whether no session that was live when the cursor was made has ceased to be since.
[[nodiscard]] bool is_good_until(const Cursor& cursor, Instant now);

}  // namespace provenance
