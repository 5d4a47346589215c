// SPDX-License-Identifier: Apache-2.0
//
// The smallest host there is: runs one task of one plugin in today's worker, in its cage, and says
// what came of it. What the plugin logs comes first, a line each, then
//   completed {"a":1}
//   failed busy: come back later (retryable, not before 1500 ms)
//
//   timmy-run-in-worker WORKER ANSWERS PLUGIN TASK [PAYLOAD [CONFIG]]
//
// ANSWERS is a file: a JSON object of methods and what each answers. Status 0 when the run ended,
// however; 1 when the plugin was not run.
#include <fcntl.h>
#include <fmt/core.h>

#include <boost/asio/io_context.hpp>
#include <iostream>

#include "base/file.hpp"
#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "config/json_schema.hpp"
#include "plugins/elf.hpp"
#include "plugins/image.hpp"
#include "plugins/manifest.hpp"
#include "workers/pool.hpp"
// Older hosts, with which this is built too, have it in base/log.hpp.
#if __has_include("base/redactor.hpp")
#include "base/redactor.hpp"
#endif

namespace host {
namespace {

// Every service, as a list of answers; what is not in it is not there.
class Answers final : public ServiceHandler {
 public:
  explicit Answers(Json answers) : answers_(std::move(answers)) {}

  void call(ServiceCall call, Reply<std::string> reply) override {
    const auto found = answers_.find(call.method);
    if (found == answers_.end())
      return reply(Error(Code::unsupported, "this host has no " + call.method));
    reply(to_text(*found));
  }
  void log(RunId, std::string_view, Level level, std::string_view text) override {
    std::cout << name(level) << ' ' << text << '\n';
  }

 private:
  Json answers_;
};

// Reads the plugin as the host does, without loading it. Throws what the host would list.
Manifest manifest_of(const Fd& file, const std::string& path) {
  auto reading = read_manifest(read_manifest_section(file.get(), path));
  if (reading.version_refusal) throw Error(Code::unsupported, *reading.version_refusal);
  if (!reading.problems.empty()) throw Error(Code::invalid, reading.problems.front());
  return std::move(*reading.manifest);
}

std::string text_of(const Verdict& verdict) {
  const std::string kind(name(verdict.kind));
  if (verdict.kind == Verdict::Kind::completed) return kind + " " + verdict.result;
  auto text = fmt::format("{} {}: {} ({}", kind, verdict.code, verdict.message,
                          verdict.permanent ? "permanent" : "retryable");
  if (verdict.delay)
    text +=
        fmt::format(", not before {} ms",
                    std::chrono::duration_cast<std::chrono::milliseconds>(*verdict.delay).count());
  return text + ")";
}

std::string run(const std::filesystem::path& worker, const Json& answers, const std::string& plugin,
                const std::string& task, const Json& payload, const Json& config) {
  const Fd file(::open(plugin.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw Error(Code::not_found, "can't open " + plugin);
  const auto manifest = manifest_of(file, plugin);
  const TestFolder scratch;
  WorkerSpec spec;
  spec.image = PluginImage::copy_of(file.get(), plugin);
  spec.plugin_id = manifest.id;
  spec.config_json = to_text(JsonSchema(manifest.config_schema, plugin).with_defaults(config));
  spec.scratch = scratch.path();
  spec.limits = manifest.limits;

  boost::asio::io_context context;
  SystemClock clock;
  AsioLoop loop(context, clock);
  Answers services(answers);
  WorkerPool pool(context, loop, Log::to_stderr(Level::warn, std::make_shared<Redactor>()), worker,
                  services);
  RunRequest request;
  request.run = {JobId(1), RunLease(1)};
  request.task = task;
  request.job_json = to_text({{"id", 1},
                              {"task", task},
                              {"key", "key-1"},
                              {"attempt", 1},
                              {"max_attempts", 5},
                              {"scheduled_for", nullptr},
                              {"payload", payload}});
  request.timeout = std::chrono::seconds(30);
  std::optional<RunOutcome> outcome;
  pool.submit(
      std::make_shared<WorkerSpec>(std::move(spec)), std::move(request), [] {},
      [&](RunOutcome ended) { outcome = std::move(ended); });
  while (!outcome) context.run_one();
  return text_of(outcome->verdict);
}

}  // namespace
}  // namespace host

int main(int argc, char** argv) try {
  if (argc < 5) {
    std::cerr << "usage: timmy-run-in-worker WORKER ANSWERS PLUGIN TASK [PAYLOAD [CONFIG]]\n";
    return 64;
  }
  const auto object = [&](int at) {
    return at < argc ? host::parse_json(argv[at], "the argument") : host::Json::object();
  };
  const auto answers = host::parse_json(host::read_file(argv[2], 1u << 20), argv[2]);
  std::cout << host::run(argv[1], answers, argv[3], argv[4], object(5), object(6)) << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
