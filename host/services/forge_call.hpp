// SPDX-License-Identifier: Apache-2.0
//
// One call of a plugin to gitea/1: its parameters, and how it is answered. Private to services/.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "gitea/types.hpp"
#include "services/service.hpp"

namespace host {

// Loop thread. `params` lasts as long as the method that is called with it: who answers later
// copies what is needed. What reads a parameter throws Error{usage} naming it.
struct ForgeCall {
  std::shared_ptr<RunContext> run;
  const Json& params;
  Reply<Json> reply;

  // The parameter `repo`. Throws Error{not_granted} unless the run holds the grant for it.
  [[nodiscard]] RepoName repo(std::string_view grant) const;
  // The parameter `owner`, of whose teams is told: to who may read anything that is the owner's.
  // Throws Error{not_granted} to others.
  [[nodiscard]] std::string owner_of_teams() const;
  // The parameter `number`.
  [[nodiscard]] std::int64_t number() const;
  [[nodiscard]] std::string text(std::string_view name) const {
    return text_parameter(params, name);
  }
  [[nodiscard]] std::string text(std::string_view name, std::string_view fallback) const {
    return text_parameter(params, name, fallback);
  }
  // A list of texts that is not empty.
  [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;
  [[nodiscard]] bool flag(std::string_view name, std::optional<bool> fallback = {}) const;
  // The parameter `since`.
  [[nodiscard]] std::optional<WallTime> since() const;

  // Remembers in the run that the forge was away, or asked for a pause.
  static void note_failure(RunContext& run, const Error& error);

  // Passes a result on as the JSON that `convert` makes of it.
  template <class T, class Convert>
  [[nodiscard]] Reply<T> answer(Convert convert) const {
    return forge_answer<T>(run, reply, std::move(convert));
  }

  // The same for any reply. A failure is noted in the run.
  template <class T, class Convert>
  [[nodiscard]] static Reply<T> forge_answer(std::shared_ptr<RunContext> run, Reply<Json> reply,
                                             Convert convert) {
    return [run = std::move(run), reply = std::move(reply),
            convert = std::move(convert)](Result<T> result) {
      if (!result.ok()) note_failure(*run, result.error());
      reply(attempt([&]() -> Json { return convert(std::move(result).value()); }));
    };
  }
};

}  // namespace host
