// SPDX-License-Identifier: Apache-2.0
//
// Where calls to models go: the operator's routes (host.yaml, model.routes), each one upstream with
// one credential, and what is refused on all of them (model.banned).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokens/banned.hpp"
#include "tokens/spender.hpp"
#include "tokens/usage.hpp"

namespace host {

struct ModelRoute {
  std::string name;
  std::string url;       // "https://api.openai.com/v1": what /chat/completions is put behind
  std::string provider;  // as rows and caps name it
  std::optional<std::filesystem::path> credential_file;  // nothing: the upstream takes no key
  std::vector<std::string> models;  // names and globs ('*', '?'); what is on none of them is
                                    // refused. A name with a variant or version behind it (':',
                                    // '@') is carried only by one that has a mark, too
  Tokens max_output{16384};         // of one choice; also where a request names none
  // No text has more tokens than its bytes divided by this. 1 holds for every tokenizer that works
  // on bytes; more makes holds smaller and may make overruns.
  std::int64_t bytes_per_token = 1;
};

// Where the upstream of a route answers `path` ("/models").
[[nodiscard]] std::string upstream_url(const ModelRoute& route, std::string_view path);

// A model that a client asked for, found allowed.
struct ChosenModel {
  ModelName account;  // on which it is charged: in lower case, however often its provider is named
  std::string upstream;  // what the upstream is asked for
};

struct ModelRoutes {
  std::vector<ModelRoute> routes;
  BannedModels banned;

  // nullptr: there is none of this name.
  [[nodiscard]] const ModelRoute* find(std::string_view name) const;
  // Throws Error{not_found} naming those that there are.
  [[nodiscard]] const ModelRoute& at(std::string_view name) const;
  // By its name; without one the only route, or the only one that carries the model. Throws
  // Error{not_found} where there is none, {usage} where there are several.
  [[nodiscard]] const ModelRoute& pick(std::string_view name,
                                       const std::optional<std::string>& model) const;
};

// Throws Error{invalid} on a route that may not be used: a URL that is none, or holds credentials
// or a query; a credential that would leave the machine unencrypted; no model; a number out of
// range.
void check_route(const ModelRoute& route);

// Throws Error{invalid} on what is no name of a model, {denied} on a banned one, {not_found} on one
// that the route does not carry.
[[nodiscard]] ChosenModel choose_model(const ModelRoute& route, const BannedModels& banned,
                                       std::string_view asked);

}  // namespace host
