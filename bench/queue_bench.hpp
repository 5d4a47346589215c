// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "figure.hpp"

namespace bench {

// queue.end_to_end, and against Huey where Python has it: queue.end_to_end.vs_huey[_nofsync].
void end_to_end(const Output& output);

// queue.growth: with 1,000,000 jobs waiting, against 1,000.
void growth(const Output& output);

// queue.start_latency.p50 and .p99.
void start_latency(const Output& output);

}  // namespace bench
