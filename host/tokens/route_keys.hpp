// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/redactor.hpp"
#include "gitea/token.hpp"
#include "tokens/routes.hpp"

namespace host {

// The real keys, as they stand in their files now: one that was rotated is taken at the next call.
// One loop's.
class RouteKeys {
 public:
  // `redactor` learns every key read.
  explicit RouteKeys(std::shared_ptr<Redactor> redactor) : redactor_(std::move(redactor)) {}

  // The value of the header "Authorization", if the route has a credential. Throws Error{denied} or
  // what TokenSource throws; the message names the file, and is for the log.
  [[nodiscard]] std::optional<std::string> authorization(const ModelRoute& route);

  // Text from an upstream, which may echo what it was sent, without any key that was ever given
  // out here. JSON stays JSON.
  [[nodiscard]] std::string scrub(std::string_view text) const { return sent_.scrub_json(text); }

 private:
  struct Source {
    TokenSource tokens;
    std::uint64_t known = 0;  // the generation that sent_ has
  };
  std::shared_ptr<Redactor> redactor_;
  Redactor sent_;
  std::map<std::filesystem::path, Source> sources_;
};

}  // namespace host
