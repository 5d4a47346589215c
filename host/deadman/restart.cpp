// SPDX-License-Identifier: Apache-2.0
#include "deadman/restart.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace host::deadman {
namespace {

// An argument that systemd hands on as it is: it puts variables in the place of $NAME and ${NAME},
// and "$$" is one "$" (systemd.service(5), "Command lines").
std::string as_it_is(const std::string& argument) {
  std::string text;
  for (const char c : argument) text.append(c == '$' ? 2 : 1, c);
  return text;
}

}  // namespace

bool is_service_name(const std::string& text) {
  constexpr std::string_view kEnd = ".service";
  if (text.size() <= kEnd.size() || text.size() > 255 || !text.ends_with(kEnd)) return false;
  // systemd.unit(5), "unit name prefix"; '\' stands in escaped names.
  constexpr std::string_view kOthers = ":_.@\\-";
  const auto fits = [&](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOthers.find(static_cast<char>(c)) != kOthers.npos;
  };
  return text.front() != '-' && text.front() != '.' && std::all_of(text.begin(), text.end(), fits);
}

Duration wait_for(const Restart& restart, Duration left, const Runner& runner) {
  constexpr Duration kLeast = std::chrono::seconds(5);
  if (restart.command.empty() || left < kLeast || !runner.has_bus(restart.manager)) return {};
  return std::chrono::floor<std::chrono::seconds>(left);
}

Errand errand_of(const Restart& restart, const std::string& name, Duration wait) {
  std::vector<std::string> arguments;
  const auto add = [&](std::initializer_list<std::string> more) {
    arguments.insert(arguments.end(), more);
  };
  add({restart.unit.empty() ? "/usr/bin/systemd-run" : "/usr/bin/systemctl"});
  if (restart.manager == Restart::Manager::user) add({"--user"});
  add({"--no-ask-password"});
  if (!restart.unit.empty()) {
    // Taken is enough: whether it helped is seen by the signs. A wait for a slow start would hold
    // the lock meanwhile, and ends nothing when it is cut off.
    add({"--no-block", "restart", "--", restart.unit});
    return {.arguments = std::move(arguments)};
  }
  // Its unit is gone when it has ended, so who does not wait never hears how.
  const bool waits = wait > Duration::zero();
  add({waits ? "--wait" : "--no-block", "--collect", "--unit=timmy-deadman-" + name,
       "--property=RuntimeMaxSec=300", "--", restart.command.front()});
  std::transform(restart.command.begin() + 1, restart.command.end(), std::back_inserter(arguments),
                 as_it_is);
  Errand errand{.arguments = std::move(arguments), .programs = {restart.command.front()}};
  if (waits) errand.limit = wait;
  return errand;
}

}  // namespace host::deadman
