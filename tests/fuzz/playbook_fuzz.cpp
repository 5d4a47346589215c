// SPDX-License-Identifier: Apache-2.0
//
// Anybody's bytes as a playbook, as agent-lanes.json, as a template and as a value in one. A file
// is refused with problems that say where, or gives what holds together; a value stays in its
// quotes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/host_config.hpp"
#include "dispatch/lanes.hpp"
#include "dispatch/playbook.hpp"
#include "dispatch/template_quote.hpp"

namespace {

using host::dispatch::TemplatePlace;

void require(bool holds) {
  if (!holds) std::abort();
}

template <class Read>
void read_file(const std::string& file, Read read) {
  try {
    read();
  } catch (const host::ConfigError& error) {
    require(!error.problems().empty());
    for (const auto& problem : error.problems())
      require(problem.where.starts_with(file) && !problem.message.empty());
  }
}

void read_playbook(std::string_view text) {
  read_file("p.yaml", [&] {
    const auto playbook = host::dispatch::parse_playbook(text, "p.yaml");
    require(playbook.name == "p" && playbook.limits.stall <= playbook.limits.wall);
    require(!host::dispatch::gate_rules(playbook).empty());
  });
}

void read_template(std::string_view text) {
  host::dispatch::TemplateValues values;
  for (const auto& variable : host::dispatch::variables())
    values[std::string(variable.name)] = std::string(text.substr(0, 100));
  for (const auto place : {TemplatePlace::prompt, TemplatePlace::title, TemplatePlace::body}) {
    std::vector<host::dispatch::TemplateFault> faults;
    const auto made = host::dispatch::Template::parse(text, place, faults);
    for (const auto& fault : faults)
      require(fault.offset < text.size() && text.substr(fault.offset).starts_with("{{"));
    (void)made.render(values);
  }
}

void quote(std::string_view text) {
  const auto lines = host::dispatch::quote_text(text, TemplatePlace::prompt);
  const auto note = lines.rfind("\n(The first ");
  const auto quoted = std::string_view(lines).substr(0, note);
  require(quoted.starts_with("> "));
  for (auto at = quoted.find('\n'); at != quoted.npos; at = quoted.find('\n', at + 1))
    require(quoted.substr(at + 1).starts_with("> "));
  require(host::dispatch::quote_line(text, TemplatePlace::prompt).find('\n') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_playbook(text);
  read_file("l.json", [&] { (void)host::dispatch::parse_lanes(text, "l.json"); });
  read_template(text);
  quote(text);
  return 0;
}
