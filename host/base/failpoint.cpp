// SPDX-License-Identifier: Apache-2.0
#include "base/failpoint.hpp"

#ifdef TIMMY_FAILPOINTS

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/error.hpp"
#include "base/file.hpp"

namespace host {
namespace {

struct Plan {
  std::string name;
  int at = 0;  // 0: each time
  std::string action;
};

Plan read_plan() {
  const char* const text = std::getenv("TIMMY_FAILPOINT");
  if (text == nullptr) return {};
  const std::string_view all = text;
  const auto equals = all.find('=');
  if (equals == std::string_view::npos) {
    throw Error(Code::usage,
                "TIMMY_FAILPOINT is '" + std::string(all) + "', expected name[:n]=action",
                "Use kill, abort, eio, pause or sleep as the action.");
  }
  Plan plan;
  std::string_view name = all.substr(0, equals);
  plan.action = all.substr(equals + 1);
  if (const auto colon = name.find(':'); colon != std::string_view::npos) {
    const auto number = name.substr(colon + 1);
    std::from_chars(number.data(), number.data() + number.size(), plan.at);
    name = name.substr(0, colon);
  }
  plan.name = name;
  return plan;
}

// Counts are the process's, as the points are: the one place where state has no owner.
int count_hit(const char* name) {
  static std::mutex mutex;
  static std::map<std::string, int, std::less<>> hits;
  const std::scoped_lock lock(mutex);
  return ++hits[name];
}

// By looking: whoever lets it go may be a script.
void wait_for_go() {
  const char* const path = std::getenv("TIMMY_FAILPOINT_GO");
  if (path == nullptr) throw Error(Code::usage, "TIMMY_FAILPOINT_GO is not set");
  while (::access(path, F_OK) != 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

void write_log(const char* name) {
  const char* const path = std::getenv("TIMMY_FAILPOINT_LOG");
  if (path == nullptr) return;
  const Fd file(::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  const std::string line = std::string(name) + "\n";
  if (!file || ::write(file.get(), line.data(), line.size()) < 0) {
    throw system_error("write " + std::string(path));
  }
}

}  // namespace

void reach_failpoint(const char* name) {
  if (std::getenv("TIMMY_FAILPOINT") == nullptr && std::getenv("TIMMY_FAILPOINT_LOG") == nullptr) {
    return;
  }
  const int hit = count_hit(name);
  if (hit == 1) write_log(name);
  const Plan plan = read_plan();
  if (plan.name != name || (plan.at != 0 && plan.at != hit)) return;
  if (plan.action == "kill") {
    ::kill(::getpid(), SIGKILL);
  } else if (plan.action == "abort") {
    std::abort();
  } else if (plan.action == "eio") {
    throw Error(Code::io, "failpoint " + std::string(name));
  } else if (plan.action == "pause") {
    wait_for_go();
  } else if (plan.action == "sleep") {
    std::this_thread::sleep_for(std::chrono::minutes(1));
  }
}

}  // namespace host

#endif
