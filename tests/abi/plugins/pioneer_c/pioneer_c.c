/* SPDX-License-Identifier: Apache-2.0 */
/* Uses what came after ABI 1.0 where it is there, and does without where it isn't. */
#include <stdio.h>
#include <timmy/abi.h>

/* A field of a later minor: read only if the host that made this run knows it. */
static int batch_that_fits(const timmy_run *run) {
  if (!TIMMY_HAS(timmy_run, run, remaining_ms)) return 10; /* an older host: what always fits */
  return run->remaining_ms(run->ctx) > 20000 ? 100 : 1;
}

/* What of a service's answer matters here. */
struct answer {
  int there; /* whether the host has the service */
};
static void ignore_result(void *ctx, timmy_str json) { (void)ctx, (void)json; }
static void ignore_delay(void *ctx, int64_t milliseconds) { (void)ctx, (void)milliseconds; }
static int is(timmy_str text, const char *other) {
  return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}
static void take_error(void *ctx, timmy_str code, timmy_str message) {
  (void)message;
  ((struct answer *)ctx)->there = !is(code, "unsupported") && !is(code, "usage");
}

/* A service that came later, or that another host may not have. */
static int greets(const timmy_run *run) {
  struct answer answer = {1};
  timmy_reply reply = {sizeof reply, 0, &answer, ignore_result, take_error, ignore_delay};
  run->call(run->ctx, timmy_cstr("later/1.hello"), timmy_cstr("{}"), 0, &reply);
  return answer.there;
}

static timmy_status create(const timmy_host *host, timmy_str config_json, void **self,
                           timmy_reply *reply) {
  (void)host, (void)config_json, (void)reply;
  *self = NULL;
  return TIMMY_OK;
}

static timmy_status run(void *self, const timmy_run *run, timmy_str task, timmy_str job_json,
                        timmy_reply *reply) {
  char text[64];
  (void)self, (void)task, (void)job_json;
  snprintf(text, sizeof text, "{\"batch\":%d,\"greets\":%s}", batch_that_fits(run),
           greets(run) ? "true" : "false");
  reply->result(reply->ctx, timmy_cstr(text));
  return TIMMY_OK;
}

static void destroy(void *self) { (void)self; }

TIMMY_EXPORT const timmy_plugin timmy_plugin_v1 = {
    sizeof(timmy_plugin), TIMMY_ABI_MINOR, create, run, destroy};
