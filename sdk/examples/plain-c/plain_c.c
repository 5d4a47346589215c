/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <timmy/abi.h>

struct counter {
  const timmy_host *host;
  int runs;
};

static timmy_status create(const timmy_host *host, timmy_str config_json, void **self,
                           timmy_reply *reply) {
  struct counter *counter = calloc(1, sizeof *counter);
  (void)config_json; /* the manifest has no config_schema: it is always {} */
  if (counter == NULL) {
    reply->error(reply->ctx, timmy_cstr("out_of_memory"), timmy_cstr("no memory for the counter"));
    return TIMMY_RETRYABLE;
  }
  counter->host = host;
  *self = counter;
  return TIMMY_OK;
}

static timmy_status count(struct counter *counter, timmy_reply *reply) {
  char text[64];
  snprintf(text, sizeof text, "{\"runs\": %d}", ++counter->runs);
  counter->host->log(counter->host->ctx, TIMMY_LOG_INFO, timmy_cstr("counted"));
  reply->result(reply->ctx, timmy_cstr(text));
  return TIMMY_OK;
}

static timmy_status run(void *self, const timmy_run *run, timmy_str task, timmy_str job_json,
                        timmy_reply *reply) {
  static const char whoami[] = "plain_c_whoami";
  (void)job_json;
  if (run->cancelled(run->ctx)) {
    reply->error(reply->ctx, timmy_cstr("cancelled"), timmy_cstr("cancelled before it began"));
    return TIMMY_CANCELLED;
  }
  if (task.len == sizeof whoami - 1 && memcmp(task.ptr, whoami, task.len) == 0) {
    /* What the service answers, result or error, is this job's own. */
    return run->call(run->ctx, timmy_cstr("gitea/1.whoami"), timmy_cstr("{}"), 10000, reply);
  }
  return count(self, reply);
}

static void destroy(void *self) { free(self); }

TIMMY_EXPORT const timmy_plugin timmy_plugin_v1 = {
    sizeof(timmy_plugin), TIMMY_ABI_MINOR, create, run, destroy};
