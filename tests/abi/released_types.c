/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that timmy/abi.h declares, reachable from what a library exports, which is what abidiff
 * compares. Structs are reached by pointer but for timmy_str, as in the interface: those may grow.
 */
#include <timmy/abi.h>

void timmy_types(const timmy_plugin *plugin, const timmy_host *host, const timmy_run *run,
                 timmy_reply *reply, timmy_str text, timmy_status status) {
  (void)plugin, (void)host, (void)run, (void)reply, (void)text, (void)status;
}

/* An enumerator is nobody's type: its value shows as the size of an array. One that came with a
 * later minor N stands under #if TIMMY_ABI_MINOR >= N. */
#define TIMMY_VALUE(name) const char timmy_value_of_##name[1 + name] = {0}
TIMMY_VALUE(TIMMY_ABI_MAJOR);
TIMMY_VALUE(TIMMY_OK);
TIMMY_VALUE(TIMMY_RETRYABLE);
TIMMY_VALUE(TIMMY_PERMANENT);
TIMMY_VALUE(TIMMY_CANCELLED);
TIMMY_VALUE(TIMMY_SNOOZE);
TIMMY_VALUE(TIMMY_LOG_DEBUG);
TIMMY_VALUE(TIMMY_LOG_INFO);
TIMMY_VALUE(TIMMY_LOG_WARN);
TIMMY_VALUE(TIMMY_LOG_ERROR);
