/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that may be read but not loaded: its constructor ends the process. */
#include <stdlib.h>

#include "timmy/abi.h"

__attribute__((constructor)) static void end(void) { abort(); }

static timmy_status create(const timmy_host *host, timmy_str config, void **self,
                           timmy_reply *reply) {
  (void)host, (void)config, (void)reply;
  *self = 0;
  return TIMMY_OK;
}
static timmy_status run(void *self, const timmy_run *handle, timmy_str task, timmy_str job,
                        timmy_reply *reply) {
  (void)self, (void)handle, (void)task, (void)job, (void)reply;
  return TIMMY_OK;
}
static void destroy(void *self) { (void)self; }

TIMMY_EXPORT const timmy_plugin timmy_plugin_v1 = {sizeof(timmy_plugin), TIMMY_ABI_MINOR, create,
                                                   run, destroy};
