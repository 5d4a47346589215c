/* Runs the plugin without a host, through its table. The harness of timmy/testing.hpp, which is
 * C++, does more: services, a clock, a forge. */
#include <stdio.h>
#include <timmy/abi.h>

static char result[256];

static void keep(void *ctx, timmy_str json) {
  (void)ctx;
  snprintf(result, sizeof result, "%.*s", (int)json.len, json.ptr);
}
static void show(void *ctx, timmy_str code, timmy_str message) {
  (void)ctx;
  printf("%.*s: %.*s\n", (int)code.len, code.ptr, (int)message.len, message.ptr);
}
static void no_delay(void *ctx, int64_t milliseconds) { (void)ctx, (void)milliseconds; }
static void no_log(void *ctx, int32_t level, timmy_str text) { (void)ctx, (void)level, (void)text; }
static int32_t never(void *ctx) { return (void)ctx, 0; }
static timmy_status no_call(void *ctx, timmy_str method, timmy_str params, int64_t timeout_ms,
                            timmy_reply *reply) {
  (void)ctx, (void)method, (void)params, (void)timeout_ms;
  reply->error(reply->ctx, timmy_cstr("not_granted"), timmy_cstr("no services in this test"));
  return TIMMY_PERMANENT;
}

int main(void) {
  const timmy_host host = {sizeof host, 0, NULL, no_log};
  /* A host of minor 0: what came later is not there. */
  timmy_run run = {.size = 32, .abi_minor = 0, .call = no_call, .cancelled = never};
  timmy_reply reply = {sizeof reply, 0, NULL, keep, show, no_delay};
  const char *job = "{\"id\":1,\"task\":\"@TASK@\",\"key\":\"k\",\"attempt\":1,\"max_attempts\":5,"
                    "\"scheduled_for\":null,\"payload\":{}}";
  void *self = NULL;
  if (timmy_plugin_v1.create(&host, timmy_cstr("{}"), &self, &reply) != TIMMY_OK) return 1;
  if (timmy_plugin_v1.run(self, &run, timmy_cstr("@TASK@"), timmy_cstr(job), &reply) != TIMMY_OK)
    return 1;
  timmy_plugin_v1.destroy(self);
  if (strcmp(result, "{\"runs\": 1}") != 0) return printf("result: %s\n", result), 1;
  return 0;
}
