// SPDX-License-Identifier: Apache-2.0
//
// Uses what came after ABI 1.0 where it is there, and does without where it isn't.
#include <timmy/plugin.hpp>

struct Pioneer {
  timmy::Json run(const timmy::Job&, timmy::Context& ctx) {
    return {{"batch", batch_that_fits(ctx)}, {"greeting", greeting(ctx)}};
  }

  // A field of a later minor: the C++ layer has looked whether this host knows it.
  static int batch_that_fits(const timmy::Context& ctx) {
    const auto left = ctx.remaining();
    if (!left) return 10;  // an older host: as many as always fit
    return *left > std::chrono::seconds(20) ? 100 : 1;
  }

  // A service that came later, or that another host may not have.
  static std::string greeting(const timmy::Context& ctx) {
    try {
      return ctx.call("later/1.hello", {{"name", "pioneer"}}).at("text");
    } catch (const timmy::Permanent& failure) {
      // "usage": what the harness of SDK 1.0 says instead.
      if (failure.code() != "unsupported" && failure.code() != "usage") throw;
      return "hello without a service";
    }
  }
};

TIMMY_PLUGIN(Pioneer)
