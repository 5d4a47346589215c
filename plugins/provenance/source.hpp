// SPDX-License-Identifier: Apache-2.0
//
// Where sessions come from: the one thing that making pairs asks of reading stores.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <timmy/job.hpp>

#include "session.hpp"

namespace provenance {

class SessionSource {
 public:
  virtual ~SessionSource() = default;

  // Hands over each session that is new or changed since `cursor` (null: every one), one at a time,
  // whole, in an order that depends on the stores alone; a parent before what continues it where
  // the stores allow that. Returns the cursor that this reading ends at, at most 60 KiB of JSON.
  // What `take` throws passes through. Throws timmy's failures for a store that can't be read.
  virtual timmy::Json read(const timmy::Json& cursor,
                           const std::function<void(Session&&)>& take) = 0;

  // One session, whole; nothing where no store has it.
  virtual std::optional<Session> find(const std::string& id) = 0;
};

}  // namespace provenance
