// SPDX-License-Identifier: Apache-2.0
#include "runs/supervisor/verdict.hpp"

#include <fmt/core.h>
#include <signal.h>
#include <string.h>

namespace host::runs::supervisor {
namespace {

std::string signal_text(int number) {
  const char* name = ::sigabbrev_np(number);
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", name);
}

std::string end_text(const ProgramEnd& end) {
  return end.signalled ? fmt::format("the program was ended by {}", signal_text(end.number))
                       : fmt::format("the program ended with status {}", end.number);
}

}  // namespace

RunEnding ending_of(const Seen& seen) {
  RunEnding ending;
  ending.killed = seen.killed;
  if (seen.program) ending.number = seen.program->number;
  if (seen.stop) {
    ending.kind = *seen.stop;
    ending.evidence = seen.why;
    if (seen.program && !seen.killed) ending.evidence += ", upon which " + end_text(*seen.program);
    if (seen.killed) ending.evidence += "; it took SIGKILL";
  } else if (seen.out_of_memory && (!seen.program || seen.program->signalled)) {
    ending.kind = RunEnding::Kind::memory;
    ending.evidence = fmt::format("the kernel killed it for its memory, of {} MiB at most",
                                  seen.most_memory >> 20);
  } else if (!seen.program) {
    ending.kind = RunEnding::Kind::signalled;
    ending.number = SIGKILL;
    ending.evidence = "the run's first process was killed from outside";
  } else {
    ending.kind = seen.program->signalled ? RunEnding::Kind::signalled : RunEnding::Kind::exited;
    ending.evidence = end_text(*seen.program);
  }
  return ending;
}

}  // namespace host::runs::supervisor
