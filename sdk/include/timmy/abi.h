/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timmy/abi.h: the contract between timmy-host and a plugin. C11; also C++20.
 *
 * A plugin is one shared library that exports one symbol, `timmy_plugin_v1`, and carries its
 * manifest as JSON in the ELF section `.timmy.manifest`. The host reads the manifest without
 * loading the library. Only a worker process loads it, and calls what the symbol points to.
 * C++ authors want timmy/plugin.hpp, which is written on top of this file and of nothing else.
 *
 * THE RULES
 *
 * 1. Versions. TIMMY_ABI_MAJOR stands in the symbol's name. Within a major nothing that was
 *    released changes: no field moves, no type changes, no meaning is tightened. TIMMY_ABI_MINOR
 *    grows when something is added. A host of minor H runs a plugin that was built with minor P,
 *    of the same major, if P <= H, or if the manifest's "abi":{"minimum"} is <= H. So a plugin
 *    built with a newer SDK still runs on an older host when it says so, and checks for what it
 *    uses (rule 2). What came with a minor later than 0 says so: "Since minor 1".
 *
 * 2. Growth. A struct only grows at its end; timmy_str, which is passed by value, never. Its `size`
 *    is set by the side that made it, to the sizeof of its own build. Read a field only if
 *    TIMMY_HAS() says that it is there; a field that is not there is a feature that the other side
 *    does not have. The fields of minor 0 are always there. Enumerations only get new members at
 *    their end; an unknown status from the other side is TIMMY_PERMANENT, an unknown log level is
 *    TIMMY_LOG_ERROR. docs/abi.md shows how a plugin uses what came later, and what keeps us to
 *    all of this.
 *
 * 3. Services do not grow this file. They are reached by name through `call`, and carry a revision
 *    of their own: "gitea/1.list_issues". A changed service is a new revision; the old one is
 *    served beside it for at least four minors.
 *
 * 4. Ownership. Every timmy_str that is passed in is borrowed: valid until the function returns,
 *    never longer, never freed by who got it. Everything that goes out goes through a setter of
 *    timmy_reply, which copies before it returns. Neither side ever frees the other's memory, and
 *    nothing returns a char pointer.
 *
 * 5. Text is UTF-8, not NUL-terminated. JSON is RFC 8259, at most 64 levels deep. An empty JSON
 *    text means {} when it comes from the plugin; the host always sends a whole value.
 *
 * 6. Threads. Each function below has a tag:
 *      [task-thread]  called by the worker, always from one and the same thread of it, one call at
 *                     a time. A worker has one instance of a plugin. Plugin state that only these
 *                     functions touch needs no lock.
 *      [any-thread]   may be called from any thread of the plugin, several at once.
 *      [caller]       called on the thread that called the function which was given it, before
 *                     that function returns.
 *    A plugin may start threads (not processes). They end before `run` returns if they use its
 *    timmy_run, and before `destroy` returns in any case.
 *
 * 7. Exceptions, longjmp and pthread_exit never cross this interface, in either direction.
 *
 * 8. Null. No pointer in a table is null, and `ptr` of a timmy_str may be null only if `len` is 0.
 *
 * 9. Misuse. A plugin that breaks a rule harms its own worker process and its own job, which fails
 *    with a reason. It is never the host's outage.
 */
#ifndef TIMMY_ABI_H
#define TIMMY_ABI_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TIMMY_ABI_MAJOR 1
#define TIMMY_ABI_MINOR 1

#ifdef __cplusplus
#define TIMMY_STATIC_ASSERT(condition, text) static_assert(condition, text)
extern "C" {
#else
#define TIMMY_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* Stands before the definition of timmy_plugin_v1: visible although the rest of the library is
 * built with -fvisibility=hidden. */
#define TIMMY_EXPORT __attribute__((visibility("default")))

/* Whether `pointer`, to a struct of this `type`, was made by a side that knows `field` (rule 2):
 *   if (TIMMY_HAS(timmy_run, run, later_field)) run->later_field(run->ctx);
 */
#define TIMMY_HAS(type, pointer, field) \
  ((pointer)->size >= offsetof(type, field) + sizeof((pointer)->field))

/* Text or JSON, borrowed (rule 4). */
typedef struct timmy_str {
  const char *ptr; /* not NUL-terminated; may be null only if len is 0 */
  uint64_t len;    /* in bytes */
} timmy_str;

/* A borrowed view of a C string, which has to outlive it. [any-thread] */
__attribute__((unused)) static inline timmy_str timmy_cstr(const char *text) {
  timmy_str view;
  view.ptr = text;
  view.len = (uint64_t)strlen(text);
  return view;
}

/* How a call went, and what the one who made it may do next.
 *
 *                    from create       from run                        from call
 *   TIMMY_OK         ready             the job is completed            the result was set
 *   TIMMY_RETRYABLE  tried again       an attempt is burned; run       the same call may
 *                    later             again after a back-off          succeed later
 *   TIMMY_PERMANENT  config is wrong   the job is discarded, no        the same call fails
 *                                      retry                           again
 *   TIMMY_CANCELLED  (permanent)       the job is cancelled            this run has been
 *                                                                      cancelled: return soon
 *   TIMMY_SNOOZE     (retryable)       not now: run again after the    never
 *                                      delay; no attempt is burned
 */
typedef int32_t timmy_status;
enum {
  TIMMY_OK = 0,
  TIMMY_RETRYABLE = 1,
  TIMMY_PERMANENT = 2,
  TIMMY_CANCELLED = 3,
  TIMMY_SNOOZE = 4
};

/* Levels of a log line. */
enum { TIMMY_LOG_DEBUG = 0, TIMMY_LOG_INFO = 1, TIMMY_LOG_WARN = 2, TIMMY_LOG_ERROR = 3 };

/* Where a function puts its output. Made by the caller of create, run or call; valid until that
 * function returns. The last call of a setter counts. Setters copy what they get.
 *
 * A function that does not return TIMMY_OK must call `error`: a failure without a text is shown as
 * a fault of the plugin. */
typedef struct timmy_reply {
  uint32_t size;     /* sizeof(timmy_reply), as its maker was built */
  uint32_t reserved; /* 0 */
  void *ctx;         /* first argument of each setter; the maker's, opaque to the other side */

  /* The result, a JSON object. Optional from run (then {}), none from create, always from a call
   * that returns TIMMY_OK. From run at most 1 MiB; it is stored with the job. [caller] */
  void (*result)(void *ctx, timmy_str json);

  /* Why it failed. `code` is a short stable name in lower case with underscores, by which programs
   * tell failures apart ("not_granted", "unavailable", or one of the plugin's own). `message` is a
   * sentence for people: what went wrong, where, and what was expected; at most 4 KiB are kept.
   * Never put a secret in it. [caller] */
  void (*error)(void *ctx, timmy_str code, timmy_str message);

  /* How long to wait, in milliseconds, not negative. From run: with TIMMY_SNOOZE when to come back
   * (without it: 60000), with TIMMY_RETRYABLE a lower bound of the back-off. From a call that
   * returns TIMMY_RETRYABLE: what the far side asked for, such as Retry-After. [caller] */
  void (*delay)(void *ctx, int64_t milliseconds);
} timmy_reply;

/* What the worker offers to an instance. Handed to create; valid until destroy has returned, or
 * until create has returned anything but TIMMY_OK. */
typedef struct timmy_host {
  uint32_t size;      /* sizeof(timmy_host), as the worker was built */
  uint32_t abi_minor; /* TIMMY_ABI_MINOR, as the worker was built */
  void *ctx;          /* first argument of each function below */

  /* Writes one line to the host's log, tagged with the plugin and with the job that is running.
   * The text is copied. Line breaks are shown escaped; a line over 8 KiB is cut; a flood is
   * counted instead of written. Never fails, never blocks for long. [any-thread] */
  void (*log)(void *ctx, int32_t level, timmy_str text);
} timmy_host;

/* What the worker offers to one run of one job. Handed to run; dead when run returns. */
typedef struct timmy_run {
  uint32_t size;      /* sizeof(timmy_run), as the worker was built */
  uint32_t abi_minor; /* TIMMY_ABI_MINOR, as the worker was built */
  void *ctx;          /* first argument of each function below */

  /* Asks the host for a service, and blocks until it has answered.
   *   method       "<service>/<revision>.<name>", such as "gitea/1.list_issues"
   *   params_json  a JSON object; its form is the method's (docs/services.md)
   *   timeout_ms   how long to wait, at most; 0: as long as the run may still take. A longer one
   *                is cut down to that.
   *   reply        the caller's; `result` is set on TIMMY_OK, else `error`. Its setters are called
   *                on this thread.
   * The host checks the plugin's grants on every call: "not_granted" is TIMMY_PERMANENT. A
   * service, or a revision of one, that this host does not have is TIMMY_PERMANENT with the code
   * "unsupported"; a method that the service does not have likewise with "usage". When the time
   * is up the call is TIMMY_RETRYABLE with the code "timed_out"; the service may still take effect.
   * Returns TIMMY_CANCELLED at once, also to calls that are waiting, when the run is cancelled.
   * [any-thread] */
  timmy_status (*call)(void *ctx, timmy_str method, timmy_str params_json, int64_t timeout_ms,
                       timmy_reply *reply);

  /* 1 if this run should stop: its deadline has passed, somebody cancelled it, or the host drains.
   * Else 0. Once 1, always 1. Cheap; ask at least twice a second in a long computation. A run
   * that does not return is ended by SIGTERM, then SIGKILL, after the host's grace.
   * [any-thread] */
  int32_t (*cancelled)(void *ctx);

  /* Since minor 1. How long this run may still take before its deadline, in whole milliseconds,
   * rounded down: 0 once the deadline has passed or `cancelled` says 1, never negative. It never
   * grows. Begin nothing that takes longer. Cheap. [any-thread] */
  int64_t (*remaining_ms)(void *ctx);
} timmy_run;

/* What a plugin offers. Constant data: it is read before any code of the plugin runs, apart from
 * static constructors (which should do nothing). */
typedef struct timmy_plugin {
  uint32_t size;      /* sizeof(timmy_plugin) */
  uint32_t abi_minor; /* TIMMY_ABI_MINOR */

  /* Makes the instance. Called once a worker process, before any run.
   *   host         borrowed until destroy returns; may be kept
   *   config_json  this plugin's configuration: an object that the host has checked against the
   *                manifest's config_schema and filled with its defaults. Borrowed for the call.
   *   self         set to the instance, which the plugin owns; may be set to null
   *   reply        `error` when it fails
   * Returns TIMMY_OK, or why not; then neither run nor destroy is called. It has no run, so it can
   * call no service: look at the configuration here, and work in run. [task-thread] */
  timmy_status (*create)(const timmy_host *host, timmy_str config_json, void **self,
                         timmy_reply *reply);

  /* Does one job. May be called any number of times, for any task of the manifest.
   *   self      what create set
   *   run       dead when this function returns
   *   task      the task's name, as in the manifest
   *   job_json  {"id":1, "task":"x", "key":"...", "attempt":1, "max_attempts":5,
   *              "scheduled_for":"2026-11-23T14:05:00Z" or null, "payload":{...}}.
   *             A member that is not listed here is to be ignored. A test's harness may add
   *             "now", an instant in the form of scheduled_for: the time that the plugin is to take
   *             for the present (timmy/testing.hpp does). A host never does.
   *             `key` is the idempotency key: the same in each run of one job, and no other job's.
   *             A job runs at least once, so what must not happen twice has to be keyed by it.
   *   reply     the outcome, see timmy_status
   * [task-thread] */
  timmy_status (*run)(void *self, const timmy_run *run, timmy_str task, timmy_str job_json,
                      timmy_reply *reply);

  /* Ends the instance. Called once after a create that returned TIMMY_OK, unless the process is
   * killed first: never rely on it for what has to be kept. [task-thread] */
  void (*destroy)(void *self);
} timmy_plugin;

/* The one symbol that a plugin exports. Define it with constant initialisers:
 *   TIMMY_EXPORT const timmy_plugin timmy_plugin_v1 = {
 *       sizeof(timmy_plugin), TIMMY_ABI_MINOR, my_create, my_run, my_destroy};
 */
extern TIMMY_EXPORT const timmy_plugin timmy_plugin_v1;

/* The layout is part of the contract, on every 64-bit ABI that is supported. */
TIMMY_STATIC_ASSERT(sizeof(void *) == 8, "64-bit only");
TIMMY_STATIC_ASSERT(sizeof(timmy_str) == 16, "timmy_str is released");
TIMMY_STATIC_ASSERT(offsetof(timmy_str, len) == 8, "timmy_str is released");
TIMMY_STATIC_ASSERT(sizeof(timmy_reply) == 40, "timmy_reply grew: raise TIMMY_ABI_MINOR");
TIMMY_STATIC_ASSERT(offsetof(timmy_reply, ctx) == 8, "timmy_reply is released");
TIMMY_STATIC_ASSERT(offsetof(timmy_reply, result) == 16, "timmy_reply is released");
TIMMY_STATIC_ASSERT(offsetof(timmy_reply, error) == 24, "timmy_reply is released");
TIMMY_STATIC_ASSERT(offsetof(timmy_reply, delay) == 32, "timmy_reply is released");
TIMMY_STATIC_ASSERT(sizeof(timmy_host) == 24, "timmy_host grew: raise TIMMY_ABI_MINOR");
TIMMY_STATIC_ASSERT(offsetof(timmy_host, abi_minor) == 4, "timmy_host is released");
TIMMY_STATIC_ASSERT(offsetof(timmy_host, ctx) == 8, "timmy_host is released");
TIMMY_STATIC_ASSERT(offsetof(timmy_host, log) == 16, "timmy_host is released");
TIMMY_STATIC_ASSERT(sizeof(timmy_run) == 40, "timmy_run grew: raise TIMMY_ABI_MINOR");
TIMMY_STATIC_ASSERT(offsetof(timmy_run, abi_minor) == 4, "timmy_run is released");
TIMMY_STATIC_ASSERT(offsetof(timmy_run, ctx) == 8, "timmy_run is released");
TIMMY_STATIC_ASSERT(offsetof(timmy_run, call) == 16, "timmy_run is released");
TIMMY_STATIC_ASSERT(offsetof(timmy_run, cancelled) == 24, "timmy_run is released");
TIMMY_STATIC_ASSERT(offsetof(timmy_run, remaining_ms) == 32, "minor 0 of timmy_run ends here");
TIMMY_STATIC_ASSERT(sizeof(timmy_plugin) == 32, "timmy_plugin grew: raise TIMMY_ABI_MINOR");
TIMMY_STATIC_ASSERT(offsetof(timmy_plugin, abi_minor) == 4, "timmy_plugin is released");
TIMMY_STATIC_ASSERT(offsetof(timmy_plugin, create) == 8, "timmy_plugin is released");
TIMMY_STATIC_ASSERT(offsetof(timmy_plugin, run) == 16, "timmy_plugin is released");
TIMMY_STATIC_ASSERT(offsetof(timmy_plugin, destroy) == 24, "timmy_plugin is released");

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* TIMMY_ABI_H */
