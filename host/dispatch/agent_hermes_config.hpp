// SPDX-License-Identifier: Apache-2.0
//
// The config.yaml of a run's own HERMES_HOME. Of the operator's file it takes settings of how the
// agent works, by an allow-list: nothing there names a server, a key, a program or another person's
// memory. Whatever asks a model asks the meter.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/json.hpp"

namespace host::dispatch {

struct HermesModelAccess {
  std::string model;
  std::string url;  // of the meter
  std::string key;  // of the run
};

// The operator's config.yaml; {} where there is none. Throws Error{invalid} when it can't be read,
// {denied} likewise: a Hermes that is set up otherwise than its operator thinks is none to run.
[[nodiscard]] Json read_hermes_config(const std::filesystem::path& hermes_home);

// The model that it names, in any of the forms that Hermes takes; empty: none.
[[nodiscard]] std::string model_in(const Json& config);

// As text: JSON, which is YAML.
[[nodiscard]] std::string hermes_config(const Json& operators, const HermesModelAccess& access,
                                        const std::filesystem::path& tree);

}  // namespace host::dispatch
