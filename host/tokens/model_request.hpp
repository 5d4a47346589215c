// SPDX-License-Identifier: Apache-2.0
//
// A request of OpenAI's wire, judged before a byte of it leaves: whose model, how much at most, and
// what is sent on. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tokens/json_object_text.hpp"
#include "tokens/model_call.hpp"
#include "tokens/routes.hpp"

namespace host {

inline constexpr std::size_t kModelRequestCap = std::size_t{16} << 20;
// The most tokens that a picture, a sound or a file is taken for besides its bytes: a large picture
// is 48169 on the model that counts them dearest.
inline constexpr Tokens kMediaBound{65536};
inline constexpr std::int64_t kMostChoices = 8;
// A choice of fewer output tokens is of no use to anybody, unless fewer were asked for.
inline constexpr std::int64_t kLeastOutput = 16;

struct PreparedCall {
  ModelCallKind kind = ModelCallKind::chat;
  ModelName model;
  bool stream = false;
  bool usage_wanted = false;  // the client itself asked a stream for its usage
  std::int64_t choices = 1;
  HoldAsk ask;
  JsonObjectText request;
  std::string output_field;  // in which the upstream reads the bound of a choice; empty: embeddings

  // What is sent, when so much output was granted for all choices together.
  [[nodiscard]] std::string body(Tokens output);
};

// Throws Error{invalid} or {too_large} on a request that is none, names a second model or another
// upstream, or could use more than can be bounded; and as choose_model() does. Fields that it does
// not know are passed on.
[[nodiscard]] PreparedCall prepare_call(ModelCallKind kind, std::string text,
                                        const ModelRoute& route, const BannedModels& banned);

}  // namespace host
