// SPDX-License-Identifier: Apache-2.0
//
// The table `events`: what happened to this host that a person may ask about later. One row a
// notable change (a quarantine, a clock correction, a job held), never one a job.
#pragma once

#include <string_view>

#include "store/unit.hpp"

namespace host {

// `kind` is short and stable ("job_poison"); `subject` names the object ("job 12"); `detail` is for
// people. Store thread; durable with the operation that it is part of.
void record_event(Unit& unit, WallTime at, std::string_view kind, std::string_view subject,
                  std::string_view detail);

}  // namespace host
