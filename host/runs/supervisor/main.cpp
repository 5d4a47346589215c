// SPDX-License-Identifier: Apache-2.0
//
// timmy-supervisor: runs one program in a cage, to its end. Started by a host or its runner, never
// by hand, with the channel as descriptor 3; the first frame says what to run and brings along the
// run's lock and its standard input.
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>

#include "base/error.hpp"
#include "runs/run_frame.hpp"
#include "runs/supervisor/supervision.hpp"
#include "workers/sanitizers.hpp"

extern "C" __attribute__((visibility("default"))) const char* __asan_default_options() {
  return "detect_leaks=0";
}

namespace {

using namespace host;
using namespace host::runs;

constexpr int kChannel = 3;

void end_with_parent(const char* parent) {
  // Not SIGKILL: it is to end the run first.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
  if (::getppid() != ::atoi(parent)) ::_exit(0);
}

// A host that goes before it has said what to run wants nothing.
supervisor::Task first_task() {
  supervisor::Task task;
  std::vector<Fd> descriptors;
  for (;;) {
    auto received = receive_with_descriptors(kChannel, 64 * 1024);
    if (received.bytes.empty()) ::_exit(0);
    for (auto& each : received.descriptors) descriptors.push_back(std::move(each));
    task.reader.feed(received.bytes);
    const auto frame = task.reader.next();
    if (!frame) continue;
    const auto json = parse_json(frame->body, "the run to supervise");
    if (frame->type != RunFrameType::spec || json.value("version", 0) != kRunFrameVersion)
      throw Error(Code::unsupported, "host and supervisor are not of the same release",
                  "Install them together.");
    task.spec = run_spec_from(json.at("run"));
    check(task.spec);
    const std::size_t expected = json.value("input", false) ? 2 : 1;
    if (descriptors.size() != expected)
      throw Error(Code::invalid, "a run without its lock or input");
    task.lock = std::move(descriptors[0]);
    if (expected == 2) task.input = std::move(descriptors[1]);
    return task;
  }
}

void refuse(const std::string& why) {
  RunEnding ending;
  ending.kind = RunEnding::Kind::not_started;
  ending.evidence = why;
  std::string frame;
  append_run_frame(frame, RunFrameType::ended, to_text(to_json(ending)));
  send_with_descriptors(kChannel, frame, {});
}

int serve(const char* cgroups) {
  try {
    supervisor::Task task;
    try {
      task = first_task();
    } catch (const std::exception& error) {
      refuse(error.what());
      return 0;
    }
    task.channel = Fd(kChannel);
    task.cgroups = cgroups;
    supervisor::supervise(std::move(task));
    return 0;
  } catch (const std::exception& error) {
    ::fprintf(stderr, "timmy-supervisor: %s\n", error.what());
    return 1;
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5 || ::strcmp(arguments[1], "--parent") != 0 ||
      ::strcmp(arguments[3], "--cgroups") != 0) {
    ::fputs("timmy-supervisor is started by timmy-host or timmy-runner, which hand it a run\n",
            stderr);
    return exit_status(Code::usage);
  }
  end_with_parent(arguments[2]);
  ::signal(SIGPIPE, SIG_IGN);
  ::syscall(SYS_close_range, kChannel + 1, ~0u, 0);
  return serve(arguments[4]);
}
