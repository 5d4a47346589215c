// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/process.hpp"
#include "workers/pool.hpp"
#include "workers/worker_process.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;

constexpr int kPatienceMs = 5000;
constexpr std::size_t kReportCap = 64 * 1024;

// A folder of its own, gone with it.
class Scratch {
 public:
  Scratch() : path_((fs::temp_directory_path() / "timmy-probe.XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) throw system_error("making " + path_);
  }
  ~Scratch() { remove_scratch(path_); }
  Scratch(const Scratch&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

CageReport probe_cage(const fs::path& worker) {
  const Scratch scratch;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error("asking " + worker.string());
  const Fd read(ends[0]);
  Fd write(ends[1]);
  const Child child = spawn({.program = worker,
                             .arguments = {"timmy-worker", "--probe-cage", scratch.path()},
                             .environment = {},
                             .descriptors = {{write.get(), 1}}});
  write.reset();
  // It prints one line, at its end.
  pollfd ended{child.pidfd(), POLLIN, 0};
  if (::poll(&ended, 1, kPatienceMs) != 1)
    throw Error(Code::timed_out, worker.string() + " --probe-cage did not end in time");
  try {
    return CageReport::from(
        parse_json(read_all(read.get(), kReportCap, "the cage's report"), "the cage's report"));
  } catch (const Json::exception& error) {
    throw Error(Code::io, worker.string() + " --probe-cage printed no report: " + error.what());
  }
}

void sweep_scratch(const fs::path& scratch) {
  std::error_code stopped;
  for (fs::directory_iterator at(scratch, stopped), end; !stopped && at != end;
       at.increment(stopped))
    remove_scratch(at->path());
}

}  // namespace host
