// SPDX-License-Identifier: Apache-2.0
//
// Checks that run the plugin's tasks, each with its example payloads.
#include <fmt/format.h>

#include "authoring/examination.hpp"
#include "base/error.hpp"
#include "queue/job.hpp"
#include "workers/message.hpp"
#include "workers/sanitizers.hpp"

namespace host {
namespace {

using Kind = Verdict::Kind;

constexpr int kAgain = 2;
constexpr int kWarmUp = 100;
constexpr int kLeakRuns = 300;
constexpr std::uint64_t kLeakPerRun = 1024;  // bytes
constexpr Duration kSlowForLeaks = std::chrono::milliseconds(10);
constexpr Duration kLate = std::chrono::milliseconds(100);

std::string which(const TrialRun& run) {
  return run.task + (run.payload.empty() ? "" : " with " + to_text(run.payload).substr(0, 100));
}

std::string ms(Duration duration) {
  return fmt::format("{:.1f} ms", static_cast<double>(duration.count()) / 1000);
}

// `look` at each typical run, each on a stage of its own; the first observation that is bad counts,
// and a skip only when every one is.
template <class Look>
Observation each_run(Examination& it, const Tryout::Options& options, Look look) {
  std::optional<Observation> well;
  std::optional<Observation> skipped;
  for (auto& run : typical_runs(it.manifest())) {
    Tryout tryout(it, options);
    auto seen = look(tryout, run);
    if (seen.grade == Grade::pass) {
      well = std::move(seen);
      continue;
    }
    seen.message = which(run) + ": " + seen.message;
    if (seen.grade != Grade::skip) return seen;
    skipped = std::move(seen);
  }
  return well ? *well : skipped.value_or(Observation{});
}

Observation crash_of(const TrialOutcome& outcome) {
  const auto& output = outcome.verdict.output;
  return {
      Grade::crash,
      outcome.verdict.message + (output.empty() ? "" : "; it printed: " + output.substr(0, 400)),
      "Run it under a debugger: gdb --args timmy-host plugins run FILE TASK --in-process."};
}

// What no run may do, whatever it was given: end its process, or throw across the C interface.
// nullopt when it did neither.
std::optional<Observation> harm_of(const TrialOutcome& outcome) {
  if (outcome.verdict.kind == Kind::crashed) return crash_of(outcome);
  if (outcome.verdict.code != kThrew) return std::nullopt;
  return Observation{
      Grade::fail, outcome.verdict.message,
      "Catch it in the plugin: what crosses the C interface only works where host and plugin "
      "happen to share a C++ runtime. TIMMY_PLUGIN does it for you."};
}

Observation run_survives(Examination& it) {
  return each_run(it, {}, [](Tryout& tryout, const TrialRun& run) -> Observation {
    const auto outcome = tryout.run(run);
    if (outcome.verdict.kind == Kind::crashed) return crash_of(outcome);
    return {Grade::pass,
            fmt::format("{} in {}{}", name(outcome.verdict.kind), ms(outcome.took),
                        outcome.verdict.message.empty() ? "" : ": " + outcome.verdict.message),
            ""};
  });
}

// By the time that it took, and by whether its process outlived it: how the process ended, such as
// by a SIGTERM that the plugin took for itself, says nothing.
Observation run_returns(Examination& it) {
  return each_run(it, {}, [&](Tryout& tryout, const TrialRun& run) -> Observation {
    const auto outcome = tryout.run(run);
    const auto patience = std::min(run.timeout, it.options().patience);
    if (outcome.took < patience + kCancelGrace && !outcome.died) return {};
    return {Grade::fail,
            "did not return within " + format_duration(patience) +
                (outcome.took < patience + kCancelGrace
                     ? ", and its process ended when it was asked to stop"
                     : ", nor within two seconds of being asked to stop"),
            "Ask ctx.cancelled() twice a second in long work, and give each wait an end."};
  });
}

Observation run_cancel(Examination& it) {
  return each_run(it, {}, [](Tryout& tryout, TrialRun& run) -> Observation {
    run.cancel_after = Duration::zero();
    const auto outcome = tryout.run(run);
    if (outcome.took < kCancelGrace && !outcome.died)
      return {Grade::pass, "stopped within " + ms(outcome.took), ""};
    return {Grade::fail,
            outcome.took < kCancelGrace ? "its process ended when it was cancelled"
                                        : "was still running two seconds after it was cancelled",
            "Ask ctx.cancelled() twice a second in long work; calls to the host notice by "
            "themselves."};
  });
}

Observation run_contains(Examination& it) {
  return each_run(it, {}, [](Tryout& tryout, const TrialRun& run) -> Observation {
    return harm_of(tryout.run(run)).value_or(Observation{});
  });
}

// Workers are kept: what a run leaves in memory meets the next one.
Observation run_again(Examination& it) {
  return each_run(it, {}, [](Tryout& tryout, const TrialRun& run) -> Observation {
    const auto first = tryout.run(run);
    for (int i = 0; i < kAgain && first.verdict.kind == Kind::completed; ++i) {
      const auto outcome = tryout.run(run);
      if (auto harm = harm_of(outcome)) return *harm;
      if (outcome.verdict.kind != Kind::failed) continue;
      return {Grade::fail,
              "completed once, and then not in the same process: " + outcome.verdict.code + ": " +
                  outcome.verdict.message,
              "Leave nothing behind in a run that the next one stumbles on."};
    }
    return {};
  });
}

// Nobody answers: neither Gitea nor any other server.
Observation run_outage(Examination& it) {
  return each_run(it, {.outage = true}, [](Tryout& tryout, const TrialRun& run) -> Observation {
    const auto outcome = tryout.run(run);
    if (auto harm = harm_of(outcome)) return *harm;
    const auto& verdict = outcome.verdict;
    if (verdict.kind != Kind::failed || !verdict.permanent || tryout.calls().empty()) return {};
    return {Grade::warn,
            "fails for good while nobody answers, and is not tried again: " + verdict.code + ": " +
                verdict.message,
            "Return TIMMY_RETRYABLE, or throw timmy::Retryable, for what may pass."};
  });
}

// As it fails with everything granted, and as it fails when each of its calls is refused.
Observation run_reasons(Examination& it) {
  for (const bool grants : {true, false}) {
    auto observation =
        each_run(it, {.grants = grants}, [](Tryout& tryout, const TrialRun& run) -> Observation {
          const auto outcome = tryout.run(run);
          if (auto harm = harm_of(outcome)) return *harm;
          if (outcome.verdict.code != kNoReason) return {};
          return {Grade::fail, "failed without a code and a message",
                  "Call reply->error before every return that is not TIMMY_OK."};
        });
    if (observation.grade == Grade::pass) continue;
    if (!grants) observation.message = "with nothing granted, " + observation.message;
    return observation;
  }
  return {};
}

Observation run_leftovers(Examination& it) {
  return each_run(it, {}, [](Tryout& tryout, const TrialRun& run) -> Observation {
    const auto left = tryout.run(run).left;
    if (left.nothing()) return {};
    return {Grade::fail,
            fmt::format("left {} threads, {} descriptors and {} children behind", left.threads,
                        left.descriptors, left.children),
            "End threads and close files before run returns; its process is replaced after each "
            "such run."};
  });
}

Observation run_grants(Examination& it) {
  return each_run(it, {}, [](Tryout& tryout, const TrialRun& run) -> Observation {
    (void)tryout.run(run);
    for (const auto& call : tryout.calls())
      if (!call.answer.ok() && call.answer.error().code() == Code::not_granted)
        return {
            Grade::fail, call.method + " was refused: " + call.answer.error().message(),
            "Ask for it under \"needs\" in manifest.json, with the values that it uses, or make "
            "the repositories and hosts a matter of its config."};
    return {};
  });
}

Observation run_late(Examination& it) {
  return each_run(it, {}, [](Tryout& tryout, const TrialRun& run) -> Observation {
    (void)tryout.run(run);
    tryout.wait(kLate);
    (void)tryout.end();
    for (const auto& line : tryout.lines())
      if (line.starts_with(kLateCall))
        return {Grade::fail, line, "A run's handle is dead when run returns: don't keep it."};
    return {};
  });
}

Observation run_leaks(Examination& it) {
  if (kSanitized) return {Grade::skip, "a sanitizer's own memory grows too", ""};
  return each_run(it, {}, [](Tryout& tryout, const TrialRun& run) -> Observation {
    TrialOutcome outcome;
    std::uint64_t before = 0;
    for (int i = 0; i < kWarmUp + kLeakRuns; ++i) {
      outcome = tryout.run(run);
      if (outcome.verdict.kind != Kind::completed) return {Grade::skip, "it did not complete", ""};
      if (outcome.took > kSlowForLeaks) return {Grade::skip, "it takes too long", ""};
      if (i == kWarmUp) before = outcome.verdict.usage.max_rss_bytes;
    }
    const auto after = outcome.verdict.usage.max_rss_bytes;
    const auto grown = after > before ? after - before : 0;
    const auto text = fmt::format("{} KiB more after {} runs", grown / 1024, kLeakRuns);
    if (grown < kLeakRuns * kLeakPerRun) return {Grade::pass, text, ""};
    return {Grade::fail, text,
            "Build it with -fsanitize=address and run it with plugins run --in-process."};
  });
}

Observation run_large(Examination& it) {
  return each_run(it, {}, [](Tryout& tryout, TrialRun& run) -> Observation {
    run.payload.erase("large");
    const auto others = to_text(run.payload).size() + std::string_view(R"(,"large":"")").size();
    run.payload["large"] = std::string(kPayloadCap - std::min(others, kPayloadCap), 'x');
    const auto outcome = tryout.run(run);
    run.payload = Json::object();  // not to be printed
    if (auto harm = harm_of(outcome)) return *harm;
    if (outcome.died) return {Grade::fail, "did not end with a large payload", ""};
    return {};
  });
}

Observation run_result(Examination& it) {
  return each_run(it, {}, [](Tryout& tryout, const TrialRun& run) -> Observation {
    const auto verdict = tryout.run(run).verdict;
    if (verdict.code != "too_large" && verdict.code != "invalid_result") return {};
    return {Grade::fail, verdict.message,
            "Return a small JSON object; put bulk data into a granted folder and its path into the "
            "result."};
  });
}

Observation run_odd_payload(Examination& it) {
  static const Json odd[] = {{{"name", nullptr}},
                             {{"name", Json::array({1, "two", nullptr})}},
                             {{"\xF0\x9F\x8C\x8D", {{"deep", {{"deep", {{"deep", -0.0}}}}}}}},
                             {{"number", 1e300}, {"text", ""}}};
  for (const auto& payload : odd) {
    auto observation = each_run(it, {}, [&](Tryout& tryout, TrialRun& run) -> Observation {
      run.payload.update(payload);
      const auto outcome = tryout.run(run);
      return harm_of(outcome).value_or(Observation{});
    });
    if (observation.grade != Grade::pass) return observation;
  }
  return {};
}

}  // namespace

const std::vector<Check>& run_checks() {
  static const std::vector<Check> checks{
      {{"run.survives", "no task ends its process"}, {"life.create"}, run_survives},
      {{"run.returns", "each task returns, at the latest when it is asked to stop"},
       {"run.survives"},
       run_returns},
      {{"run.cancel", "a run that is cancelled returns within two seconds"},
       {"run.returns"},
       run_cancel},
      {{"run.contains", "nothing that it throws crosses the C interface"},
       {"run.survives"},
       run_contains},
      {{"run.reasons", "a failure says why, also when nothing is granted"},
       {"run.returns", "run.contains"},
       run_reasons},
      {{"run.result", "its result is a JSON object of at most 1 MiB"}, {"run.returns"}, run_result},
      {{"run.leftovers", "no thread, descriptor or child is left behind"},
       {"run.returns"},
       run_leftovers,
       "what is left behind is seen in workers only"},
      {{"run.grants", "it calls nothing but what its manifest asks for"},
       {"run.returns"},
       run_grants},
      {{"run.late", "it calls nothing after its run"}, {"run.returns"}, run_late},
      {{"run.again", "what completed once completes again in the same process"},
       {"run.returns", "run.contains"},
       run_again,
       "in this process the checks before this one have run it already"},
      {{"run.outage", "it bears that no service reaches anybody"},
       {"run.returns", "run.contains"},
       run_outage},
      {{"run.leaks", "its memory does not grow with its runs"},
       {"run.leftovers", "run.again"},
       run_leaks,
       "memory is measured in workers only"},
      {{"run.large", "a payload of the largest size does it no harm"},
       {"run.returns", "run.contains"},
       run_large},
      {{"run.odd", "payloads of an unexpected form do it no harm"},
       {"run.returns", "run.contains"},
       run_odd_payload},
  };
  return checks;
}

}  // namespace host
