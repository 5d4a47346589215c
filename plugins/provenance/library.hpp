// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hermes_home.hpp"
#include "reading.hpp"

namespace provenance {

// By the name of the source.
using Cursors = std::map<std::string, Cursor>;

// All sessions of several stores, each once, wherever it is kept. For one thread.
//
// It is read in passes. A pass hands over every session that is new or changed in any store since
// the cursors, one at a time, merged from all stores that have it (see merge.hpp), and some that
// have not changed; whoever takes them tells those apart by their digest. Passes may be repeated:
// nothing but the cursors remembers what was read. A session that no store has any more is not
// told. While a database can't be read, files whose sessions may be of it wait: what is in its own
// home, exports, and folders that stand beside no database.
class Library {
 public:
  explicit Library(const Stores& stores, const Caps& caps = {},
                   std::function<bool()> is_cancelled = {});
  // In the order of merge.hpp, databases first.
  explicit Library(std::vector<std::unique_ptr<Source>> sources) : sources_(std::move(sources)) {}

  struct Pass {
    Cursors cursors;           // for the next one: of stores that can't be read now as they were
    bool complete = true;      // false: `each` had enough
    std::size_t sessions = 0;  // handed over
    std::vector<std::string> troubles;  // what could not be read, beside what is of one session
  };
  // `each` returns false when it has enough; the next pass goes on from there. Throws Interrupted,
  // and what `each` does; then nothing is known to be read.
  [[nodiscard]] Pass read(const Cursors& since, Instant now,
                          const std::function<bool(Session&&)>& each);

  // The session of that id, as a pass would hand it over. Keeps open what it looked into, for the
  // next one; not within a pass of the same library.
  [[nodiscard]] std::optional<Session> find(const std::string& id, Instant now);

 private:
  class Merger;

  std::vector<std::unique_ptr<Source>> sources_;
};

}  // namespace provenance
