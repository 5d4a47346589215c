// SPDX-License-Identifier: Apache-2.0
//
// A host that only has a pool: starts one run, prints its worker's process id, and waits to be
// killed. Arguments: worker, plugin, scratch folder, task.
#include <fcntl.h>
#include <stdio.h>

#include <boost/asio/io_context.hpp>

#include "workers/pool.hpp"

namespace {

struct NoServices final : host::ServiceHandler {
  void call(host::ServiceCall, host::Reply<std::string>) override {}
  void log(host::RunId, std::string_view, host::Level, std::string_view) override {}
};

}  // namespace

int main(int, char** arguments) {
  using namespace host;
  boost::asio::io_context context;
  SystemClock clock;
  AsioLoop loop(context, clock);
  NoServices services;
  auto log = Log::to_memory(std::make_shared<std::vector<std::string>>());
  WorkerPool pool(context, loop, std::move(log), arguments[1], services);

  WorkerSpec spec;
  const Fd file(::open(arguments[2], O_RDONLY | O_CLOEXEC));
  spec.image = PluginImage::copy_of(file.get(), arguments[2]);
  spec.plugin_id = "hostile";
  spec.config_json = "{}";
  spec.scratch = arguments[3];
  pool.submit(
      std::make_shared<const WorkerSpec>(std::move(spec)),
      {.run = {JobId(1), RunLease(1)},
       .task = arguments[4],
       .job_json = R"({"payload":{}})",
       .timeout = std::chrono::minutes(1)},
      [&] {
        ::printf("%d\n", pool.stats().workers.at(0).pid);
        ::fflush(stdout);
      },
      [](RunOutcome) {});
  const auto keep = boost::asio::make_work_guard(context);
  context.run();
}
