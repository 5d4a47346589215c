// SPDX-License-Identifier: Apache-2.0
//
// One of several ways in which a library is no plugin, by what is defined.
#include <timmy/abi.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace {

timmy_status create(const timmy_host*, timmy_str, void**, timmy_reply*) { return TIMMY_OK; }
timmy_status run(void*, const timmy_run*, timmy_str, timmy_str, timmy_reply*) { return TIMMY_OK; }
void destroy(void*) {}

#if defined(CTOR_THROWS) || defined(CTOR_ABORTS) || defined(CTOR_EXITS) || defined(CTOR_HANGS)
// Runs before anything of the table is read.
struct Constructed {
  Constructed() {
#if defined(CTOR_THROWS)
    throw std::runtime_error("out of a constructor");
#elif defined(CTOR_ABORTS)
    abort();
#elif defined(CTOR_EXITS)
    _exit(7);
#else
    for (;;) pause();
#endif
  }
} constructed;
#endif

}  // namespace

#if defined(UNDEFINED_SYMBOL)
extern "C" void nowhere_to_be_found();
extern "C" TIMMY_EXPORT void use_it() { nowhere_to_be_found(); }
#endif

#if defined(NO_SYMBOL)
extern "C" TIMMY_EXPORT const timmy_plugin timmy_plugin_v0 = {
#else
extern "C" const timmy_plugin timmy_plugin_v1 = {
#endif
#if defined(SHORT_TABLE)
    8,
#else
    sizeof(timmy_plugin),
#endif
    TIMMY_ABI_MINOR, create,
#if defined(NO_RUN)
    nullptr,
#else
    run,
#endif
    destroy};
