// SPDX-License-Identifier: Apache-2.0
//
// The first process of a run: pid 1 of its namespace where it has one. It makes the place, starts
// the program in it, reaps what the program leaves, and says how the program ended. With it every
// process of its namespace goes. It is a fork of the supervisor that goes on, of one thread.
#pragma once

#include <string>
#include <vector>

#include "base/file.hpp"
#include "runs/run.hpp"

namespace host::runs::supervisor {

// What namespaces it was made in.
struct Namespaces {
  bool users = false;
  bool pids = false;
  bool mounts = false;
  bool network = false;
};

struct FirstProcess {
  const RunSpec* spec = nullptr;
  Namespaces namespaces;
  Fd control;  // to the supervisor, SOCK_SEQPACKET
  Fd input;    // the program's standard input; none: /dev/null
  Fd output;   // both its streams
  Fd lock;     // kept open as long as it lives
};

// What it says on `control`, a packet each: the first byte, then text.
enum class Note : char {
  network_failed = 'N',  // why its network could not be made: it ends, others may be tried
  meter = 'M',           // with a listening socket
  proc = 'P',            // with its /proc
  failed = 'F',          // why the program was not started. It ends
  started = 'S',         // JSON of InForce: all but the cgroup
  ended = 'E',           // JSON: {"signalled", "number"} of the program. It ends
};
// And what it is told.
enum class Order : char { go = 'G', terminate = 'T' };

[[noreturn]] void run_first_process(FirstProcess first);

// Sends one packet, perhaps with a descriptor. False: nobody reads any more.
bool send_note(int control, char type, const std::string& text, int descriptor = -1);

}  // namespace host::runs::supervisor
