// SPDX-License-Identifier: Apache-2.0
//
// A plugin that keeps every rule but one. BAD_x_y is defined for the one that check `x.y` looks at.
#include <timmy/abi.h>

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
#ifdef BAD_config_examples
#define EXAMPLE R"({"n":"many"})"
#else
#define EXAMPLE R"({"n":1})"
#endif

#ifndef BAD_manifest_constant
const
#endif
    __attribute__((section(".timmy.manifest"), used)) char manifest[] =
        R"({"id":"bad","version":"1.0.0","license":"Apache-2.0","description":"Breaks one rule.",)"
        R"("abi":)" ABI R"(,"tasks":[{"name":")" TASK_NAME
        R"(","description":"Does it","schedule":")" SCHEDULE
        R"("}],"config_schema":{"type":"object","additionalProperties":false,"properties":)"
        R"({"n":{"type":"integer","minimum":0,"maximum":100}},"examples":[)" EXAMPLE "]}}";

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

[[maybe_unused]] timmy_status call(const timmy_run* run, std::string_view method) {
  timmy_reply reply{sizeof(timmy_reply),
                    0,
                    nullptr,
                    [](void*, timmy_str) {},
                    [](void*, timmy_str, timmy_str) {},
                    [](void*, std::int64_t) {}};
  return run->call(run->ctx, borrow(method), borrow("{}"), 0, &reply);
}

[[maybe_unused]] const timmy_run* kept = nullptr;
[[maybe_unused]] bool made_before = false;

}  // namespace

#ifdef BAD_file_exports
extern "C" TIMMY_EXPORT int an_own_function() { return 1; }
#endif
#ifdef BAD_file_unique
template <class T>
struct __attribute__((visibility("default"))) Unique {
  static inline int value = 0;
};
#endif
#ifdef BAD_life_loads
extern "C" int defined_nowhere();
#endif

static timmy_status create(const timmy_host*, timmy_str config, void** self, timmy_reply* reply) {
  *self = nullptr;
  (void)config, (void)reply;
#if defined(BAD_file_unique)
  Unique<int>::value = 1;
#elif defined(BAD_life_loads)
  return defined_nowhere();
#elif defined(BAD_life_create)
  return fail(reply, "does not like it");
#elif defined(BAD_life_quick)
  std::this_thread::sleep_for(400ms);
#elif defined(BAD_life_twice)
  if (made_before) return fail(reply, "there is one already");
  made_before = true;
#elif defined(BAD_config_random)
  if (number_in(view(config)) > 1) crash();
#elif defined(BAD_config_spoiled)
  if (view(config).find("\"n\":\"") != std::string_view::npos) crash();
#endif
  return TIMMY_OK;
}

static void destroy(void*) {
#if defined(BAD_life_destroy)
  for (;;) std::this_thread::sleep_for(1s);
#elif defined(BAD_run_late)
  if (kept != nullptr) call(kept, "state/1.list");
#endif
}

static timmy_status run(void*, const timmy_run* run, timmy_str, timmy_str job, timmy_reply* reply) {
  (void)run, (void)job;
  reply->result(reply->ctx, borrow("{}"));
#if defined(BAD_run_survives)
  crash();
#elif defined(BAD_run_returns)
  for (;;) std::this_thread::sleep_for(1s);
#elif defined(BAD_run_cancel)
  for (int i = 0; i < 50 && run->cancelled(run->ctx) == 0; ++i) std::this_thread::sleep_for(1ms);
  if (run->cancelled(run->ctx) != 0) std::this_thread::sleep_for(60s);
#elif defined(BAD_run_contains)
  throw std::runtime_error("not caught");
#elif defined(BAD_run_reasons)
  return TIMMY_PERMANENT;
#elif defined(BAD_run_result)
  reply->result(reply->ctx, borrow("[1]"));
#elif defined(BAD_run_leftovers)
  std::thread([] { std::this_thread::sleep_for(60s); }).detach();
#elif defined(BAD_run_grants)
  call(run, "gitea/1.whoami");
#elif defined(BAD_run_late)
  kept = run;
#elif defined(BAD_run_leaks)
  std::memset(std::malloc(8192), 1, 8192);
#elif defined(BAD_run_large)
  if (job.len > 100'000) crash();
#elif defined(BAD_run_odd)
  if (view(job).find("\"name\"") != std::string_view::npos) crash();
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
