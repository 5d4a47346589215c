// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "services/service.hpp"

namespace host {

class Ledger;
class ModelGateway;

// model/1: models, asked by the host with its own keys and within token_budget.json.
//
//   chat   {route, request, reservation?, timeout_ms?} -> {reply}   OpenAI's chat completions
//   embed  {route, request, reservation?, timeout_ms?} -> {reply}   OpenAI's embeddings
//   models {route} -> {models}                                      names; costs no tokens
//
// Grant: `model`, with the route. A request is OpenAI's, without "stream". What it may use is held
// before it leaves. Where a cap is in the way that begins anew and says that jobs wait for it, the
// call is refused as {rate_limited}, and a run that fails for it waits until then at no cost.
//
// All outlive the service.
[[nodiscard]] std::unique_ptr<Service> make_model_service(ModelGateway& models,
                                                          const Ledger& ledger);

}  // namespace host
