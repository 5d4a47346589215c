// SPDX-License-Identifier: Apache-2.0
//
// Where sessions come from: the one thing that making pairs asks of reading stores.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <timmy/job.hpp>
#include <vector>

#include "session.hpp"

namespace provenance {

// What one reading came to.
struct Passed {
  timmy::Json cursor;                 // for the next one: an object, a member a store
  std::vector<std::string> troubles;  // what could not be read, each with its place: 100 at most
};

class SessionSource {
 public:
  virtual ~SessionSource() = default;

  // Hands over each session that is new or changed since `cursor` (null: every one), one at a time,
  // whole, in an order that depends on the stores alone; a parent before what continues it where
  // the stores allow that. A store that can't be read now is one of the troubles, and its member of
  // the cursor stays. What `take` throws passes through. Throws timmy::Cancelled.
  virtual Passed read(const timmy::Json& cursor, const std::function<void(Session&&)>& take) = 0;

  // One session, whole; nothing where no store has it. May be called from within `take`, also where
  // another thread goes on reading meanwhile: see reading_ahead.hpp.
  virtual std::optional<Session> find(const std::string& id) = 0;
};

}  // namespace provenance
