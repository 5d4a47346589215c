// SPDX-License-Identifier: Apache-2.0
//
// Uses each thing that ABI 1.0 has, as its SDK had it. Never edited for a later SDK: built by each
// release, it has to run on every later host.
#include <thread>
#include <timmy/plugin.hpp>

class Veteran {
 public:
  Veteran(const timmy::Json& config, timmy::Log log) : rank_(config.at("rank")), log_(log) {}

  timmy::Json serve(const timmy::Job& job, timmy::Context& ctx) {
    ctx.throw_if_cancelled();
    std::thread([&] { log_.warn("a thread of ", job.key, " says ", rank_); }).join();
    const int served = ctx.state().get("served").value_or(0).get<int>() + 1;
    ctx.state().put("served", served);
    ctx.jobs().progress(50, "half way");
    ctx.jobs().follow({.task = "veteran_retreat"});
    return {{"served", served},
            {"enqueued", ctx.jobs().enqueue({.task = "veteran_retreat"}).id},
            {"login", ctx.gitea().whoami().login},
            {"status", ctx.http().get("https://example.org/").status}};
  }

  void retreat(const timmy::Job&, timmy::Context&) {
    throw timmy::Retryable("busy", "come back later", timmy::Milliseconds(1500));
  }

 private:
  std::string rank_;
  timmy::Log log_;
};

TIMMY_PLUGIN(Veteran, {"veteran_serve", &Veteran::serve}, {"veteran_retreat", &Veteran::retreat})
