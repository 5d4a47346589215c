// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "figure.hpp"

namespace bench {

// meter.added_latency.p50 and .p99: what the meter adds to a call that is not streamed, its hold on
// the disk included, to the median fdatasync.
void meter_latency(const Output& output);

// meter.streams: events a second of 100 streams at once through the meter, to those read directly;
// meter.streams.memory: the process while they run, to one of streams a tenth as long.
void meter_streams(const Output& output);

}  // namespace bench
