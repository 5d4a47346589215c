// SPDX-License-Identifier: Apache-2.0
//
// What a run leaves for the next one, in state/1, where it is committed with the job: under the key
// "ingest" the generation of the output and what could not be read; under "cursor:" and a hash of
// its name, a store's cursor, since a value there is bounded and the number of stores is not.
#pragma once

#include <timmy/context.hpp>
#include <timmy/job.hpp>

#include "ingest.hpp"

namespace provenance {

class SavedState {
 public:
  // Reads it. Throws what state/1 does.
  explicit SavedState(const timmy::Context& ctx);

  // As Ingested::saved; null: there is none.
  [[nodiscard]] const timmy::Json& saved() const { return saved_; }
  [[nodiscard]] timmy::Json troubles() const;

  // Replaces it by what a run came to, once the job is completed. What is the same is not written.
  void put(const Ingested& ingested);

 private:
  void put_cursors(const timmy::Json& cursors);

  const timmy::Context& ctx_;
  timmy::Json head_;                          // the value of "ingest"
  std::map<std::string, timmy::Json> parts_;  // by key: {"store", "cursor"}
  timmy::Json saved_;
};

}  // namespace provenance
