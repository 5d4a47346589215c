// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace bench {

// Microseconds: of a service call that is answered at once; of a run, from submit() to its outcome,
// in a worker that is there, and in one of its own.
void sdk_call_roundtrip(bool json);
void sdk_pooled_run(bool json);
void sdk_fresh_run(bool json);

// sdk.header_compile: seconds to compile a plugin of one line.
void sdk_header_compile(bool json);

// sdk.hot_swaps: what a thousand of them leave behind in the process that does them.
void sdk_hot_swaps(bool json);

}  // namespace bench
