// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "services/service.hpp"

namespace host {

class Ledger;
class ModelGateway;

// model/1: models, asked by the host with its own keys and within token_budget.json.
//
//   chat   {route, request, reservation?, issue?, timeout_ms?} -> {reply, charged}
//          OpenAI's completions
//   embed  {route, request, reservation?, issue?, timeout_ms?} -> {reply, charged}
//          OpenAI's embeddings
//   models {route} -> {models}                                  names; costs no tokens
//
// charged: {input_tokens, output_tokens, total_tokens, source, cost_usd?}; the source is meter, or
// hold where the upstream told no count; no cost without a price.
//
// Grant: `model`, with the route; `issue` (owner/name#12) as services/job_issue.hpp says. A request
// is OpenAI's, without "stream". What it may use is held before it leaves. Where a cap is in the
// way that begins anew and says that jobs wait for it, the call is refused as {rate_limited}, and a
// run that fails for it waits until then at no cost. A call that is under way when its run ends is
// given up.
//
// All outlive the service.
[[nodiscard]] std::unique_ptr<Service> make_model_service(ModelGateway& models,
                                                          const Ledger& ledger);

}  // namespace host
