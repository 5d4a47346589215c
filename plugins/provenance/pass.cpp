// SPDX-License-Identifier: Apache-2.0
#include "pass.hpp"

#include <algorithm>

namespace provenance {
namespace {

Cursor member(const Cursor& cursor, const char* name) {
  return cursor.is_object() ? cursor.value(name, Cursor()) : Cursor();
}

}  // namespace

Pass::Pass(const Cursor& since, std::uint64_t largest)
    : before_(Sketch::from(member(since, "sketch"))), begun_(begun_from(since)) {
  before_.reach(largest);
  if (begun_) before_.reach(begun_->key);
  seen_ = handed_ = before_.empty_like();
  if (knows_nothing()) begun_.reset();
}

std::optional<Pass::Begun> Pass::begun_from(const Cursor& cursor) {
  const auto key = member(cursor, "key"), sum = member(cursor, "sum");
  if (!key.is_number_unsigned() || !sum.is_number_unsigned()) return std::nullopt;
  return Begun{key, sum};
}

void Pass::look(std::uint64_t key, std::uint64_t fingerprint) {
  seen_.add(key, fingerprint);
  if (begun_ && key <= begun_->key && range_of(key) == range_of(begun_->key))
    begun_sum_ = Sketch::sum_of(begun_sum_, fingerprint);
}

void Pass::looked() {
  for (std::size_t range = 0; range < Sketch::kRanges; ++range)
    changed_[range] = seen_[range] != before_[range];
  if (!begun_) return;
  if (begun_sum_ != begun_->sum)
    begun_.reset();
  else
    handed_.set(range_of(begun_->key), begun_->sum);
}

std::optional<std::uint64_t> Pass::begun_in(std::size_t range) const {
  if (!begun_ || range_of(begun_->key) != range || !changed_[range]) return std::nullopt;
  return begun_->key;
}

bool Pass::wants(std::uint64_t key) const {
  const auto range = range_of(key);
  const auto begun = begun_in(range);
  return changed_[range] && (!begun || key > *begun);
}

void Pass::handed(std::uint64_t key, std::uint64_t fingerprint) {
  handed_.add(key, fingerprint);
  last_ = key;
}

void Pass::note_live(std::optional<Instant> until) {
  if (until) live_until_ = live_until_ ? std::min(*live_until_, *until) : *until;
}

// Up to the range that was reached; what lies behind it is as the last cursor says.
Cursor Pass::cursor() const {
  const auto reached = complete_ ? Sketch::kRanges : last_ ? range_of(*last_) : 0;
  Sketch sketch = before_;
  for (std::size_t range = 0; range < reached; ++range)
    if (changed_[range]) sketch.set(range, handed_[range]);
  if (!complete_ && last_) sketch.set(reached, handed_[reached]);
  Cursor cursor{{"sketch", sketch.json()}};
  if (!complete_ && last_) {
    cursor["key"] = *last_;
    cursor["sum"] = handed_[reached];
  }
  if (complete_ && live_until_) cursor["until"] = live_until_->time_since_epoch().count();
  return cursor;
}

bool is_good_until(const Cursor& cursor, Instant now) {
  if (!cursor.is_object()) return false;
  const auto until = cursor.find("until");
  if (until == cursor.end()) return true;
  return until->is_number_integer() && until->get<std::int64_t>() > now.time_since_epoch().count();
}

}  // namespace provenance
