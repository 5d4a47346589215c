/* SPDX-License-Identifier: Apache-2.0 */
/* Does nothing, as fast as a plugin can; or tells when it was called; or calls the host many times; or
 * never ends. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <timmy/abi.h>

static int32_t create(const timmy_host *host, timmy_str config, void **self, timmy_reply *reply) {
  (void)host, (void)config, (void)self, (void)reply;
  return TIMMY_OK;
}

enum { CALLS = 20000 };

static void ignore_result(void *ctx, timmy_str json) { (void)ctx, (void)json; }
static void ignore_error(void *ctx, timmy_str code, timmy_str message) {
  (void)ctx, (void)code, (void)message;
}
static void ignore_delay(void *ctx, int64_t milliseconds) { (void)ctx, (void)milliseconds; }

static int32_t call_the_host(const timmy_run *run) {
  timmy_reply reply = {sizeof reply, 0, NULL, ignore_result, ignore_error, ignore_delay};
  for (int i = 0; i < CALLS; ++i) {
    const timmy_status status =
        run->call(run->ctx, timmy_cstr("state/1.get"), timmy_cstr("{\"key\":\"k\"}"), 0, &reply);
    if (status != TIMMY_OK) return status;
  }
  return TIMMY_OK;
}

/* Of CLOCK_MONOTONIC, which is the same in all processes. */
static int32_t tell_the_time(timmy_reply *reply) {
  struct timespec now;
  char text[48];
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int size = snprintf(text, sizeof text, "{\"ns\":%" PRId64 "}", (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
  reply->result(reply->ctx, (timmy_str){text, (size_t)size});
  return TIMMY_OK;
}

static int32_t compute_for_ever(void) {
  volatile uint32_t turns = 0;
  for (;;) ++turns;
}

static int32_t run(void *self, const timmy_run *run, timmy_str task, timmy_str job, timmy_reply *reply) {
  static const char kResult[] = "{}";
  (void)self, (void)job;
  if (task.len == sizeof "noop_calls" - 1) return call_the_host(run);
  if (task.len == sizeof "noop_the_time" - 1) return tell_the_time(reply);
  if (task.len == sizeof "noop_busy" - 1) return compute_for_ever();
  reply->result(reply->ctx, (timmy_str){kResult, sizeof kResult - 1});
  return TIMMY_OK;
}

static void destroy(void *self) { (void)self; }

TIMMY_EXPORT const timmy_plugin timmy_plugin_v1 = {sizeof(timmy_plugin), TIMMY_ABI_MINOR, create, run, destroy};
