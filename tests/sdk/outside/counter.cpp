// SPDX-License-Identifier: Apache-2.0
#include <timmy/plugin.hpp>

namespace counter {

struct Counter {
  timmy::Json run(const timmy::Job&, timmy::Context& ctx) {
    const int count = ctx.state().get("count").value_or(0).get<int>() + 1;
    ctx.state().put("count", count);
    return {{"count", count}};
  }
};

}  // namespace counter

TIMMY_PLUGIN(counter::Counter)
