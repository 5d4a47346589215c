// SPDX-License-Identifier: Apache-2.0
#include "deadman/restart.hpp"

#include <algorithm>
#include <string_view>

namespace host::deadman {

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

Errand errand_of(const Restart& restart, const std::string& name) {
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
  add({"--wait", "--collect", "--unit=timmy-deadman-" + name, "--property=RuntimeMaxSec=300",
       "--"});
  arguments.insert(arguments.end(), restart.command.begin(), restart.command.end());
  return {.arguments = std::move(arguments),
          .programs = {restart.command.front()},
          .limit = kCommandWait};
}

}  // namespace host::deadman
