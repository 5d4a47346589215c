// SPDX-License-Identifier: Apache-2.0
//
// Anybody's bytes as host.yaml. They are refused with an Error that says where, or give a
// configuration that holds together. A file with `schema` and `value` also goes through the
// validator of JSON Schema.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "config/document.hpp"
#include "config/host_config.hpp"
#include "config/json_schema.hpp"
#include "config/paths.hpp"

namespace {

constexpr const char* kFile = "/f/host.yaml";

void require(bool holds) {
  if (!holds) std::abort();
}

void read_config(std::string_view text) {
  static const host::Environment environment(
      std::map<std::string, std::string>{{"HOME", "/home/op"}});
  static const host::Paths paths = host::Paths::from(environment);
  try {
    const auto loaded = host::parse_host_config(text, kFile, "allegro", paths, environment);
    for (const auto& value : loaded.effective) {
      require((value.origin == host::Effective::Origin::built_in) == value.where.empty());
      require(loaded.settings.contains(host::Json::json_pointer(value.pointer)));
    }
    for (const auto& [id, plugin] : loaded.config.plugins)
      require(plugin.where.starts_with(kFile) && plugin.config.is_object());
  } catch (const host::ConfigError& error) {
    require(!error.problems().empty());
    for (const auto& problem : error.problems())
      require(problem.where.starts_with(kFile) && !problem.message.empty());
  }
}

void run_schema(const host::Json& file) {
  if (!file.is_object() || !file.contains("schema") || !file.contains("value")) return;
  try {
    const host::JsonSchema schema(file["schema"]);
    const host::Json filled = schema.with_defaults(file["value"]);
    require(schema.with_defaults(filled) == filled);
    for (const auto& violation : schema.validate(filled)) {
      require(!violation.message.empty());
      require(filled.contains(host::Json::json_pointer(violation.pointer)));
    }
  } catch (const host::Error& error) {
    require(error.code() == host::Code::invalid || error.code() == host::Code::too_large);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_config(text);
  try {
    run_schema(host::parse_yaml(text, "f.yaml").value());
  } catch (const host::Error& error) {
    require(error.message().starts_with("f.yaml"));
  }
  return 0;
}
