// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "figure.hpp"

namespace bench {

// schedule.lateness.p50 and .p99: 10,000 schedules spread over ten seconds.
void schedule_lateness(const Output& output);

// schedule.burst: 10,000 schedules due at the same instant.
void schedule_burst(const Output& output);

}  // namespace bench
