// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <timmy/job.hpp>

#include "output.hpp"
#include "progress.hpp"
#include "settings.hpp"
#include "source.hpp"

namespace provenance {

// What a run is told, and tells while it goes on.
struct IngestOrder {
  timmy::Json saved;  // what the last run that ended well returned as "saved"; null: there is none
  bool anew = false;  // every session again, whether it changed or not
  std::string now;    // for the record of a withdrawal
  // Called every now and then with what was done so far. May throw, which ends the run; a
  // withdrawal that was done by then stays done.
  Progress::Tell progress = [](const std::string&) {};
  std::chrono::milliseconds between{500};  // two of them
  StepHook hook = [](std::string_view) {};
};

struct Ingested {
  timmy::Json saved;   // for the next run, once this one is known to have ended well
  timmy::Json result;  // for people; "troubles": what could not be read
};

// Brings the output up to what the sessions, the policy and the settings come to: finishes what a
// killed run left, takes out what may no longer be used, then reads what changed.
//
// A change is there with its manifest, or not at all. A run that is killed before it returns has
// perhaps made it; the next one, with the same `saved`, sees that by the generation, reads all
// sessions again, and adds what is not there.
[[nodiscard]] Ingested ingest(const Settings& settings, SessionSource& source, IngestOrder order);

}  // namespace provenance
