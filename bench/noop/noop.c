/* SPDX-License-Identifier: Apache-2.0 */
/* Does nothing, as fast as a plugin can. */
#include <timmy/abi.h>

static int32_t create(const timmy_host *host, timmy_str config, void **self, timmy_reply *reply) {
  (void)host, (void)config, (void)self, (void)reply;
  return TIMMY_OK;
}

static int32_t run(void *self, const timmy_run *run, timmy_str task, timmy_str job, timmy_reply *reply) {
  static const char kResult[] = "{}";
  (void)self, (void)run, (void)task, (void)job;
  reply->result(reply->ctx, (timmy_str){kResult, sizeof kResult - 1});
  return TIMMY_OK;
}

static void destroy(void *self) { (void)self; }

TIMMY_EXPORT const timmy_plugin timmy_plugin_v1 = {sizeof(timmy_plugin), TIMMY_ABI_MINOR, create, run, destroy};
