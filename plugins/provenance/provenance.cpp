// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <timmy/plugin.hpp>

#include "ingest.hpp"
#include "reading_ahead.hpp"
#include "report.hpp"
#include "saved_state.hpp"
#include "settings.hpp"
#include "stores.hpp"
#include "validation.hpp"

namespace provenance {

using timmy::Json;

namespace {

std::string text_in(const timmy::Job& job, const char* key, const char* example) {
  const auto found = job.payload.find(key);
  if (found == job.payload.end() || !found->is_string() ||
      found->get_ref<const std::string&>().empty())
    throw timmy::Permanent("usage", std::string("expected a payload such as ") + example);
  return *found;
}

// Says how far a check is, twice a second.
class Percent {
 public:
  Percent(timmy::Context& ctx, std::int64_t bytes) : ctx_(ctx), bytes_(bytes) {}

  void operator()(std::int64_t done) {
    const auto now = std::chrono::steady_clock::now();
    if (now - told_ < std::chrono::milliseconds(500)) return;
    told_ = now;
    ctx_.throw_if_cancelled();
    const auto percent =
        bytes_ > 0 ? 100.0 * static_cast<double>(done) / static_cast<double>(bytes_) : 100.0;
    ctx_.jobs().progress(std::min(percent, 100.0), std::to_string(done >> 20) + " MiB checked");
  }

 private:
  timmy::Context& ctx_;
  std::int64_t bytes_;
  std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
};

std::int64_t size_of(const std::filesystem::path& path) {
  std::error_code none;
  const auto size = std::filesystem::file_size(path, none);
  return none ? 0 : static_cast<std::int64_t>(size);
}

}  // namespace

class Provenance {
 public:
  explicit Provenance(const Json& config) : config_(config), settings_(Settings::from(config)) {}

  // Payload: {"full": true} reads every session again, not only those that changed.
  Json ingest(const timmy::Job& job, timmy::Context& ctx) {
    return run(ctx, job.payload.value("full", false));
  }

  Json curate(const timmy::Job&, timmy::Context& ctx) { return run(ctx, true); }

  // Payload: {"file": "/path"}; without one all of the output.
  Json validate(const timmy::Job& job, timmy::Context& ctx) {
    if (!job.payload.contains("file"))
      return validate_output(
          settings_, Percent(ctx, Manifest::load(settings_.folder / "manifest.json").bytes()));
    const std::filesystem::path path = text_in(job, "file", R"({"file": "/data/pairs.jsonl"})");
    if (!path.is_absolute())
      throw timmy::Permanent("usage", "\"" + path.string() + "\" is no absolute path");
    return validate_file(path, settings_, Percent(ctx, size_of(path)));
  }

  Json tell(const timmy::Job&, timmy::Context& ctx) {
    return report(settings_, SavedState(ctx).troubles());
  }

  // Payload: {"session": ID}.
  Json explain(const timmy::Job& job, timmy::Context& ctx) {
    const auto stores = open_stores(config_, [&ctx] { return ctx.cancelled(); });
    return provenance::explain(settings_, *stores,
                               text_in(job, "session", R"({"session": "20260330_141139_a1b2c3"})"));
  }

 private:
  Json run(timmy::Context& ctx, bool anew) {
    const auto stores = open_stores(config_, [&ctx] { return ctx.cancelled(); });
    ReadingAhead source(*stores);
    SavedState state(ctx);
    IngestOrder order;
    order.saved = state.saved();
    order.anew = anew;
    order.now = timmy::format_time(ctx.now());
    order.progress = [&ctx](const std::string& text) {
      ctx.throw_if_cancelled();
      ctx.call("jobs/1.progress", {{"text", text}});
    };
    auto ingested = provenance::ingest(settings_, source, std::move(order));
    if (const auto problem = ingested.result.find("policy_problem");
        problem != ingested.result.end())
      ctx.log.warn("nothing new may be used: ", problem->get<std::string>());
    for (const auto& trouble : ingested.result.at("troubles"))
      ctx.log.warn(trouble.get<std::string>());
    // Counts with the job's completion: a run that is lost is done again from where it began.
    state.put(ingested);
    return std::move(ingested.result);
  }

  Json config_;
  Settings settings_;
};

}  // namespace provenance

TIMMY_PLUGIN(provenance::Provenance, {"provenance_ingest", &provenance::Provenance::ingest},
             {"provenance_curate", &provenance::Provenance::curate},
             {"provenance_validate", &provenance::Provenance::validate},
             {"provenance_report", &provenance::Provenance::tell},
             {"provenance_explain", &provenance::Provenance::explain})
