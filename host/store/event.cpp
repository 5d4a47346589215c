// SPDX-License-Identifier: Apache-2.0
#include "store/event.hpp"

namespace host {

void record_event(Unit& unit, WallTime at, std::string_view kind, std::string_view subject,
                  std::string_view detail) {
  unit.run("INSERT INTO events(at, kind, subject, detail) VALUES(?, ?, ?, ?)", at, kind, subject,
           detail);
}

}  // namespace host
