// SPDX-License-Identifier: Apache-2.0
#include "workers/caged/library.hpp"

#include <cxxabi.h>
#include <dlfcn.h>

#include <boost/dll/shared_library.hpp>
#include <new>
#include <type_traits>

#include "base/error.hpp"

namespace host::caged {
namespace {

constexpr std::size_t kMessageCap = 4096;

// What every plugin has that was ever built. sizeof(timmy_plugin) would refuse those from before
// its last growth.
constexpr std::size_t kTableOfMinor0 = offsetof(timmy_plugin, destroy) + sizeof(void (*)(void*));
static_assert(kTableOfMinor0 == 32);

timmy_str view(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(timmy_str text) { return {text.ptr, static_cast<std::size_t>(text.len)}; }

Outcome& self(void* ctx) { return *static_cast<Outcome*>(ctx); }

// Calls `entry` and puts what it throws into the outcome, under a code that no plugin's own failure
// has. pthread_exit unwinds by an exception that must go on.
template <class Entry>
void guarded(const char* name, Outcome& outcome, Entry entry) {
  const auto fail = [&](timmy_status status, std::string message) {
    outcome.status = status;
    outcome.code = kThrew;
    outcome.message = std::string("the plugin's ") + name + " threw " + std::move(message);
  };
  try {
    outcome.status = entry();
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::bad_alloc&) {
    fail(TIMMY_RETRYABLE, "std::bad_alloc");
  } catch (const std::exception& error) {
    fail(TIMMY_PERMANENT, std::string("an exception: ") + error.what());
  } catch (...) {
    fail(TIMMY_PERMANENT, "something that is no std::exception");
  }
}

void check(const timmy_plugin& table) {
  if (table.size < kTableOfMinor0)
    throw Error(Code::invalid,
                "timmy_plugin_v1.size is " + std::to_string(table.size) + ", expected at least " +
                    std::to_string(kTableOfMinor0),
                "Set it to sizeof(timmy_plugin)");
  if (table.create == nullptr || table.run == nullptr || table.destroy == nullptr)
    throw Error(Code::invalid, "timmy_plugin_v1 lacks create, run or destroy", "Fill in all three");
}

}  // namespace

Outcome::Outcome()
    : reply_{sizeof(timmy_reply),
             0,
             this,
             [](void* ctx, timmy_str json) { self(ctx).result = view(json); },
             [](void* ctx, timmy_str failure, timmy_str text) {
               self(ctx).code = view(failure);
               self(ctx).message = view(text).substr(0, kMessageCap);
             },
             [](void* ctx, std::int64_t ms) { self(ctx).delay_ms = ms < 0 ? 0 : ms; }} {}

void Outcome::clear() {
  status = TIMMY_OK;
  result.clear();
  code.clear();
  message.clear();
  delay_ms = -1;
}

Refused refusal_of(const Outcome& outcome) {
  const bool retry = outcome.status == TIMMY_RETRYABLE || outcome.status == TIMMY_SNOOZE;
  if (outcome.code.empty() && outcome.message.empty())
    return {!retry, kNoReason, "the plugin's create failed without a word"};
  return {
      !retry, outcome.code.empty() ? "create" : std::string_view(outcome.code),
      outcome.message.empty() ? "the plugin's create failed" : std::string_view(outcome.message)};
}

Library::Library(const std::filesystem::path& path) {
  using boost::dll::load_mode::rtld_local;
  using boost::dll::load_mode::rtld_now;
  // What a constructor of its throws would pass through the loader, which holds its locks and is
  // of C: that ends the worker, as whatever compiled this would have it or not.
  const auto load = [&](boost::dll::fs::error_code& fault) noexcept {
    return std::make_unique<boost::dll::shared_library>(path, rtld_now | rtld_local, fault);
  };
  const auto refuse = [](const std::string& why) {
    throw Error(Code::invalid, "the plugin can't be loaded: " + why,
                "Build it with timmy_add_plugin(), for this machine");
  };
  boost::dll::fs::error_code fault;
  library_ = load(fault);
  if (fault) {
    const char* why = ::dlerror();
    refuse(why == nullptr ? fault.message() : why);
  }
  try {
    table_ = &library_->get<const timmy_plugin>("timmy_plugin_v1");
  } catch (const std::exception& error) {
    refuse(error.what());
  }
  check(*table_);
}

Library::~Library() = default;

void Library::create(const timmy_host* host, std::string_view config_json, Outcome& outcome) {
  outcome.clear();
  guarded("create", outcome,
          [&] { return table_->create(host, view(config_json), &self_, outcome.reply()); });
}

void Library::run(const timmy_run* run, std::string_view task, std::string_view job_json,
                  Outcome& outcome) {
  outcome.clear();
  guarded("run", outcome,
          [&] { return table_->run(self_, run, view(task), view(job_json), outcome.reply()); });
}

void Library::destroy(Outcome& outcome) {
  outcome.clear();
  guarded("destroy", outcome, [&] { return table_->destroy(self_), timmy_status{TIMMY_OK}; });
}

}  // namespace host::caged
