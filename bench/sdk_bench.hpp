// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "figure.hpp"

namespace bench {

// Microseconds: of a service call that is answered at once; of a run, from submit() to its outcome,
// in a worker that is there, and in one of its own.
void sdk_call_roundtrip(const Output& output);
void sdk_pooled_run(const Output& output);
void sdk_fresh_run(const Output& output);

// sdk.header_compile and sdk.plugin_compile: seconds to compile timmy/plugin.hpp, and a plugin of
// one line.
void sdk_compile(const Output& output);

// sdk.hot_swaps and sdk.hot_swaps.memory: what a thousand of them leave behind in a host.
void sdk_hot_swaps(const Output& output);

}  // namespace bench
