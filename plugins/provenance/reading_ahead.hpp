// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "source.hpp"

namespace provenance {

// A source of which the next sessions are read by a thread of their own while one is being taken.
// What is taken, in which order and on which thread, is as without it. For one thread, which
// `find` is called on as well.
class ReadingAhead final : public SessionSource {
 public:
  // The source outlives it. Its `find` may be called while its `read` is busy on another thread.
  // `most`: the next session is begun only while those that were read and are not yet done with
  // have no more bytes than that, so that a large one is alone in memory.
  explicit ReadingAhead(SessionSource& source, std::size_t most = 2u << 20)
      : source_(source), most_(most) {}

  // Also throws what the thread does. Where none can be started it reads on this one. None is left
  // when it returns or throws.
  Passed read(const timmy::Json& cursor, const std::function<void(Session&&)>& take) override;
  std::optional<Session> find(const std::string& id) override { return source_.find(id); }

 private:
  SessionSource& source_;
  std::size_t most_;
};

}  // namespace provenance
