// SPDX-License-Identifier: Apache-2.0
//
// A plugin that keeps every rule but one. BAD_x_y is defined for the one that check `x.y` looks at,
// BAD_x_y_way for another way to break it.
#include <fcntl.h>
#include <signal.h>
#include <timmy/abi.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

// --- what it says of itself --------------------------------------------------------------------

#define TEXT_OF(x) #x
#define NUMBER(x) TEXT_OF(x)

#ifdef BAD_manifest_version
#define ABI R"({"major":1,"minor":99,"minimum":99})"
#else
#define ABI "{\"major\":1,\"minor\":" NUMBER(TIMMY_ABI_MINOR) ",\"minimum\":0}"
#endif
#ifdef BAD_manifest_valid
#define TASK_NAME "Not A Name"
#else
#define TASK_NAME "work"
#endif
#ifdef BAD_manifest_schedules
#define SCHEDULE "0 0 30 2 *"
#else
#define SCHEDULE "@daily"
#endif
#if defined(BAD_config_examples)
#define EXAMPLE R"({"n":"many"})"
#elif defined(BAD_life_examples)
#define EXAMPLE R"({"n":1},{"n":77})"
#else
#define EXAMPLE R"({"n":1})"
#endif
#ifdef BAD_config_described
#define ABOUT ""
#else
#define ABOUT R"("description":"How many",)"
#endif
#ifdef BAD_config_closed
#define CLOSED ""
#else
#define CLOSED R"("additionalProperties":false,)"
#endif
#ifdef BAD_manifest_size
#define TEN(x) x x x x x x x x x x
#define COMMENT R"("$comment":")" TEN(TEN(TEN(TEN("blah blah")))) R"(",)"
#else
#define COMMENT ""
#endif
#if defined(BAD_manifest_folders)
#define NEEDS                                           \
  R"("needs":[{"grant":"fs.write","values":[")" OUTSIDE \
  R"("],"required":false,"why":"to write there"}],)"
#elif defined(BAD_run_outage)
#define NEEDS R"("needs":[{"grant":"gitea.read","required":false,"why":"to ask who it is"}],)"
#else
#define NEEDS ""
#endif
#if defined(BAD_manifest_json)
#define MANIFEST "id: bad"
#elif defined(BAD_manifest_json_id)
#define MANIFEST R"({"id":["bad"],"abi":)" ABI "}"
#else
#define MANIFEST                                                                              \
  R"({"id":"bad","version":"1.0.0","license":"Apache-2.0","description":"Breaks one rule.",)" \
  R"("abi":)" ABI R"(,"tasks":[{"name":")" TASK_NAME                                          \
  R"(","description":"Does it","schedule":")" SCHEDULE R"("}],)" NEEDS                        \
  R"("config_schema":{"type":"object",)" COMMENT CLOSED R"("properties":{"n":{)" ABOUT        \
  R"("type":"integer","minimum":0,"maximum":100}},"examples":[)" EXAMPLE "]}}"
#endif

#ifndef BAD_file_plugin
#ifndef BAD_manifest_constant
const
#endif
    __attribute__((section(".timmy.manifest"), used)) char manifest[] = MANIFEST;
#endif

// --- what it does --------------------------------------------------------------------------------

namespace {

using namespace std::chrono_literals;

timmy_str borrow(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(timmy_str text) { return {text.ptr, static_cast<std::size_t>(text.len)}; }

[[maybe_unused]] timmy_status fail(timmy_reply* reply, const char* message) {
  reply->error(reply->ctx, borrow("bad"), borrow(message));
  return TIMMY_PERMANENT;
}

[[maybe_unused]] void crash() {
  volatile int* volatile nowhere = nullptr;  // or the compiler may know it, and leave the store out
  *nowhere = 1;
}

// The number after "n": in a config, or -1.
[[maybe_unused]] int number_in(std::string_view config) {
  const auto at = config.find("\"n\":");
  return at == std::string_view::npos ? -1 : std::atoi(config.data() + at + 4);
}

// Whether it has none of the keys that the checker makes up to be refused.
[[maybe_unused]] bool is_known(std::string_view config) {
  return config.find("unheard_of") == std::string_view::npos;
}

// Returns the code with which it failed, or nothing.
[[maybe_unused]] std::string call(const timmy_run* run, std::string_view method) {
  std::string failure;
  timmy_reply reply{
      sizeof(timmy_reply),
      0,
      &failure,
      [](void*, timmy_str) {},
      [](void* ctx, timmy_str code, timmy_str) { *static_cast<std::string*>(ctx) = view(code); },
      [](void*, std::int64_t) {}};
  (void)run->call(run->ctx, borrow(method), borrow("{}"), 0, &reply);
  return failure;
}

[[maybe_unused]] bool is_cancelled(const timmy_run* run) { return run->cancelled(run->ctx) != 0; }
// Until it is cancelled, or for 50 ms: no check but the one on cancelling waits for it.
[[maybe_unused]] void wait_for_cancel(const timmy_run* run) {
  for (int i = 0; i < 50 && !is_cancelled(run); ++i) std::this_thread::sleep_for(1ms);
}

[[maybe_unused]] std::atomic<const timmy_run*> kept = nullptr;
[[maybe_unused]] std::atomic<bool> ending = false;
[[maybe_unused]] std::thread caller;  // it is there before the first run, so none leaves it behind
[[maybe_unused]] bool made_before = false;
[[maybe_unused]] int runs = 0;

}  // namespace

#ifdef BAD_file_exports
extern "C" TIMMY_EXPORT int an_own_function() { return 1; }
#endif
#ifdef BAD_file_unique
// As g++ makes of a static member of a template that can be seen. Not every compiler does.
extern "C" __attribute__((visibility("default"))) int unique_value;
asm(".data\n.balign 4\n.type unique_value, @gnu_unique_object\n.size unique_value, 4\n"
    "unique_value: .long 0\n.text");
#endif
#ifdef BAD_life_loads
extern "C" int defined_nowhere();
#endif

static timmy_status create(const timmy_host*, timmy_str config, void** self, timmy_reply* reply) {
  *self = nullptr;
  (void)config, (void)reply;
#if defined(BAD_file_unique)
  unique_value = 1;
#elif defined(BAD_life_loads)
  return defined_nowhere();
#elif defined(BAD_life_create)
  return fail(reply, "does not like it");
#elif defined(BAD_life_quick)
  std::this_thread::sleep_for(400ms);
#elif defined(BAD_life_twice)
  if (made_before) return fail(reply, "there is one already");
  made_before = true;
#elif defined(BAD_life_examples)
  if (number_in(view(config)) == 77) return fail(reply, "not that one");
#elif defined(BAD_config_random)
  if (is_known(view(config)) && number_in(view(config)) > 1) crash();
#elif defined(BAD_config_random_throws)
  if (is_known(view(config)) && number_in(view(config)) > 1)
    throw std::runtime_error("not caught in create");
#elif defined(BAD_config_spoiled)
  if (view(config).find("\"n\":\"") != std::string_view::npos) crash();
#elif defined(BAD_run_late_thread)
  caller = std::thread([] {
    for (; !ending; std::this_thread::sleep_for(5ms))
      if (const auto* run = kept.load(); run != nullptr) call(run, "state/1.list");
  });
#elif defined(BAD_config_reasons)
  if (number_in(view(config)) > 1) return TIMMY_PERMANENT;
#endif
  return TIMMY_OK;
}

static void destroy(void*) {
#if defined(BAD_life_destroy)
  for (;;) std::this_thread::sleep_for(1s);
#elif defined(BAD_life_destroy_throws)
  throw std::runtime_error("not caught in destroy");
#elif defined(BAD_run_late)
  if (kept != nullptr) call(kept, "state/1.list");
#elif defined(BAD_run_late_thread)
  ending = true;
  caller.join();
  ending = false, kept = nullptr;
#endif
}

static timmy_status run(void*, const timmy_run* run, timmy_str, timmy_str job, timmy_reply* reply) {
  (void)run, (void)job, ++runs;
  reply->result(reply->ctx, borrow("{}"));
#if defined(BAD_manifest_folders)
  ::close(::open(OUTSIDE "/planted", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
#elif defined(BAD_run_survives)
  crash();
#elif defined(BAD_run_returns)
  for (;;) std::this_thread::sleep_for(1s);
#elif defined(BAD_run_returns_sigterm)
  ::signal(SIGTERM, [](int) { ::_exit(0); });
  for (;;) std::this_thread::sleep_for(1s);
#elif defined(BAD_run_cancel)
  wait_for_cancel(run);
  if (is_cancelled(run)) std::this_thread::sleep_for(10s);
#elif defined(BAD_run_cancel_sigterm)
  ::signal(SIGTERM, [](int) { ::_exit(0); });
  wait_for_cancel(run);
  if (is_cancelled(run)) std::this_thread::sleep_for(10s);
#elif defined(BAD_run_cancel_exit)
  wait_for_cancel(run);
  if (is_cancelled(run)) ::_exit(0);
#elif defined(BAD_run_contains)
  throw std::runtime_error("not caught");
#elif defined(BAD_run_contains_memory)
  throw std::bad_alloc();
#elif defined(BAD_run_reasons)
  return TIMMY_PERMANENT;
#elif defined(BAD_run_result)
  reply->result(reply->ctx, borrow("[1]"));
#elif defined(BAD_run_result_large)
  reply->result(reply->ctx, borrow("{\"x\":\"" + std::string(1 << 20, 'x') + "\"}"));
#elif defined(BAD_run_leftovers)
  std::thread([] { std::this_thread::sleep_for(60s); }).detach();
#elif defined(BAD_run_leftovers_descriptor)
  (void)::open("/dev/null", O_RDONLY | O_CLOEXEC);
#elif defined(BAD_run_grants)
  call(run, "gitea/1.whoami");
#elif defined(BAD_run_late) || defined(BAD_run_late_thread)
  kept = run;
#elif defined(BAD_run_again)
  if (runs > 1) crash();
#elif defined(BAD_run_again_fails)
  if (runs > 1) return fail(reply, "there was one already");
#elif defined(BAD_run_outage)
  if (call(run, "gitea/1.whoami") == "unavailable") crash();
#elif defined(BAD_run_leaks)
  std::memset(std::malloc(8192), 1, 8192);
#elif defined(BAD_run_large)
  if (job.len > 100'000) crash();
#elif defined(BAD_run_large_throws)
  if (job.len > 100'000) throw std::length_error("not caught");
#elif defined(BAD_run_odd)
  if (view(job).find("\"name\"") != std::string_view::npos) crash();
#elif defined(BAD_run_odd_throws)
  if (view(job).find("\"name\"") != std::string_view::npos) throw 42;
#endif
  return TIMMY_OK;
}

#ifdef BAD_manifest_matches
#define MINOR 77
#else
#define MINOR TIMMY_ABI_MINOR
#endif

extern "C" TIMMY_EXPORT const timmy_plugin timmy_plugin_v1 = {sizeof(timmy_plugin), MINOR, create,
                                                              run, destroy};
