// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "base/result.hpp"
#include "services/service.hpp"

namespace host {

class Ledger;
class Store;

// tokens/1: what a plugin says of tokens that the host doesn't see, and what it may read of the
// account.
//
//   reserve  {tokens, provider?, model?, issue?} -> {reservation}   of the run's; given back at its
//                                                                   end
//   settle   {reservation, provider, model, USAGE} -> {}    a call of its own inside it; at once
//   release  {reservation} -> {}
//   report   {provider?, model?, USAGE} -> {}               charged with the run's end, however it
//                                                           ends; only what the host has not seen
//   standings {} -> {standings, pauses, next_reset}         each cap, and how it stands
//   usage    {dimension, days?} -> {usage}                  totals of today, or of so many days
//   rotate_log {keep?} -> {file}                            puts token_usage.jsonl away
//
// USAGE is input_tokens, output_tokens, cache_read_tokens?, cache_write_tokens?, reasoning_tokens?.
// The first four need no grant: they only spend the plugin's own pipeline. `issue` (owner/name#12)
// is as services/job_issue.hpp has it. `tokens.read` names the
// pipelines that standings and usage tell of; what is about no pipeline needs "*". `tokens.rotate`
// (any value) is for rotate_log.
//
// `rotate` puts the file away, keeps so many older ones, and returns the new name, or nothing where
// there was none. Store and ledger outlive the service.
[[nodiscard]] std::unique_ptr<Service> make_tokens_service(
    Ledger& ledger, Store& store, std::function<std::optional<std::string>(int keep)> rotate);

}  // namespace host
