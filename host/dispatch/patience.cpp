// SPDX-License-Identifier: Apache-2.0
#include "dispatch/patience.hpp"

namespace host::dispatch {

void Patience::refused(bool counts, bool others) {
  counts_ = counts;
  if (!counts) return rest();
  with_model(others);
}

void Patience::with_model(bool any) {
  if (any) return rest();
  if (counts_) go_on();
}

void Patience::answered() {
  counts_ = false;
  timer_.cancel();
  left_ = most_;
}

void Patience::go_on() {
  if (timer_) return;
  since_ = loop_.clock().monotonic();
  timer_ = loop_.after(left_, lost_);
}

void Patience::rest() {
  if (!timer_) return;
  timer_.cancel();
  left_ -= loop_.clock().monotonic() - since_;
}

}  // namespace host::dispatch
