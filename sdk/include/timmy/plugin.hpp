// SPDX-License-Identifier: Apache-2.0
//
// A plugin in C++20: write a class, name it in TIMMY_PLUGIN, and nothing else of timmy/abi.h.
// Header-only; needs nlohmann_json.
//
//   struct Hello {
//     explicit Hello(const timmy::Json& config);  // or (config, timmy::Log), or ()
//     timmy::Json run(const timmy::Job& job, timmy::Context& ctx);  // or void
//   };
//   TIMMY_PLUGIN(Hello)
//
// A plugin with several tasks names a method for each; a task that is not named goes to run(), if
// the class has one:
//
//   TIMMY_PLUGIN(Watch, {"watch_fast", &Watch::fast}, {"watch_slow", &Watch::slow})
//
// The constructor gets the configuration, which the host has checked against the manifest's schema
// and filled with its defaults; what it throws makes the configuration wrong (permanent), unless it
// is a Retryable. A task returns its result, an object, or throws:
//   Retryable, Permanent, Cancelled, Snooze   what they say (timmy/failure.hpp)
//   any other std::exception                  a retryable failure "exception" with its what()
//   anything else                             a retryable failure "unknown_exception"
// No exception crosses into the host.
//
// Everything that this includes, services and log too:
//   since      ABI 1.0, unless it says otherwise
//   threads    constructor, tasks and destructor of the plugin run on one thread, one at a time. A
//              Job is the task's own. Context, Log, the services and the failures may be used from
//              any thread; threads that use the run's Context end before the task returns.
//   ownership  what is passed in is borrowed until the function returns, and copied where it is
//              kept; what is returned is the caller's. The Context and its services die with the
//              run; a copy of the Log lives as long as the plugin's instance. The instance belongs
//              to the worker, which destroys it.
//   errors     as above, and what each says
#pragma once

#include <timmy/abi.h>
#include <timmy/context.hpp>
#include <timmy/failure.hpp>
#include <timmy/job.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace timmy {

// A task and the method that does it.
template <class P>
struct Task {
  using Result = Json (P::*)(const Job&, Context&);
  using NoResult = void (P::*)(const Job&, Context&);
  constexpr Task() = default;
  constexpr Task(std::string_view task, Result method) : name(task), with_result(method) {}
  constexpr Task(std::string_view task, NoResult method) : name(task), without_result(method) {}

  std::string_view name;
  Result with_result = nullptr;
  NoResult without_result = nullptr;
};

template <class P>
concept ConstructibleFromConfig = std::is_constructible_v<P, const Json&, Log> ||
    std::is_constructible_v<P, const Json&> || std::is_default_constructible_v<P>;

template <class P>
concept HasRun = requires(P& plugin, Job& job, Context& ctx) {
  { plugin.run(job, ctx) } -> std::convertible_to<Json>;
}
|| requires(P& plugin, Job& job, Context& ctx) {
  { plugin.run(job, ctx) } -> std::same_as<void>;
};

namespace detail {

// What `self` points to.
template <class P>
struct Instance {
  Instance(std::unique_ptr<P> p, const timmy_host* h) : plugin(std::move(p)), host(h) {}
  std::unique_ptr<P> plugin;
  const timmy_host* host;
};

inline timmy_status fail(timmy_reply* reply, timmy_status status, std::string_view code,
                         std::string_view message) noexcept {
  reply->error(reply->ctx, borrow(code), borrow(message));
  return status;
}

// The one edge that every entry goes through: whatever `work` throws becomes a status and a text.
// `otherwise` is the status of what nobody meant to throw. Allocates nothing.
template <class Work>
timmy_status guarded(timmy_reply* reply, timmy_status otherwise, const Work& work) noexcept {
  try {
    work();
    return TIMMY_OK;
  } catch (const Failure& failure) {
    if (failure.delay()) reply->delay(reply->ctx, failure.delay()->count());
    return fail(reply, failure.status(), failure.code(), failure.what());
  } catch (const std::bad_alloc&) {
    return fail(reply, TIMMY_RETRYABLE, "out_of_memory", "the plugin ran out of memory");
  } catch (const std::exception& error) {
    return fail(reply, otherwise, "exception", error.what());
  } catch (...) {
    return fail(reply, otherwise, "unknown_exception",
                "the plugin threw something that is no std::exception");
  }
}

template <class P>
std::unique_ptr<P> make(const Json& config, const timmy_host* host) {
  if constexpr (std::is_constructible_v<P, const Json&, Log>) {
    return std::make_unique<P>(config, Log(host));
  } else if constexpr (std::is_constructible_v<P, const Json&>) {
    return std::make_unique<P>(config);
  } else {
    return std::make_unique<P>();
  }
}

// Calls what returns a result or nothing.
template <class Work>
Json result_of(const Work& work) {
  if constexpr (std::is_void_v<std::invoke_result_t<Work>>) {
    work();
    return Json::object();
  } else {
    return work();
  }
}

// `task`: the first of the plugin's tasks; one without a name stands after the last.
template <class P>
Json dispatch(P& plugin, const Task<P>* task, Job& job, Context& ctx) {
  for (; !task->name.empty(); ++task) {
    if (task->name != job.task) continue;
    if (task->with_result != nullptr) return (plugin.*task->with_result)(job, ctx);
    return (plugin.*task->without_result)(job, ctx), Json::object();
  }
  if constexpr (HasRun<P>) {
    return result_of([&] { return plugin.run(job, ctx); });
  } else {
    throw Permanent("unknown_task",
                    "the manifest has a task \"" + job.task + "\" that TIMMY_PLUGIN does not name");
  }
}

// The entries of timmy_plugin for the class P.
template <class P, const Task<P>* tasks>
struct Entries {
  static timmy_status create(const timmy_host* host, timmy_str config_json, void** self,
                             timmy_reply* reply) noexcept {
    return guarded(reply, TIMMY_PERMANENT, [&] {
      auto plugin = make<P>(parse(config_json), host);
      *self = std::make_unique<Instance<P>>(std::move(plugin), host).release();
    });
  }

  static timmy_status run(void* self, const timmy_run* run, timmy_str, timmy_str job_json,
                          timmy_reply* reply) noexcept {
    return guarded(reply, TIMMY_RETRYABLE, [&] {
      auto& instance = *static_cast<Instance<P>*>(self);
      const Json json = parse(job_json);
      Job job = Job::from_json(json);
      // timmy/testing.hpp's, see abi.h; no host sets it.
      Context ctx(instance.host, run, parse_time(json.value("now", "")));
      Json result = dispatch<P>(*instance.plugin, tasks, job, ctx);
      if (result.is_null()) result = Json::object();
      if (!result.is_object()) result = Json{{"value", std::move(result)}};
      reply->result(reply->ctx, borrow(dump(result)));
    });
  }

  static void destroy(void* self) noexcept {
    const std::unique_ptr<Instance<P>> instance(static_cast<Instance<P>*>(self));
    const Log log(instance->host);
    try {
      // Not by ~unique_ptr, which ends the process when a destructor throws.
      delete instance->plugin.release();  // NOLINT(cppcoreguidelines-owning-memory)
    } catch (const std::exception& error) {
      log.error("the plugin's destructor threw: ", error.what());
    } catch (...) {
      log.error("the plugin's destructor threw something that is no std::exception");
    }
  }
};

// One readable line where the class is not what a plugin is.
template <class P, bool has_tasks>
constexpr bool checked() {
  static_assert(ConstructibleFromConfig<P>,
                "timmy: a plugin needs a constructor (const timmy::Json& config), "
                "(const timmy::Json& config, timmy::Log log) or ()");
  static_assert(
      has_tasks || HasRun<P>,
      "timmy: a plugin needs timmy::Json run(const timmy::Job& job, timmy::Context& ctx), "
      "or tasks: TIMMY_PLUGIN(Class, {\"task\", &Class::method})");
  return ConstructibleFromConfig<P> && (has_tasks || HasRun<P>);
}

template <class P, const Task<P>* tasks>
constexpr timmy_plugin table() {
  if constexpr (checked<P, !tasks->name.empty()>()) {
    using E = Entries<P, tasks>;
    return {sizeof(timmy_plugin), TIMMY_ABI_MINOR, &E::create, &E::run, &E::destroy};
  } else {
    return {};
  }
}

}  // namespace detail
}  // namespace timmy

// Once in a plugin, at namespace scope: TIMMY_PLUGIN(Class) or
// TIMMY_PLUGIN(Class, {"task", &Class::method}, ...).
#define TIMMY_PLUGIN(Class, ...)                                         \
  static constexpr ::timmy::Task<Class> timmy_tasks_of_this_plugin[] = { \
      __VA_ARGS__ __VA_OPT__(, ){}};                                     \
  extern "C" TIMMY_EXPORT constinit const timmy_plugin timmy_plugin_v1 = \
      ::timmy::detail::table<Class, timmy_tasks_of_this_plugin>();
