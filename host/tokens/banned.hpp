// SPDX-License-Identifier: Apache-2.0
//
// Models and providers that the operator refuses, however they are spelled.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace host {

// A name of a model in lower case. Throws Error{invalid} unless it is of plain letters, digits and
// "._-+:/@~", at most 200 of them, with no part between slashes empty or of dots only: a name with
// a space, an escape or a letter that looks like another is nobody's, and would pass for one that
// it isn't.
[[nodiscard]] std::string plain_model_name(std::string_view asked);

class BannedModels {
 public:
  BannedModels() = default;
  // `models` are names and globs; case does not matter. Throws Error{invalid} on one that could
  // match no name.
  BannedModels(std::vector<std::string> providers, std::vector<std::string> models);

  // What bans it ("provider \"anthropic\"", "\"*claude*\""), or empty. `provider` is the route's,
  // `name` a plain_model_name(). A name is looked at whole and in each way that upstreams let it be
  // dressed: behind a provider's or a region's ("us.anthropic.claude"), before a variant
  // (":free") or a version ("@20240620").
  [[nodiscard]] std::string banning(std::string_view provider, std::string_view name) const;

 private:
  std::vector<std::string> providers_;
  std::vector<std::string> models_;
};

}  // namespace host
