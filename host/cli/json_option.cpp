// SPDX-License-Identifier: Apache-2.0
#include "cli/json_option.hpp"

#include "base/file.hpp"
#include "base/kept_json.hpp"
#include "queue/job.hpp"

namespace host::cli {

Json json_option(const boost::program_options::variables_map& given, const std::string& name) {
  const auto text = given.count(name) ? given[name].as<std::string>() : std::string();
  if (text.empty()) return Json::object();
  if (text == "-")
    return parse_kept_json(read_all(0, kPayloadCap, "standard input"), "standard input");
  if (text.front() == '@')
    return parse_kept_json(read_file(text.substr(1), kPayloadCap), text.substr(1));
  return parse_kept_json(text, "--" + name);
}

}  // namespace host::cli
