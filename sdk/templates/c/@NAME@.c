/* What @NAME@ does. See timmy/abi.h for the rules, and docs/writing-a-plugin.md of timmy-host. */
#include <stdio.h>
#include <stdlib.h>
#include <timmy/abi.h>

struct @NAME_C@ {
  const timmy_host *host;
  int runs;
};

static timmy_status create(const timmy_host *host, timmy_str config_json, void **self,
                           timmy_reply *reply) {
  struct @NAME_C@ *made = calloc(1, sizeof *made);
  (void)config_json; /* the manifest has no config_schema: it is always {} */
  if (made == NULL) {
    reply->error(reply->ctx, timmy_cstr("out_of_memory"), timmy_cstr("no memory"));
    return TIMMY_RETRYABLE;
  }
  made->host = host;
  *self = made;
  return TIMMY_OK;
}

/* Each run of a job: may happen more than once for one job. */
static timmy_status run(void *self, const timmy_run *run, timmy_str task, timmy_str job_json,
                        timmy_reply *reply) {
  struct @NAME_C@ *counter = self;
  char text[64];
  (void)run, (void)task, (void)job_json;
  snprintf(text, sizeof text, "{\"runs\": %d}", ++counter->runs);
  counter->host->log(counter->host->ctx, TIMMY_LOG_INFO, timmy_cstr("counted"));
  reply->result(reply->ctx, timmy_cstr(text));
  return TIMMY_OK;
}

static void destroy(void *self) { free(self); }

TIMMY_EXPORT const timmy_plugin timmy_plugin_v1 = {
    sizeof(timmy_plugin), TIMMY_ABI_MINOR, create, run, destroy};
